"""Definitions of REST APIs that do not parse, or are mutations of good ones."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.end_to_end.bad_input.hostile import LEAKS, connect, http, import_definition, read_answer

EXAMPLES = Path(__file__).parents[3] / "examples"


ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b" ", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"a: [", id="cut off"),
        pytest.param(b'openapi: "\xff"', id="not utf-8"),
        pytest.param(b"[" * 50_000, id="brackets"),
        pytest.param(ALIASES.encode(), id="aliases of aliases"),
        pytest.param(b"a: !!python/object/apply:os.system [x]", id="a tag"),
        pytest.param(b"a: !!int 1" + b":59" * 100_000, id="a number to the base of sixty"),
        pytest.param(b"openapi: 3.0.1\nx: 0x" + b"f" * 5000, id="a long number"),
    ],
)
def test_definitions_that_do_not_parse(caller, document):
    started = time.monotonic()
    answer = import_definition(caller, document)
    assert answer.status == 400
    assert json.loads(answer.body)["message"].startswith("Invalid OpenAPI input.")
    assert time.monotonic() - started < 3


def test_a_definition_over_the_limit(caller):
    assert import_definition(caller, b" " * (6 * 1024 * 1024 + 1)).status == 413


ODD_VALUES = (
    *(None, True, 0, -1, 1.5, 2**70, "", "x", "$input.path(", "\0", "a" * 5000, [], {}, [None], {"a": None}),
    *("${stageVariables.x}", "method.request.body", "(", ".*", "#foreach($x in", "\r\nX: y", "../..", ["x"]),
    *({"$ref": "#/x"}, {"$ref": "#"}, "aws", "mock", "200", "default"),
)


def places(tree: object, at: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    if at:
        yield at
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def mutated(tree: dict[str, object], chance: random.Random) -> bytes:
    """Return a definition in which some parts are replaced or removed."""
    copy = json.loads(json.dumps(tree))
    for _ in range(chance.choice((1, 1, 2, 4))):
        *path, last = chance.choice(list(places(copy)))
        holder = copy
        for key in path:
            holder = holder[key]
        if chance.random() < 0.2:
            del holder[last]
        else:
            holder[last] = chance.choice(ODD_VALUES)
    return json.dumps(copy).encode()


@pytest.mark.parametrize(("name", "seed"), [("logs-api.yaml", 1), ("get-log-events.yaml", 2)])
def test_mutated_definitions_are_refused_or_serve_documented_answers(caller, server, name, seed):
    chance = random.Random(seed)
    text = (EXAMPLES / name).read_text().replace("role/logs-reader", "role/groundwatch-logs-api")
    tree = yaml.safe_load(text)
    apis = server.client("apigateway")
    outcomes = {201: 0, 400: 0}
    with connect(server.gateway_port, tls=True) as gateway:
        for _ in range(100):
            document = mutated(tree, chance)
            answer = import_definition(caller, document)
            assert answer.status in (201, 400, 403), document
            outcomes[answer.status] = outcomes.get(answer.status, 0) + 1
            assert not LEAKS.search(answer.body)
            if answer.status == 201:
                api = json.loads(answer.body)["id"]
                check_deployed(apis, api, gateway)
                apis.delete_rest_api(restApiId=api)
    assert min(outcomes[201], outcomes[400]) > 10, "the mutations are either harmless or hopeless"


def check_deployed(apis, api: str, gateway: socket.socket) -> None:
    try:
        apis.create_deployment(restApiId=api, stageName="t")
    except apis.exceptions.BadRequestException:
        return
    for resource in apis.get_resources(restApiId=api, embed=["methods"])["items"]:
        path = re.sub(r"\{[^}]*\}", "%2Fa%0d%0a", resource["path"]).replace(" ", "%20")
        if not path.isascii() or not path.isprintable():
            continue
        for method in resource.get("resourceMethods", {}):
            verb = "GET" if method == "ANY" else method
            gateway.sendall(http(verb, f"/{api}/t{path}?limit=%0d&a=%zz", {"host": "a"}))
            answer = read_answer(gateway)
            assert answer.status in (200, 400, 403, 404, 415, 500), (path, answer)
            assert not LEAKS.search(answer.body), answer.body
            if answer.status == 500:
                assert answer.body == b'{"message": "Internal server error"}'
