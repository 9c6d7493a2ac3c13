"""From the client's request to the backend's, and from its answer to the client's."""

from __future__ import annotations

import pytest

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import IntegrationResponse, MethodResponse

J, X = "application/json", "application/xml"
PASSTHROUGH = [
    # templates, content type, behaviour, what the backend gets (None: 415)
    *[(J, None, behavior, "template") for behavior in ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")],
    *[(J, J, behavior, "template") for behavior in ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")],
    (J, f"{J}; charset=utf-8", "NEVER", "template"),
    (J, "Application/JSON", "NEVER", "template"),
    (J, X, "WHEN_NO_MATCH", "body"), (J, X, "WHEN_NO_TEMPLATES", None), (J, X, "NEVER", None),
    (X, None, "WHEN_NO_MATCH", "body"), (X, None, "WHEN_NO_TEMPLATES", None), (X, None, "NEVER", None),
    (X, J, "WHEN_NO_MATCH", "body"), (X, J, "WHEN_NO_TEMPLATES", None), (X, J, "NEVER", None),
    *[(X, X, behavior, "template") for behavior in ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")],
    (None, J, "WHEN_NO_MATCH", "body"), (None, J, "WHEN_NO_TEMPLATES", "body"), (None, J, "NEVER", None),
    ("$default", X, "NEVER", "template"),
]  # fmt: skip


@pytest.mark.parametrize(("templates", "content_type", "behavior", "expected"), PASSTHROUGH)
async def test_passthrough(templates, content_type, behavior, expected, make_gateway, aws):
    integration = {
        "request_templates": {templates: "template"} if templates else {},
        "passthrough_behavior": behavior,
    }
    gateway = make_gateway({"/": aws("POST", integration=integration)})
    headers = {"content-type": content_type} if content_type else {}
    answer = await gateway.request("/", "POST", body=b"body", headers=headers)
    if expected is None:
        assert (answer.status, answer.body) == (415, '{"message": "Unsupported Media Type"}')
        assert answer.headers["x-amzn-errortype"] == "BadRequestException"
        assert gateway.backend.calls == []
    else:
        assert gateway.backend.calls[0][1].body == expected.encode()


async def test_an_empty_template_is_a_template(make_gateway, aws):
    gateway = make_gateway({"/": aws("POST", integration={"request_templates": {J: None}})})
    await gateway.request("/", "POST", body=b"body")
    assert gateway.backend.calls[0][1].body == b""


EXPRESSIONS = [
    # target, expression, what the backend gets as (query string, header value)
    ("querystring.a", "'text with = sign'", "a=text%20with%20%3D%20sign", None),
    ("querystring.a", "method.request.querystring.q", "a=2", None),
    ("querystring.a", "method.request.multivaluequerystring.q", "a=1&a=2", None),
    ("querystring.a", "method.request.path.group", "a=%2Fsvc", None),
    ("querystring.a", "method.request.querystring.missing", "", None),
    ("querystring.a", "method.request.querystring.empty", "", None),
    ("header.X-A", "method.request.header.X-Given", "", "given"),
    ("header.X-A", "method.request.multivaluequerystring.q", "", "1,2"),
    ("header.X-A", "method.request.header.missing", "", None),
    ("header.X-A", "stageVariables.color", "", "green"),
    ("header.X-A", "context.identity.sourceIp", "", "203.0.113.9"),
    ("header.X-A", "context.identity", "", None),
    ("header.X-A", "context.stage", "", "v1"),
    ("header.X-A", "method.request.body.a.b[0]", "", "one"),
    ("header.X-A", "method.request.body.a", "", '{"b":["one",2]}'),
    ("header.X-A", "method.request.body.nope", "", None),
    ("header.X-A", "method.request.body", "", '{"a":{"b":["one",2]}}'),
]


@pytest.mark.parametrize(("target", "expression", "query", "header"), EXPRESSIONS)
async def test_request_parameters(target, expression, query, header, make_gateway, aws):
    integration = {
        "uri": "arn:aws:apigateway:eu-west-1:logs:path/",
        "request_parameters": {f"integration.request.{target}": expression},
    }
    gateway = make_gateway({"/{group}": aws("POST", integration=integration)}, variables={"color": "green"})
    await gateway.request("/%2Fsvc?q=1&q=2&empty=", "POST", body=b'{"a":{"b":["one",2]}}', headers={"X-Given": "given"})
    request = gateway.backend.calls[0][1]
    assert (request.query_string, request.header("x-a")) == (query, header)


REFUSED_PARAMETERS = [
    pytest.param("integration.request.header.Authorization", "'x'", 500, id="a header that may not be mapped"),
    pytest.param("integration.request.header.Content-Length", "'1'", 500, id="another"),
    pytest.param("integration.request.header.X-A", "true", 500, id="no expression"),
    pytest.param("integration.request.header.X-A", "method.request.cookie.a", 500, id="an unknown source"),
    pytest.param("integration.request.cookie.a", "'x'", 500, id="an unknown target"),
    pytest.param("integration.request.header.X-A", "method.request.querystring.nl", 500, id="a line end in a header"),
    pytest.param("integration.request.header.X-A", "method.request.body.a", 400, id="a body that is not JSON"),
]


@pytest.mark.parametrize(("target", "expression", "status"), REFUSED_PARAMETERS)
async def test_request_parameters_that_cannot_be_used(target, expression, status, make_gateway, aws):
    gateway = make_gateway({"/": aws("POST", integration={"request_parameters": {target: expression}})})
    answer = await gateway.request("/?nl=a%0d%0aX-Evil:%20b", "POST", body=b"{oops")
    assert answer.status == status
    assert gateway.backend.calls == []
    if status == 400:
        assert answer.body == '{"message": "Invalid JSON in request body"}'


OVERRIDES = [
    ('#set($context.requestOverride.header.X-Amz-Target = "T")', "x-amz-target", "T"),
    ("#set($context.requestOverride.header['X-Amz-Target'] = 'T')", "x-amz-target", "T"),
    ("#set($n = 'x-amz-target')#set($context.requestOverride.header[$n] = 'T')", "x-amz-target", "T"),
    ('$context.requestOverride.header.put("X-Amz-Target", "T")', "x-amz-target", "T"),
    ("#set($context.requestOverride.header.X-N = 5)", "x-n", "5"),
]


@pytest.mark.parametrize(("template", "header", "value"), OVERRIDES)
async def test_request_overrides_win_over_parameters(template, header, value, make_gateway, aws):
    gateway = make_gateway({"/": aws(integration={"request_templates": {J: template}})})
    assert (await gateway.request("/")).status == 200
    assert gateway.backend.calls[0][1].header(header) == value


async def test_path_and_query_overrides(make_gateway, aws):
    integration = {
        "uri": "arn:aws:apigateway:eu-west-1:logs:path/{name}",
        "request_parameters": {"integration.request.querystring.a": "'old'"},
        "request_templates": {
            J: "#set($context.requestOverride.path.name = 'n')#set($context.requestOverride.querystring.a = ['1','2'])"
        },
    }
    gateway = make_gateway({"/": aws(integration=integration)})
    await gateway.request("/")
    request = gateway.backend.calls[0][1]
    assert (request.path, request.query_string) == ("/n", "a=1&a=2")


FAILING_TEMPLATES = [
    pytest.param("#if(", 500, id="a syntax error"),
    pytest.param("$input.getClass()", 500, id="a method that is not available"),
    pytest.param("#set($context.requestOverride.header.Connection = 'x')", 500, id="an override that may not be"),
    pytest.param(
        "#set($context.requestOverride.header.A = '1')#set($context.requestOverride.header.A = '2')",
        500,
        id="the same override twice",
    ),
    pytest.param("#foreach($i in [1..1000])#foreach($j in [1..2000])x#end#end", 500, id="too many steps"),
    pytest.param("$input.json('$')", 400, id="a malformed body"),
]


@pytest.mark.parametrize(("template", "status"), FAILING_TEMPLATES)
async def test_failing_template(template, status, make_gateway, aws):
    gateway = make_gateway({"/": aws("POST", integration={"request_templates": {J: template}})})
    assert (await gateway.request("/", "POST", body=b"{oops")).status == status
    assert gateway.backend.calls == []


async def test_a_template_that_is_too_much_for_the_loop_runs_in_a_thread(make_gateway, aws):
    template = "#foreach($i in [1..200])#foreach($j in [1..100])x#end#end"
    gateway = make_gateway({"/": aws(integration={"request_templates": {J: template}})})
    assert (await gateway.request("/")).status == 200
    assert gateway.backend.calls[0][1].body == b"x" * 20_000


def response(template: str | None = None, status: str = "200", **changes):
    templates = {} if template is None else {J: template}
    return {"responses": {status: IntegrationResponse(status, response_templates=templates, **changes)}}


async def test_response_template_sees_both_sides(make_gateway, aws):
    gateway = make_gateway({"/{group}": aws(integration=response("$input.path('$.n') $input.params('group')"))})
    gateway.backend.answer = WireResponse(200, (), b'{"n":5}')
    assert (await gateway.request("/g")).body == "5 g"


ACCEPTS = [
    pytest.param(None, "json", J, id="no Accept"),
    pytest.param("text/csv", "csv", "text/csv", id="the first type"),
    pytest.param("text/csv;q=0.5, application/json", "csv", "text/csv", id="parameters and later types do not count"),
    pytest.param("image/png", "json", J, id="no such template: JSON"),
]


@pytest.mark.parametrize(("accept", "body", "content_type"), ACCEPTS)
async def test_response_template_by_accept(accept, body, content_type, make_gateway, aws):
    responses = {"200": IntegrationResponse("200", response_templates={"text/csv": "csv", J: "json"})}
    gateway = make_gateway({"/": aws(integration={"responses": responses})})
    answer = await gateway.request("/", headers={"accept": accept} if accept else {})
    assert (answer.body, answer.headers["content-type"]) == (body, content_type)


RESPONSE_EXPRESSIONS = [
    ("integration.response.header.X-Back", "back2"),
    ("integration.response.multivalueheader.X-Back", "back1,back2"),
    ("integration.response.header.Missing", None),
    ("integration.response.body.a", "1"),
    ("integration.response.body", '{"a":1}'),
    ("context.requestId", "6d1c0a52-0b1f-4f0e-9b9d-2f4f0d2a7c11"),
    ("context.awsEndpointRequestId", "backend-id"),
    ("'*'", "*"),
]


@pytest.mark.parametrize(("expression", "value"), RESPONSE_EXPRESSIONS)
async def test_response_parameters(expression, value, make_gateway, aws):
    declared = {"200": MethodResponse("200", response_parameters={"method.response.header.X-Out": False})}
    mapped = response(response_parameters={"method.response.header.X-Out": expression})
    gateway = make_gateway({"/": aws(responses=declared, integration=mapped)})
    headers = (("X-Back", "back1"), ("x-back", "back2"), ("x-amzn-RequestId", "backend-id"), ("X-Dropped", "x"))
    gateway.backend.answer = WireResponse(200, headers, b'{"a":1}')
    answer = await gateway.request("/", headers={"x-amzn-RequestId": "6d1c0a52-0b1f-4f0e-9b9d-2f4f0d2a7c11"})
    assert answer.headers.get("x-out") == value
    assert "x-dropped" not in answer.headers


RENAMED = [
    ("Date", "x-amzn-remapped-date"), ("WWW-Authenticate", "x-amzn-remapped-www-authenticate"),
    ("Server", "x-amzn-remapped-server"), ("Warn", "warn"), ("Content-Type", "content-type"),
    ("Transfer-Encoding", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent"), RENAMED)
async def test_response_header_names(name, sent, make_gateway, aws):
    declared = {"200": MethodResponse("200", response_parameters={f"method.response.header.{name}": False})}
    mapped = response(response_parameters={f"method.response.header.{name}": "'v/v'"})
    answer = await make_gateway({"/": aws(responses=declared, integration=mapped)}).request("/")
    assert [key for key, value in answer.headers.items() if value == "v/v"] == ([sent] if sent else [])


async def test_undeclared_response_header_is_refused(make_gateway, aws):
    gateway = make_gateway({"/": aws(integration=response(response_parameters={"method.response.header.X": "'v'"}))})
    assert (await gateway.request("/")).status == 500


STATUSES = [("404", 404), ("'404'", 404), ("99", 200), ("600", 200), ("'abc'", 200), ("true", 200)]


@pytest.mark.parametrize(("value", "status"), STATUSES)
async def test_response_override_of_the_status(value, status, make_gateway, aws):
    template = f"#set($context.responseOverride.status = {value}){{}}"
    assert (await make_gateway({"/": aws(integration=response(template))}).request("/")).status == status


async def test_response_overrides_of_the_request_template_persist(make_gateway, aws):
    template = "#set($context.responseOverride.status = 404)#set($context.responseOverride.header.X-A = ['a','b'])"
    gateway = make_gateway({"/": aws(integration={"request_templates": {J: template}})})
    answer = await gateway.request("/")
    assert (answer.status, answer.headers["x-a"]) == (404, "a,b")


async def test_header_injection_through_an_override_is_refused(make_gateway, aws, caplog):
    template = "#set($context.responseOverride.header.X-A = $input.params('v'))"
    gateway = make_gateway({"/": aws(integration=response(template))})
    answer = await gateway.request("/?v=a%0d%0aSet-Cookie:%20b")
    assert (answer.status, "x-a" in answer.headers) == (500, False)
    assert "control characters" in caplog.text
    assert "Traceback" not in caplog.text


PNG, TEXT = "image/png", "text/plain"
REQUEST_PAYLOADS = [
    # content type, contentHandling, client's bytes, backend's bytes (None: 500)
    (TEXT, None, b"text", b"text"),
    (TEXT, "CONVERT_TO_TEXT", b"text", b"text"),
    (TEXT, "CONVERT_TO_BINARY", b"iVBORw==", b"\x89PNG"),
    (TEXT, "CONVERT_TO_BINARY", b"!", None),
    (TEXT, None, b"\xff", b"\xef\xbf\xbd"),
    (PNG, None, b"\x89PNG", b"\x89PNG"),
    (PNG, "CONVERT_TO_BINARY", b"\x89PNG", b"\x89PNG"),
    (PNG, "CONVERT_TO_TEXT", b"\x89PNG", b"iVBORw=="),
]


@pytest.mark.parametrize(("content_type", "handling", "given", "sent"), REQUEST_PAYLOADS)
async def test_request_payload(content_type, handling, given, sent, make_gateway, aws):
    integration = {"content_handling": handling, "request_templates": {}, "passthrough_behavior": "WHEN_NO_MATCH"}
    gateway = make_gateway({"/": aws("POST", integration=integration)}, binary_media_types=["image/*"])
    answer = await gateway.request("/", "POST", body=given, headers={"content-type": content_type})
    if sent is None:
        assert answer.status == 500
    else:
        assert gateway.backend.calls[0][1].body == sent


RESPONSE_PAYLOADS = [
    # backend's type, Accept, contentHandling, backend's bytes, client's bytes
    (TEXT, TEXT, None, b"QUJD", "QUJD"),
    (TEXT, TEXT, "CONVERT_TO_BINARY", b"QUJD", "ABC"),
    (TEXT, TEXT, "CONVERT_TO_TEXT", b"QUJD", "QUJD"),
    (TEXT, PNG, None, b"QUJD", "ABC"),
    (TEXT, PNG, "CONVERT_TO_TEXT", b"QUJD", "QUJD"),
    (PNG, TEXT, None, b"ABC", "QUJD"),
    (PNG, TEXT, "CONVERT_TO_BINARY", b"ABC", "ABC"),
    (PNG, PNG, None, b"ABC", "ABC"),
    (PNG, PNG, "CONVERT_TO_TEXT", b"ABC", "QUJD"),
]


@pytest.mark.parametrize("row", RESPONSE_PAYLOADS)
async def test_response_payload(row, make_gateway, aws):
    backend_type, accept, handling, given, expected = row
    gateway = make_gateway({"/": aws(integration=response(content_handling=handling))}, binary_media_types=[PNG])
    gateway.backend.answer = WireResponse(200, (("Content-Type", backend_type),), given)
    assert (await gateway.request("/", headers={"accept": accept})).body == expected


async def test_template_on_a_binary_payload_is_refused(make_gateway, aws):
    integration = {"request_templates": {PNG: "$input.body"}}
    gateway = make_gateway({"/": aws("POST", integration=integration)}, binary_media_types=[PNG])
    assert (await gateway.request("/", "POST", body=b"\x89", headers={"content-type": PNG})).status == 500


MOCKS = [
    pytest.param('{"statusCode": 200}', 200, id="JSON"),
    pytest.param("{statusCode: 404}", 404, id="keys without quotes"),
    pytest.param('{"statusCode": "200"}', 500, id="not an integer"),
    pytest.param('{"status": 200}', 500, id="no status code"),
    pytest.param("", 500, id="nothing"),
    pytest.param('{"statusCode": 418}', 400, id="a pattern decides"),
]


@pytest.mark.parametrize(("template", "status"), MOCKS)
async def test_mock(template, status, make_gateway, mock):
    responses = {
        "200": IntegrationResponse("200"),
        "404": IntegrationResponse("404", selection_pattern="404"),
        "400": IntegrationResponse("400", selection_pattern="4\\d{2}"),
    }
    gateway = make_gateway({"/": mock(integration={"request_templates": {J: template}, "responses": responses})})
    answer = await gateway.request("/")
    assert answer.status == status
    if status != 500:
        assert (answer.body, answer.headers["content-type"]) == ("", J)


async def test_cors_preflight(make_gateway, mock):
    names = [f"method.response.header.Access-Control-Allow-{name}" for name in ("Origin", "Methods", "Headers")]
    method = mock(
        verb="OPTIONS",
        responses={"200": MethodResponse("200", response_parameters=dict.fromkeys(names, False))},
        integration=response(response_parameters=dict(zip(names, ("'*'", "'GET'", "'x-api-key'"), strict=True))),
    )
    answer = await make_gateway({"/": method}).request("/", "OPTIONS", headers={"origin": "https://example.com"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "x-api-key"


async def test_invisible_headers(make_gateway, aws):
    template = "$input.params().header.keySet()"
    gateway = make_gateway(
        {
            "/": aws(
                request_parameters={"method.request.header.X-Trace": False},
                integration={"request_templates": {J: template}},
            )
        }
    )
    await gateway.request(
        "/", headers={"TE": "x", "Upgrade": "x", "Authorization": "AWS4-HMAC-SHA256 x", "x-trace": "1"}
    )
    assert gateway.backend.calls[0][1].body == b"[host, user-agent, X-Trace]"
