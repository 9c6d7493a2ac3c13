"""Which headers cross the gateway, in both directions and under which name: every row of the service's lists."""

from __future__ import annotations

import pytest

from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse

REMAPPED = (
    *("Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards"),
    *("Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate"),
)
PASSED = (
    *("Accept", "Accept-Charset", "Accept-Encoding", "Age", "Content-Encoding", "Content-Type", "Pragma", "Range"),
    *("Referer", "TE", "Via", "Warn", "X-Own"),
)
NEVER_MAPPED = ("Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "X-Amzn-Apigateway-Api-Id")
NOT_TO_AWS = ("Authorization", "Connection", "Expect", "Proxy-Authenticate", "TE")
INVISIBLE = (
    *("Connection", "Content-Length", "Content-MD5", "Expect", "Max-Forwards", "Proxy-Authenticate", "Server", "TE"),
    *("Transfer-Encoding", "Trailer", "Upgrade", "WWW-Authenticate"),
)


@pytest.fixture
def make_http(make_gateway, web_server):
    def make(**changes):
        integration = Integration(
            "HTTP", http_method="GET", uri=web_server.url, responses={"200": IntegrationResponse("200")}, **changes
        )
        return make_gateway({"/": Method("GET", responses={"200": MethodResponse("200")}, integration=integration)})

    return make


ARRIVALS = {
    **{name: f"x-amzn-remapped-{name.lower()}" for name in REMAPPED},
    **{name: name.lower() for name in PASSED},
    "Transfer-Encoding": None,
}


@pytest.mark.parametrize(("name", "arrives"), list(ARRIVALS.items()))
@pytest.mark.parametrize("kind", ["AWS", "MOCK"])
async def test_a_mapped_response_header(name, arrives, kind, make_gateway, aws, mock):
    target = f"method.response.header.{name}"
    declared = {"200": MethodResponse("200", response_parameters={target: False})}
    mapped = {"responses": {"200": IntegrationResponse("200", response_parameters={target: "'v/v'"})}}
    method = {"AWS": aws, "MOCK": mock}[kind](responses=declared, integration=mapped)
    answer = await make_gateway({"/": method}).request("/")
    assert answer.status == 200
    assert [held for held, value in answer.headers.items() if value == "v/v"] == ([arrives] if arrives else [])


@pytest.mark.parametrize("name", [*NEVER_MAPPED, *NOT_TO_AWS])
async def test_a_request_header_that_aws_does_not_get(name, make_gateway, aws):
    mapping = {f"integration.request.header.{name}": "'v'"}
    gateway = make_gateway({"/": aws(integration={"request_parameters": mapping})})
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, '{"message": "Internal server error"}')
    assert gateway.backend.calls == []


@pytest.mark.parametrize("name", NEVER_MAPPED)
async def test_a_request_header_that_no_web_server_gets(name, make_http, web_server):
    mapping = {f"integration.request.header.{name}": "'1'"}
    answer = await make_http(request_parameters=mapping).request("/")
    assert (answer.status, web_server.received) == (500, [])


@pytest.mark.parametrize("name", ["Authorization", "Expect", "TE"])
async def test_a_request_header_that_only_aws_does_not_get(name, make_http, web_server):
    mapping = {f"integration.request.header.{name}": "'v'"}
    answer = await make_http(request_parameters=mapping).request("/")
    assert answer.status == 200
    assert web_server.received[0].header(name) == "v"


@pytest.mark.parametrize("name", INVISIBLE)
async def test_a_client_header_that_mappings_do_not_see(name, make_gateway, aws):
    template = f"<$input.params().header.get('{name}')$input.params('{name}')>"
    method = aws(
        request_parameters={f"method.request.header.{name}": False},
        integration={"request_templates": {"application/json": template}},
    )
    gateway = make_gateway({"/": method})
    await gateway.request("/", headers={name: "1"})
    assert gateway.backend.calls[0][1].body == b"<>"


@pytest.mark.parametrize(
    ("value", "seen"),
    [("AWS4-HMAC-SHA256 Credential=x", ""), ("Bearer x", "Bearer x")],
    ids=["a signature", "a token"],
)
async def test_only_a_signature_is_hidden_from_mappings(value, seen, make_gateway, aws):
    template = "$input.params('Authorization')"
    gateway = make_gateway({"/": aws(integration={"request_templates": {"application/json": template}})})
    await gateway.request("/", headers={"Authorization": value})
    assert gateway.backend.calls[0][1].body == seen.encode()
