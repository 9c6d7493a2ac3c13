"""Which method a path and a verb mean."""

from __future__ import annotations

import pytest

from groundwatch.gateway.definition import Resource
from groundwatch.gateway.runtime.routing import Router

PATHS = [
    "/", "/groups", "/groups/{group}", "/groups/{group}/streams", "/groups/all", "/files", "/files/{path+}",
    "/files/static", "/files/static/logo", "/x/{proxy+}", "/100%25",
]  # fmt: skip

ROWS = [
    pytest.param("/", "/", {}, id="the root"),
    pytest.param("", "/", {}, id="an empty path is the root"),
    pytest.param("/groups", "/groups", {}, id="a literal"),
    pytest.param("/groups/", "/groups", {}, id="a trailing slash does not matter"),
    pytest.param("//groups", "/groups", {}, id="repeated slashes before a literal do not matter"),
    pytest.param("/groups/all", "/groups/all", {}, id="a literal is preferred to a variable"),
    pytest.param("/groups/api", "/groups/{group}", {"group": "api"}, id="a variable"),
    pytest.param("/groups/%2Fsvc%2Forders", "/groups/{group}", {"group": "/svc/orders"}, id="encoded slashes are data"),
    pytest.param("/groups/a%20b%2B+c", "/groups/{group}", {"group": "a b++c"}, id="a plus in a path is a plus"),
    pytest.param("/groups/%67/streams", "/groups/{group}/streams", {"group": "g"}, id="a variable in the middle"),
    pytest.param("/%67roups", "/groups", {}, id="literals are compared decoded"),
    pytest.param("/100%25", None, None, id="what a literal is compared with is decoded even where it looks the same"),
    pytest.param("/groups/all/streams", None, None, id="a literal takes its subtree from the variable"),
    pytest.param("/files/a/b", "/files/{path+}", {"path": "a/b"}, id="greedy takes the rest"),
    pytest.param("/x/proxy-value//double/", "/x/{proxy+}", {"proxy": "proxy-value//double"}, id="greedy keeps slashes"),
    pytest.param("/files/static/other", None, None, id="a literal takes its subtree from the greedy sibling"),
    pytest.param("/files/static/logo", "/files/static/logo", {}, id="a literal below a literal"),
    pytest.param("/x", None, None, id="greedy needs a segment"),
    pytest.param("/x/", None, None, id="greedy needs a segment that is not empty"),
    pytest.param("/nowhere", None, None, id="unknown"),
    pytest.param("/groups/a/streams/b", None, None, id="too long"),
    pytest.param("/Groups", None, None, id="case matters"),
]


@pytest.mark.parametrize(("path", "resource", "parameters"), ROWS)
def test_path(path, resource, parameters):
    match = Router([Resource(str(n), p) for n, p in enumerate(PATHS)]).match(path)
    assert (match.resource.path if match else None, match.parameters if match else None) == (resource, parameters)


VERBS = [
    pytest.param("GET", {}, 200, id="exact"),
    pytest.param("DELETE", {}, 403, id="no ANY, no method"),
    pytest.param("HEAD", {}, 403, id="HEAD is not derived from GET"),
    pytest.param("POST", {"X-HTTP-Method-Override": "GET"}, 200, id="the override header replaces the verb"),
    pytest.param("GET", {"X-HTTP-Method-Override": "ANY"}, 403, id="ANY is not a verb"),
]


@pytest.mark.parametrize(("verb", "headers", "status"), VERBS)
async def test_verb(verb, headers, status, make_gateway, mock):
    gateway = make_gateway({"/": mock()})
    assert (await gateway.request("/", verb, headers=headers)).status == status


@pytest.mark.parametrize("verb", ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"])
async def test_any_stands_for_every_verb_but_those_defined(verb, make_gateway, mock):
    gateway = make_gateway({"/": [mock(verb="ANY"), mock(verb="POST")]})
    answer = await gateway.request("/", verb)
    served_by = "POST" if verb == "POST" else "ANY"
    assert (answer.status, answer.body) == (200, "" if verb == "HEAD" else f'{{"at":"{served_by} /"}}')


async def test_any_does_not_stand_for_other_verbs(make_gateway, mock):
    gateway = make_gateway({"/": mock(verb="ANY")})
    assert (await gateway.request("/", "TRACE")).status == 403
