"""Mapping templates made to fail, to leak or to cost much."""

from __future__ import annotations

import json
import threading
import time

import pytest
from tests.end_to_end.bad_input.hostile import Answer, exchange, http, import_definition

LOOP = "#set($l=[" + ",".join("1" * 1000) + "])" + "#foreach($i in $l)" * 3 + "#end" * 3
HOSTILE: dict[str, dict[str, object]] = {
    "a syntax error": {"request": "#if("},
    "an error at run time": {"request": "$util.exec('ls')"},
    "an endless loop": {"request": LOOP},
    "a long range": {"request": "#foreach($i in [1..1000000000])x#end"},
    "doubling": {"request": "#set($a='xxxxxxxxxx')" + '#set($a="$a$a")' * 60 + "$a"},
    "recursion": {"request": "#macro(a)#a()#end#a()"},
    "a search that repeats itself": {"request": "$input.json('$..*')"},
    "matches": {"request": "#if($input.body.matches('(a+)+$'))#end#if("},
    "split": {"request": "$input.body.split('(a*)*b')"},
    "replaceAll": {"request": "$input.body.replaceAll('','" + "b" * 10_000 + "')"},
    "a pattern that explodes": {"request": "$input.body.matches('((a{1,1000}){1,1000}){1,1000}')"},
    "an error in the response": {"response": "#if("},
    "a loop in the response": {"response": LOOP},
    "a header of two lines": {
        "request": "#set($context.responseOverride.header.X-R=$input.params('q')){\"statusCode\":200}"
    },
    "a header name of two lines": {
        "request": "#set($context.responseOverride.header[$input.params('q')]='1'){\"statusCode\":200}"
    },
    "a status that is none": {"request": '{"statusCode":1e999}'},
    "a status of brackets": {"request": "[" * 50_000},
}


@pytest.fixture(scope="module")
def hostile_api(caller, server) -> str:
    """One API with a method for every hostile mapping."""
    paths = {}
    for number, mappings in enumerate(HOSTILE.values()):
        response = {"statusCode": "200", "responseTemplates": {"application/json": mappings.get("response", "{}")}}
        integration = {
            "type": "mock",
            "requestTemplates": {"application/json": mappings.get("request", '{"statusCode":200}')},
            "responses": {"default": response},
        }
        operation = {"responses": {"200": {"description": ""}}, "x-amazon-apigateway-integration": integration}
        paths[f"/{number}"] = {"post": operation}
    document = {"openapi": "3.0.1", "info": {"title": "hostile", "version": "1"}, "paths": paths}
    answer = import_definition(caller, json.dumps(document).encode())
    assert answer.status == 201, answer
    api = json.loads(answer.body)["id"]
    server.client("apigateway").create_deployment(restApiId=api, stageName="t")
    return api


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + json.dumps("a" * 30_000).encode() + b"}" * depth


def call_hostile(server, api: str, name: str) -> Answer:
    number = list(HOSTILE).index(name)
    headers = {"host": "a", "content-type": "application/json"}
    body = nested(800)
    return exchange(
        server.gateway_port, http("POST", f"/{api}/t/{number}?q=a%0d%0aX-Evil:%201", headers, body), tls=True
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mappings_answer_like_the_service(server, hostile_api, name):
    started = time.monotonic()
    answer = call_hostile(server, hostile_api, name)
    assert (answer.status, answer.body) == (500, b'{"message": "Internal server error"}')
    assert b"x-evil" not in answer.head
    assert time.monotonic() - started < 5


def test_a_selection_pattern_that_is_none_is_refused(caller):
    integration = {"type": "mock", "responses": {"(": {"statusCode": "200"}}}
    operation = {"responses": {"200": {"description": ""}}, "x-amazon-apigateway-integration": integration}
    document = {"openapi": "3.0.1", "info": {"title": "x", "version": "1"}, "paths": {"/": {"get": operation}}}
    answer = import_definition(caller, json.dumps(document).encode())
    assert answer.status == 400
    assert b"Invalid selection pattern" in answer.body


def test_other_clients_are_served_during_an_attack(server, caller, hostile_api):
    over = threading.Event()

    def attack() -> None:
        while not over.is_set():
            call_hostile(server, hostile_api, "an endless loop")

    attackers = [threading.Thread(target=attack) for _ in range(3)]
    for attacker in attackers:
        attacker.start()
    waits: list[float] = []
    for _ in range(20):
        started = time.monotonic()
        assert caller.logs("DescribeLogGroups", {"limit": 1}).status == 200
        waits.append(time.monotonic() - started)
    over.set()
    for attacker in attackers:
        attacker.join()
    assert max(waits) < 1
