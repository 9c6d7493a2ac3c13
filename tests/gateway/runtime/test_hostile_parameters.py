"""Parameters that pretend to be others: in the keys of the cache, in paths, in headers and as API keys."""

from __future__ import annotations

import pytest

from groundwatch.gateway.definition import (
    ApiKey,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    MethodSetting,
    RequestValidator,
)

CACHED = {"cache_cluster_enabled": True, "method_settings": {"*/*": MethodSetting(caching_enabled=True)}}
QUERY, PATH, HEADER = "method.request.querystring.q", "method.request.path.p", "method.request.header.h"
PRETENDERS = [
    # what a client asks for, what another does, which must not get the same
    pytest.param([QUERY], "/a", "/a?q=%00", id="absent, and a NUL"),
    pytest.param([QUERY], "/a?q=1&q=2", "/a?q=1%012", id="two values, and one with what is between them"),
    pytest.param([QUERY], "/a?q=", "/a", id="empty, and absent"),
    pytest.param([QUERY], "/a?q=&q=", "/a?q=", id="empty twice, and once"),
    pytest.param([QUERY], "/a?q=1&q=2", '/a?q=1","2', id="two values, and one with quotes"),
    pytest.param([QUERY], "/a?q=a%20b", "/a?q=a%2Bb", id="a blank, and a plus"),
    pytest.param([PATH], "/a%2Fb", "/a%252Fb", id="encoded once, and twice"),
    pytest.param([PATH, QUERY], "/a?q=b", "/a%00b", id="two parameters, and one with a NUL"),
]


@pytest.mark.parametrize(("parameters", "wanted", "pretended"), PRETENDERS)
async def test_answers_are_kept_apart(parameters, wanted, pretended, make_gateway, aws):
    gateway = make_gateway({"/{p}": aws(integration={"cache_key_parameters": parameters})})
    gateway.catalog.set_stage(**CACHED)
    for path in (pretended, wanted, wanted):
        await gateway.request(path)
    assert len(gateway.backend.calls) == 2


async def test_a_greedy_path_is_kept_as_it_was_written(make_gateway, web_server):
    """The backend gets it as it was written, and may know the two as different things."""
    integration = Integration(
        type="HTTP_PROXY",
        http_method="GET",
        uri=web_server.url + "/{p}",
        request_parameters={"integration.request.path.p": PATH},
        cache_key_parameters=[PATH],
        responses={"200": IntegrationResponse("200")},
    )
    method = Method(
        "GET", request_parameters={PATH: True}, responses={"200": MethodResponse("200")}, integration=integration
    )
    gateway = make_gateway({"/{p+}": method})
    gateway.catalog.set_stage(**CACHED)
    for path in ("/a%2Fb", "/a/b", "/a%2Fb", "/a/b"):
        assert (await gateway.request(path)).status == 200
    assert [request.target for request in web_server.received] == ["/a%2Fb", "/a/b"]


async def test_headers_of_the_same_text_are_kept_apart(make_gateway, aws):
    gateway = make_gateway({"/": aws(integration={"cache_key_parameters": [HEADER, QUERY]})})
    gateway.catalog.set_stage(**CACHED)
    await gateway.request("/", headers={"h": "x"})
    await gateway.request("/?q=x")
    assert len(gateway.backend.calls) == 2


PATHS = [
    # path of the request, parameter as the backend gets it; None: no such resource
    pytest.param("/files/%2e%2e", "..", id="two dots"),
    pytest.param("/files/a%2Fb", "a/b", id="a slash"),
    pytest.param("/files/%252e%252e", "%2e%2e", id="encoded twice"),
    pytest.param("/files/a;b=c", "a;b=c", id="a semicolon"),
    pytest.param("/files/a%00b", "a\0b", id="a NUL"),
    pytest.param("/files/%zz", "%zz", id="no encoding"),
    pytest.param("/files/%c0%ae", "\ufffd\ufffd", id="too long an encoding"),
    pytest.param("//files//a//", "a", id="slashes"),
    pytest.param("/files/../a", None, id="a way up"),
    pytest.param("/files/./a", None, id="no way"),
    pytest.param("/FILES/a", None, id="another case"),
    pytest.param("/files%2Fa", None, id="a slash that is none"),
    pytest.param("/files%00/a", None, id="a NUL behind the name"),
    pytest.param("/files/", None, id="nothing"),
    pytest.param("/fil%65s/a", "a", id="an encoded letter"),
]


@pytest.mark.parametrize(("path", "parameter"), PATHS)
async def test_paths(path, parameter, make_gateway, aws):
    template = {"application/json": "$input.params('name')"}
    gateway = make_gateway({"/files/{name}": aws(integration={"request_templates": template})})
    answer = await gateway.request(path)
    if parameter is None:
        assert (answer.status, answer.body) == (403, '{"message":"Missing Authentication Token"}')
        assert gateway.backend.calls == []
    else:
        assert answer.status == 200
        assert gateway.backend.calls[0][1].body == parameter.encode()


WAYS_OUT = [
    # parameters of /{a}/{rest+}, and what the backend is asked for; None: refused
    pytest.param("/x%2Fy/x/y", "/x%2Fy/-/x/y", id="the same text as the greedy one"),
    pytest.param("/x/a%2Fb/c", "/x/-/a%2Fb/c", id="the greedy one as it was written"),
    pytest.param("/%2e%2e/a", None, id="encoded dots"),
    pytest.param("/x/%252e%252e/a", None, id="dots that are encoded twice"),
    pytest.param("/a%252F%252e%252e%252Fb/c", None, id="slashes that are encoded twice"),
    pytest.param("/x/a%255C..%255Cb", None, id="backslashes that are encoded twice"),
]


@pytest.mark.parametrize(("path", "target"), WAYS_OUT)
async def test_path_parameters_stay_in_their_place(path, target, make_gateway, web_server):
    names = ("a", "rest")
    integration = Integration(
        type="HTTP_PROXY",
        http_method="GET",
        uri=web_server.url + "/{a}/-/{rest}",
        request_parameters={f"integration.request.path.{name}": f"method.request.path.{name}" for name in names},
    )
    method = Method(
        "GET", request_parameters={f"method.request.path.{name}": True for name in names}, integration=integration
    )
    answer = await make_gateway({"/{a}/{rest+}": method}).request(path)
    assert answer.status == (400 if target is None else 200)
    assert [request.target for request in web_server.received] == ([] if target is None else [target])


KEYS = [
    pytest.param("", id="empty"),
    pytest.param(" ", id="a blank"),
    pytest.param("good,good", id="two"),
    pytest.param("GOOD", id="another case"),
    pytest.param("good\xa0", id="a blank that is none"),
    pytest.param("g" * 9000, id="long"),
    pytest.param("'; drop table api_keys; --", id="a statement"),
    pytest.param("good%00", id="encoded"),
    pytest.param("\xff\xfe", id="no text"),
]


@pytest.mark.parametrize("key", KEYS)
async def test_api_keys(key, make_gateway, mock):
    gateway = make_gateway({"/": mock(api_key_required=True)})
    gateway.catalog.keys["good"] = ApiKey("k1", "good", "mine", "123456789012", "eu-west-1", 0, 0, enabled=True)
    assert (await gateway.request("/", headers={"x-api-key": "good"})).status == 200
    answer = await gateway.request("/", headers={"x-api-key": key})
    assert (answer.status, answer.body) == (403, '{"message":"Forbidden"}')
    assert answer.headers["x-amzn-errortype"] == "ForbiddenException"


REQUIRED = [
    pytest.param("/", {}, "h, q", id="both missing"),
    pytest.param("/?q=", {"h": " "}, "h, q", id="both blank"),
    pytest.param("/?q=%20%09", {"h": "x"}, "q", id="white space"),
    pytest.param("/?q=1&q=", {"h": "x"}, "q", id="the last counts"),
    pytest.param("/?Q=1", {"h": "x"}, "q", id="another case"),
    pytest.param("/?q%00=1", {"h": "x"}, "q", id="a NUL behind the name"),
    pytest.param("/?" + "x=1&" * 2000, {"h": "x"}, "q", id="thousands of others"),
]


@pytest.mark.parametrize(("path", "headers", "missing"), REQUIRED)
async def test_required_parameters(path, headers, missing, make_gateway, mock):
    method = mock(request_parameters={QUERY: True, HEADER: True}, request_validator_id="v")
    validators = {"v": RequestValidator("v", "v", validate_request_parameters=True)}
    answer = await make_gateway({"/": method}, request_validators=validators).request(path, headers=headers)
    assert answer.status == 400
    assert answer.body == f'{{"message": "Missing required request parameters: [{missing}]"}}'
    assert answer.headers["x-amzn-errortype"] == "BadRequestException"
