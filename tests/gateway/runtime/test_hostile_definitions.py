"""Definitions that try to use up the gateway at run time: the service's error, at once, and the next request works."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import (
    Authorizer,
    GatewayResponse,
    IntegrationResponse,
    MethodResponse,
    Model,
    RequestValidator,
)
from groundwatch.gateway.functions import FunctionAnswer

INTERNAL = '{"message": "Internal server error"}'
BOUND_S = 8
DOUBLED = "#set($l=[1])#foreach($i in [1..60])#set($l=[$l,$l])#end"
MANY = "#foreach($i in [1..200])#foreach($j in [1..200])#set($x=$context.{}.put(\"x$i-$j\", 'v'))#end#end"
ROLE = "arn:aws:iam::123456789012:role/logs"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"
FUNCTION_URI = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"

OVERRIDES = [
    pytest.param(f"{DOUBLED}#set($context.requestOverride.{place}.x = $l)", id=f"a list of itself in {place}")
    for place in ("header", "querystring", "path")
]
OVERRIDES += [
    pytest.param(f"{DOUBLED}#set($context.responseOverride.header.x = $l)", id="a list of itself in the answer"),
    *(
        pytest.param(MANY.format(f"requestOverride.{place}"), id=f"thousands in {place}")
        for place in ("header", "querystring", "path")
    ),
    pytest.param(MANY.format("responseOverride.header"), id="thousands in the answer"),
]
LONG = "#set($s='0123456789')#foreach($i in [1..12])#set($s=$s+$s)#end"
OVERRIDES += [
    pytest.param(
        f'{LONG}#foreach($i in [1..1000])#set($x=$context.{place}.put("x$i", $s))#end', id=f"megabytes in {place}"
    )
    for place in ("requestOverride.header", "requestOverride.path", "responseOverride.header")
]
OVERRIDES += [
    pytest.param(
        f"{LONG}#set($l=[])#foreach($i in [1..1000])#set($x=$l.add($s))#end#set($context.requestOverride.{place}.x=$l)",
        id=f"one text a thousand times in {place}",
    )
    for place in ("header", "querystring", "path")
]


async def refused(gateway, path: str = "/", method: str = "GET", **options) -> None:
    begin = time.process_time()
    answer = await gateway.request(path, method, **options)
    assert (answer.status, answer.body) == (500, INTERNAL)
    assert answer.headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert time.process_time() - begin < BOUND_S


@pytest.mark.parametrize("template", OVERRIDES)
async def test_overrides_are_few_and_flat(template, make_gateway, aws, caplog):
    gateway = make_gateway({"/": aws(integration={"request_templates": {"application/json": template}})})
    await refused(gateway)
    assert "Traceback" not in caplog.text


async def test_a_body_that_is_mapped_to_many_parameters(make_gateway, aws):
    parameters = {f"integration.request.header.x{number}": "method.request.body.a" for number in range(100)}
    gateway = make_gateway({"/": aws("POST", integration={"request_parameters": parameters})})
    await refused(gateway, "/", "POST", body=b'{"a":"' + b"x" * 100_000 + b'"}')
    assert gateway.backend.calls == []


async def test_an_answer_that_is_mapped_to_many_headers(make_gateway, aws):
    names = [f"method.response.header.x{number}" for number in range(100)]
    responses = {"200": MethodResponse("200", response_parameters=dict.fromkeys(names, False))}
    response = IntegrationResponse("200", response_parameters=dict.fromkeys(names, "integration.response.body.a"))
    gateway = make_gateway({"/": aws(integration={"responses": {"200": response}}, responses=responses)})
    gateway.backend.answer = WireResponse(200, (), b'{"a":"' + b"x" * 10_000 + b'"}')
    await refused(gateway)


async def test_a_gateway_response_that_repeats_what_clients_send(make_gateway, mock):
    template = "$method.request.header.a " * 10_000
    custom = GatewayResponse("INVALID_API_KEY", "418", response_templates={"application/json": template})
    gateway = make_gateway({"/": mock(api_key_required=True)}, gateway_responses={"INVALID_API_KEY": custom})
    short = await gateway.request("/", headers={"A": "x"})
    assert (short.status, len(short.body)) == (418, 20_000)
    answer = await gateway.request("/", headers={"A": "x" * 9000})
    assert (answer.status, answer.body) == (403, '{"message":"Forbidden"}')


@pytest.mark.parametrize("value", ["1", "'x'", "[1]", "{'requestOverride': 1}", "{'responseOverride': [1]}", "true"])
async def test_a_context_that_was_replaced_has_no_overrides(value, make_gateway, aws, caplog):
    templates = {"application/json": f"#set($context = {value})"}
    response = IntegrationResponse("200", response_templates={"application/json": f"#set($context = {value})ok"})
    gateway = make_gateway({"/": aws(integration={"request_templates": templates, "responses": {"200": response}})})
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (200, "ok")
    assert "Traceback" not in caplog.text


async def test_a_selection_pattern_does_not_read_megabytes_for_ever(make_gateway, aws):
    pattern = "|".join(f"(?:[xy]?){{{900 + i}}}z" for i in range(5))
    responses = {"200": IntegrationResponse("200"), "400": IntegrationResponse("400", selection_pattern=pattern)}
    integration = {"uri": FUNCTION_URI, "credentials": None, "responses": responses}
    gateway = make_gateway({"/": aws(integration=integration)})
    gateway.functions.answers[FUNCTION] = FunctionAnswer(
        b'{"errorMessage":"%s"}' % (b"x" * 5_000_000), error="Unhandled"
    )
    await refused(gateway)


UNUSABLE = [
    pytest.param("#foreach($i in [1..100])#foreach($j in [1..100])x#end#end#stop", 200, id="a loop within bounds"),
    pytest.param("#macro(m)#m()#end#m()", 500, id="recursion"),
    pytest.param("#set($a='x')#foreach($i in [1..1000])#set($a=$a+$a)#end$a", 500, id="doubling"),
    pytest.param("#parse('file:///etc/passwd')", 500, id="#parse"),
    pytest.param("#include('x')", 500, id="#include"),
    pytest.param("#evaluate('x')", 500, id="#evaluate"),
    pytest.param("$input.getClass().forName('java.lang.Runtime')", 500, id="reflection"),
    pytest.param("#if(", 500, id="half a directive"),
    pytest.param("#set($a = 1", 500, id="half an assignment"),
    pytest.param("$input.path('$[')", 500, id="half a path"),
    pytest.param("$util.parseJson('{')", 500, id="half a document"),
    pytest.param("$util.parseJson(" + "'" + "[" * 5000 + "')", 500, id="a deep document"),
    pytest.param("$input.body.matches('(')", 500, id="half an expression"),
    pytest.param("$input.body.matches('(?=x)')", 500, id="look-ahead"),
    pytest.param("#set($s = 'x')$s.replaceAll('x', '$9')", 500, id="a group that is not there"),
]


@pytest.mark.parametrize(("template", "status"), UNUSABLE)
async def test_templates(template, status, make_gateway, aws):
    """The service, too, tells the owner's fault as 500 and keeps the reason for the log."""
    gateway = make_gateway({"/": aws(integration={"request_templates": {"application/json": template}})})
    if status == 500:
        await refused(gateway)
    else:
        assert (await gateway.request("/")).status == status


async def test_the_loop_stays_free_while_templates_run(make_gateway, aws, mock):
    template = "#foreach($i in [1..1000])#foreach($j in [1..300])#set($x=$i*$j)#end#end"
    heavy = aws(integration={"request_templates": {"application/json": template}})
    gateway = make_gateway({"/heavy": heavy, "/light": mock("/light")})
    running = [asyncio.ensure_future(gateway.request("/heavy")) for _ in range(4)]
    await asyncio.sleep(0)
    assert (await gateway.request("/light")).status == 200
    assert not all(task.done() for task in running)
    for task in running:
        await task


async def test_an_expression_for_tokens_does_not_hold_up_the_loop(make_gateway, mock):
    pattern = "|".join(f"(?:[xy]?){{{900 + i}}}z" for i in range(5))
    uri = FUNCTION_URI.replace(":f/", ":guard/")
    authorizer = Authorizer(
        "z",
        "z",
        "TOKEN",
        authorizer_uri=uri,
        identity_source="method.request.header.A",
        identity_validation_expression=pattern,
    )
    method = mock(authorization_type="CUSTOM", authorizer_id="z")
    gateway = make_gateway({"/": method}, authorizers={"z": authorizer})
    begin = time.process_time()
    answer = await gateway.request("/", headers={"A": "x" * 9000})
    assert (answer.status, answer.body) == (401, '{"message":"Unauthorized"}')
    assert time.process_time() - begin < 1
    assert gateway.functions.calls == []


SCHEMAS = [
    pytest.param('{"pattern": "(x+x+)+y"}', b'"' + b"x" * 100_000 + b'"', 400, id="backtracking"),
    pytest.param(
        '{"items": {"pattern": "(?:[xy]?){1000}(?:[xy]?){1000}z"}}',
        b"[" + b",".join([b'"' + b"x" * 2000 + b'"'] * 2000) + b"]",
        400,
        id="a pattern that unfolds",
    ),
    pytest.param('{"pattern": "' + "(?:[a-y]?){1000}" * 60 + '"}', b'"x"', 500, id="a pattern that unfolds too far"),
    pytest.param('{"pattern": "("}', b'"x"', 500, id="a pattern that is none"),
    pytest.param('{"$ref": "#"}', b"1", 400, id="a reference to itself"),
    pytest.param(
        '{"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/a"}}}', b"1", 400, id="a ring"
    ),
    pytest.param('{"$ref": "http://127.0.0.1:1/schema.json"}', b"1", 500, id="a reference elsewhere"),
    pytest.param('{"$ref": "file:///etc/passwd"}', b"1", 500, id="a reference to a file"),
    pytest.param('{"$ref": "#/definitions/none"}', b"1", 500, id="a reference to nothing"),
    pytest.param('{"properties": {"a": {"$ref": "#"}}}', b'{"a":' * 50 + b"1" + b"}" * 50, 200, id="deep"),
    pytest.param('{"properties": {"a": {"$ref": "#"}}}', b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, id="too deep"),
    pytest.param('{"enum": [' + ",".join(map(str, range(50_000))) + "]}", b"-1", 400, id="a long enumeration"),
    pytest.param(
        '{"items": {"enum": [' + ",".join(map(str, range(10_000))) + "]}}", b"[" + b"-1," * 5000 + b"-1]", 400,
        id="a long enumeration for many",
    ),
    pytest.param(
        '{"definitions": {"a": {"anyOf": [{"items": {"$ref": "#/definitions/a"}}, '
        '{"items": {"$ref": "#/definitions/a"}}, {"type": "null"}]}}, "allOf": [{"$ref": "#/definitions/a"}]}',
        b"[" * 60 + b"1" + b"]" * 60, 200, id="branches",
    ),
    pytest.param('{"uniqueItems": true}', b"[" + b"1," * 100_000 + b"1]", 400, id="many duplicates"),
    pytest.param('{"multipleOf": 0.1}', b"1e308", 200, id="a quotient that is infinite"),
    pytest.param('{"multipleOf": 1e-300}', b"1" * 400, 200, id="a number that is no double"),
    pytest.param('{"multipleOf": 0.1}', b"0.3", 200, id="a multiple that doubles are not"),
    pytest.param('{"multipleOf": 0.1}', b"0.35", 400, id="no multiple"),
    pytest.param('{"maximum": 1.5}', b"1" * 400, 400, id="a number above every double"),
    pytest.param('{"type": "integer", "uniqueItems": true}', b"1e400", 400, id="infinity"),
    pytest.param(
        json.dumps({"allOf": [{"items": {}}] * 1000}), b"[" + b"1," * 150_000 + b"1]", 400, id="all values many times"
    ),
    pytest.param(
        json.dumps({"allOf": [{"additionalProperties": {}}] * 1000}),
        json.dumps(dict.fromkeys(map(str, range(150_000)))).encode(), 400, id="all members many times",
    ),
    pytest.param(
        json.dumps({"allOf": [{"uniqueItems": True}] * 1000}), b"[[" + b"1," * 150_000 + b"1]]", 400,
        id="all values compared many times",
    ),
    pytest.param(
        json.dumps({"allOf": [{"format": "email"}] * 10_000}), b'"a@' + b"x" * 8_000_000 + b'"', 400,
        id="a long text looked through many times",
    ),
    pytest.param(
        json.dumps({"items": {"enum": [[*range(1000), last] for last in range(70)]}}),
        json.dumps([[*range(1000), 69]] * 1000).encode(), 200, id="values that differ at their ends",
    ),
    pytest.param('{"enum": [1, {"b": [1.0], "a": 2}]}', b'{"a": 2.0, "b": [1]}', 200, id="another spelling"),
    pytest.param('{"enum": [1, "1"]}', b"true", 400, id="a boolean that is no number"),
    pytest.param('{"format": "uri"}', b'"a:' + b"x" * 5000 + b'"', 200, id="a long address"),
    pytest.param('{"format": "uri"}', b'"a:' + b"x " * 5000 + b'"', 400, id="a long text that is no address"),
    pytest.param("{}", b"[" + b"{}," * 3_000_000 + b"{}]", 400, id="millions of values"),
    pytest.param("[]", b"1", 500, id="a schema that is a list"),
    pytest.param('{"type": "nothing"}', b"1", 500, id="a type that is none"),
    pytest.param('{"required": []}', b"1", 500, id="a keyword's value that draft 4 does not allow"),
    pytest.param("{", b"1", 500, id="a schema that is no JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "body", "status"), SCHEMAS)
async def test_schemas(schema, body, status, make_gateway, mock, caplog):
    changes = {"request_models": {"application/json": "M"}, "request_validator_id": "v"}
    gateway = make_gateway(
        {"/": mock("/", "POST", **changes)},
        models={"M": Model("m", "M", "application/json", schema=schema)},
        request_validators={"v": RequestValidator("v", "v", validate_request_body=True)},
    )
    begin = time.process_time()
    answer = await gateway.request("/", "POST", body=body)
    assert time.process_time() - begin < BOUND_S
    assert answer.status == status
    if status == 400:
        assert answer.body == '{"message": "Invalid request body"}'
    assert "Traceback" not in caplog.text
