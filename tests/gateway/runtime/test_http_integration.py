"""HTTP and HTTP_PROXY integrations against a web server on loopback."""

from __future__ import annotations

import asyncio
import base64
import gzip

import pytest
from tests.exchanges import Client

from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse

API = "abcdef1234"


@pytest.fixture
def make_http(make_gateway, web_server):
    """A gateway whose method at `path` calls the web server."""

    def make(kind="HTTP", path="/", *, verb="ANY", uri="", declared=(), api=None, **changes):
        settings = {
            "type": kind,
            "http_method": "ANY",
            "uri": web_server.url + uri,
            "responses": {
                "200": IntegrationResponse("200"),
                "400": IntegrationResponse("400", selection_pattern="4\\d{2}"),
            },
        }
        parameters = dict.fromkeys([f"method.request.{name}" for name in declared], False)
        method = Method(
            verb,
            request_parameters=parameters,
            responses={status: MethodResponse(status) for status in ("200", "400")},
            integration=Integration(**(settings | changes)),
        )
        return make_gateway({path: method}, **(api or {}))

    return make


def headers_of(request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers}


async def test_http_sends_what_is_mapped_and_nothing_else(make_http, web_server):
    gateway = make_http(
        uri="/base/{name}?fixed=1",
        path="/things/{id}",
        http_method="POST",
        declared=["path.id", "querystring.q", "header.X-In"],
        request_parameters={
            "integration.request.path.name": "method.request.path.id",
            "integration.request.querystring.query": "method.request.querystring.q",
            "integration.request.header.X-Out": "method.request.header.X-In",
        },
        request_templates={"application/json": '{"q":"$input.params(\'q\')"}'},
    )
    answer = await gateway.request(
        "/things/a%20b?q=x%26y&other=1",
        headers={"X-In": "in", "X-Other": "o", "Authorization": "secret", "Cookie": "c"},
    )
    assert (answer.status, answer.body) == (200, '{"ok":true}')
    (request,) = web_server.received
    assert (request.method, request.target) == ("POST", "/base/a%20b?fixed=1&query=x%26y")
    assert request.body == b'{"q":"x&y"}'
    headers = headers_of(request)
    assert headers.pop("x-amzn-trace-id") == answer.headers["x-amzn-trace-id"]
    assert headers == {
        "accept": "application/json",
        "content-length": "11",
        "content-type": "application/json",
        "host": f"127.0.0.1:{web_server.port}",
        "user-agent": f"AmazonAPIGateway_{API}",
        "x-amzn-apigateway-api-id": API,
        "x-out": "in",
    }


CLIENTS_HEADERS = {
    "X-In": "in",
    "Cookie": "c=1",
    "Authorization": "Bearer t",
    "Content-Type": "text/plain",
    "Via": "1.1 someone",
    "X-Forwarded-For": "192.0.2.1",
    "X-Amzn-Apigateway-Api-Id": "forged",
    "X-Hop": "1",
    "Connection": "keep-alive, X-Hop",
    "TE": "trailers",
    "Upgrade": "h2c",
    "Expect": "100-continue",
    "Keep-Alive": "5",
}
HEADERS_SENT_ON = {
    "authorization": "Bearer t",
    "content-length": "7",
    "content-type": "text/plain",
    "cookie": "c=1",
    "user-agent": "tests",
    "x-amzn-apigateway-api-id": API,
    "x-forwarded-for": "192.0.2.1, 203.0.113.9",
    "x-forwarded-port": "8443",
    "x-forwarded-proto": "https",
    "x-in": "replaced",
}


@pytest.fixture
def proxy(make_http):
    """A proxy of the path, one header and what the definition adds."""
    return make_http(
        "HTTP_PROXY",
        "/files/{rest+}",
        uri="/up/{rest}",
        declared=["path.rest", "header.X-In"],
        request_parameters={
            "integration.request.path.rest": "method.request.path.rest",
            "integration.request.querystring.added": "'1'",
            "integration.request.header.X-In": "'replaced'",
        },
    )


async def test_http_proxy_sends_the_clients_request(proxy, web_server):
    path = "/files/a%2Fb/c//d?q=1&q=2&x=%20"
    answer = await proxy.request(path, "PUT", body=b"payload", headers=CLIENTS_HEADERS)
    assert (answer.status, answer.body) == (200, '{"ok":true}')
    assert "x-amzn-trace-id" not in answer.headers
    (request,) = web_server.received
    assert (request.method, request.target) == ("PUT", "/up/a%2Fb/c//d?q=1&q=2&x=%20&added=1")
    assert request.body == b"payload"
    headers = headers_of(request)
    assert headers.pop("x-amzn-trace-id").startswith("Root=1-")
    assert headers == HEADERS_SENT_ON | {"host": f"127.0.0.1:{web_server.port}"}


async def test_signatures_are_not_sent_on(make_http, web_server):
    gateway = make_http("HTTP_PROXY")
    await gateway.request("/", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert "authorization" not in headers_of(web_server.received[0])


VERBS = [
    pytest.param("ANY", "DELETE", "DELETE", id="ANY keeps the client's"),
    pytest.param("POST", "GET", "POST", id="another"),
]


@pytest.mark.parametrize(("backend", "client", "expected"), VERBS)
async def test_the_backends_verb(backend, client, expected, make_http, web_server):
    await make_http("HTTP_PROXY", http_method=backend).request("/", client)
    assert web_server.received[0].method == expected


PLACES = [
    pytest.param("/{id}", "a%2Fb", "/a%2Fb", id="a slash does not make a segment"),
    pytest.param("/{id}", "a%3Fb%23c", "/a%3Fb%23c", id="nor a query"),
    pytest.param("/{id}", "%C3%BC", "/%C3%BC", id="beyond ASCII"),
    pytest.param("/x?id={id}", "a%26b%3Dc", "/x?id=a%26b%3Dc", id="in the query"),
]


@pytest.mark.parametrize(("uri", "value", "target"), PLACES)
async def test_path_parameters_stay_in_their_place(uri, value, target, make_http, web_server):
    mapped = {"integration.request.path.id": "method.request.path.id"}
    gateway = make_http("HTTP_PROXY", "/{id}", uri=uri, declared=["path.id"], request_parameters=mapped)
    assert (await gateway.request(f"/{value}")).status == 200
    assert web_server.received[0].target == target


UPWARDS = ["..", "%2E%2E", "a/../b", "a/%2e%2e/b", "a%2F..%2Fb", "a%5C..%5Cb", "%252e%252e/b"]


@pytest.mark.parametrize("value", UPWARDS)
async def test_paths_that_lead_upwards_are_refused(value, make_http, web_server):
    mapped = {"integration.request.path.id": "method.request.path.id"}
    gateway = make_http("HTTP_PROXY", "/{id+}", uri="/own/{id}", declared=["path.id"], request_parameters=mapped)
    assert (await gateway.request(f"/{value}")).status == 400
    assert web_server.received == []


QUERIES = [
    pytest.param("a=%20&b=/?:@", "a=%20&b=/?:@", id="as it is"),
    pytest.param('a=\\&b=[1]&c={x}|^`"<>', "a=%5C&b=%5B1%5D&c=%7Bx%7D%7C%5E%60%22%3C%3E", id="not for URLs"),
    pytest.param("a=\xc3\xa9", "a=%C3%A9", id="bytes beyond ASCII"),
    pytest.param("a=#b", "a=%23b", id="no fragment"),
]


@pytest.mark.parametrize(("query", "sent"), QUERIES)
async def test_query_strings_pass(query, sent, make_http, web_server):
    gateway = make_http("HTTP_PROXY")
    client = await Client(path=f"/{API}/v1/", query=query).ask(gateway.app)
    assert (client.status, web_server.received[0].target) == (200, f"/?{sent}")


async def test_greedy_paths_pass_with_what_is_not_for_urls(make_http, web_server):
    mapped = {"integration.request.path.id": "method.request.path.id"}
    gateway = make_http("HTTP_PROXY", "/{id+}", uri="/x/{id}", declared=["path.id"], request_parameters=mapped)
    assert (await gateway.request("/a|b/[c]/%C3%A9")).status == 200
    assert web_server.received[0].target == "/x/a%7Cb/%5Bc%5D/%C3%A9"


async def test_stage_variables_in_the_url(make_gateway, web_server):
    integration = Integration("HTTP_PROXY", "GET", "http://127.0.0.1:${stageVariables.port}/x")
    gateway = make_gateway({"/": Method("GET", integration=integration)}, variables={"port": str(web_server.port)})
    assert (await gateway.request("/")).status == 200
    unset = make_gateway({"/": Method("GET", integration=integration)})
    assert (await unset.request("/")).status == 500
    assert unset.entries[0].error_reason == "Invalid endpoint address"


async def test_http_answers_go_through_selection_and_mapping(make_http, web_server):
    web_server.status, web_server.headers = (
        404,
        (("Content-Type", "text/html"), ("X-Backend", "1"), ("Set-Cookie", "a")),
    )
    answer = await make_http().request("/")
    assert (answer.status, answer.headers["content-type"], answer.body) == (400, "application/json", '{"ok":true}')
    assert "x-backend" not in answer.headers


async def test_http_proxy_answers_pass(make_http, web_server):
    web_server.status = 418
    web_server.headers = (
        *(("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Server", "x/1"), ("Date", "today")),
        *(("Via", "1.1 p"), ("x-amzn-RequestId", "theirs"), ("Keep-Alive", "5"), ("X-Own", "y"), ("Location", "/z")),
    )
    answer = await make_http("HTTP_PROXY").request("/")
    assert (answer.status, answer.body) == (418, '{"ok":true}')
    expected = {
        "content-type": "text/plain",
        "location": "/z",
        "set-cookie": "a=1",
        "x-amzn-remapped-date": "today",
        "x-amzn-remapped-server": "x/1",
        "x-amzn-remapped-x-amzn-requestid": "theirs",
        "x-amzn-remapped-content-length": "11",
        "x-own": "y",
    }
    assert {name: value for name, value in answer.headers.items() if name in expected} == expected
    assert not {"via", "keep-alive", "x-amzn-trace-id", "server"} & set(answer.headers)


async def test_repeated_headers_pass_one_by_one(make_http, web_server):
    web_server.headers = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    gateway = make_http("HTTP_PROXY")
    fields = [("host", "localhost"), ("x-a", "1"), ("x-a", "2")]
    client = await Client(path=f"/{API}/v1/", headers=fields).ask(gateway.app)
    assert [value for name, value in client.fields if name == "set-cookie"] == ["a=1", "b=2"]
    assert web_server.received[0].values("x-a") == ["1", "2"]
    assert web_server.received[0].header("x-forwarded-proto") == "http"


CODED = [
    pytest.param((("Content-Encoding", "gzip"),), gzip.compress(b"text"), "text", None, id="gzip is undone"),
    pytest.param((("Content-Encoding", "own"),), b"text", "text", "own", id="what is not known passes"),
]


@pytest.mark.parametrize(("headers", "body", "expected", "left"), CODED)
async def test_codings_of_backends(headers, body, expected, left, make_http, web_server):
    web_server.headers, web_server.body = headers, body
    answer = await make_http("HTTP_PROXY").request("/")
    assert (answer.body, answer.headers.get("content-encoding")) == (expected, left)


async def test_a_coding_that_is_none_is_a_configuration_error(make_http, web_server):
    web_server.headers = (("Content-Encoding", "gzip"),)
    assert (await make_http("HTTP_PROXY").request("/")).status == 500


IMAGE = b"\x89PNG\xff\x00"
PROXIED_BINARIES = [
    pytest.param(["image/png"], ("image/png", "image/png"), IMAGE, IMAGE, id="bytes to bytes"),
    pytest.param(["image/png"], ("image/png", "text/html"), IMAGE, base64.b64encode(IMAGE), id="bytes to text"),
    pytest.param(["image/png"], ("text/plain", "image/png"), base64.b64encode(IMAGE), IMAGE, id="text to bytes"),
    pytest.param(["image/png"], ("text/plain", "image/png"), b"not base64", b"not base64", id="a page, not bytes"),
    pytest.param(["image/png"], ("text/plain", "text/plain"), b"text", b"text", id="text to text"),
    pytest.param([], ("image/png", "image/png"), b"\xff", "\ufffd".encode(), id="everything is text"),
]


@pytest.mark.parametrize(("types", "sent_and_accepted", "body", "expected"), PROXIED_BINARIES)
async def test_binary_answers_of_proxies(types, sent_and_accepted, body, expected, make_http, web_server):
    sent, accepted = sent_and_accepted
    web_server.headers, web_server.body = (("Content-Type", sent),), body
    gateway = make_http("HTTP_PROXY", api={"binary_media_types": types})
    assert await gateway.raw_body("/", headers={"accept": accepted}) == expected


async def test_binary_requests_pass(make_http, web_server):
    gateway = make_http("HTTP_PROXY", api={"binary_media_types": ["image/*"]})
    await gateway.request("/", "POST", body=IMAGE, headers={"content-type": "image/png"})
    await gateway.request("/", "POST", body=b"\xff", headers={"content-type": "text/plain"})
    assert [request.body for request in web_server.received] == [IMAGE, "\ufffd".encode()]


NETWORK = '{"message": "Network error communicating with endpoint"}'
INTERNAL = '{"message": "Internal server error"}'


async def test_a_backend_that_gives_no_answer(make_http, web_server):
    async def reply(request):
        return None

    web_server.reply = reply
    answer = await make_http().request("/")
    assert (answer.status, answer.body) == (504, NETWORK)
    assert answer.headers["x-amzn-errortype"] == "InternalServerErrorException"


async def test_a_backend_that_takes_too_long(make_http, web_server):
    async def reply(request):
        await asyncio.Event().wait()

    web_server.reply = reply
    answer = await make_http("HTTP_PROXY", timeout_in_millis=50).request("/")
    assert (answer.status, answer.body) == (504, '{"message": "Endpoint request timed out"}')


async def test_an_answer_that_is_too_large(make_http, web_server):
    web_server.body = b"x" * 100_001
    gateway = make_http("HTTP_PROXY")
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, INTERNAL)
    assert "more than 100000 bytes" in gateway.entries[0].error_reason


UNREACHABLE = [
    pytest.param("http://127.0.0.2:1/", "not public", id="another loopback address"),
    pytest.param("http://169.254.169.254/latest/meta-data/", "not public", id="metadata"),
    pytest.param("http://[::1]:1/", "not public", id="IPv6 loopback"),
    pytest.param("http://user@127.0.0.1/", "Invalid endpoint address", id="user information"),
    pytest.param("gopher://127.0.0.1/", "Invalid endpoint address", id="another scheme"),
]


@pytest.mark.parametrize(("uri", "reason"), UNREACHABLE)
async def test_destinations_that_nobody_allowed(uri, reason, make_gateway):
    gateway = make_gateway({"/": Method("GET", integration=Integration("HTTP_PROXY", "GET", uri))})
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, INTERNAL)
    assert reason in gateway.entries[0].error_reason


async def test_headers_that_may_not_be_mapped(make_http, web_server):
    gateway = make_http(request_parameters={"integration.request.header.X-Amzn-Trace-Id": "'x'"})
    assert (await gateway.request("/")).status == 500
    assert web_server.received == []


async def test_the_host_header_may_be_mapped(make_http, web_server):
    gateway = make_http(request_parameters={"integration.request.header.Host": "'tenant.example'"})
    assert (await gateway.request("/")).status == 200
    assert web_server.received[0].values("host") == ["tenant.example"]
