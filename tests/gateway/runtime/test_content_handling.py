"""Binary payloads in both directions: each row of the service's two tables."""

from __future__ import annotations

import base64

import pytest

from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse

IMAGE = b"\x89PNG\xff\x00"
CODED = base64.b64encode(IMAGE)
TYPES = ["image/png", "application/zip"]
BINARY, TEXT, NONE = "CONVERT_TO_BINARY", "CONVERT_TO_TEXT", None


@pytest.fixture
def make_http(make_gateway, web_server):
    def make(request=None, response=None, *, types=TYPES, template=None, **changes):
        answer = IntegrationResponse(
            "200", content_handling=response, response_templates={"application/json": template} if template else {}
        )
        integration = Integration(
            "HTTP", "POST", web_server.url, content_handling=request, responses={"200": answer}, **changes
        )
        method = Method("POST", responses={"200": MethodResponse("200")}, integration=integration)
        return make_gateway({"/": method}, binary_media_types=types)

    return make


REQUESTS = [
    pytest.param("text/plain", "ü".encode(), NONE, "ü".encode(), id="text, absent: text"),
    pytest.param("text/plain", "ü".encode(), TEXT, "ü".encode(), id="text, to text: text"),
    pytest.param("text/plain", CODED, BINARY, IMAGE, id="text, to binary: decoded"),
    pytest.param("text/plain", b"no base64!", BINARY, None, id="text, to binary, not base64: 500"),
    pytest.param("image/png", IMAGE, NONE, IMAGE, id="binary, absent: the bytes"),
    pytest.param("image/png", IMAGE, BINARY, IMAGE, id="binary, to binary: the bytes"),
    pytest.param("image/png", IMAGE, TEXT, CODED, id="binary, to text: base64"),
]


@pytest.mark.parametrize(("content_type", "body", "handling", "sent"), REQUESTS)
async def test_requests(content_type, body, handling, sent, make_http, web_server):
    answer = await make_http(handling).request("/", "POST", body=body, headers={"content-type": content_type})
    assert answer.status == (500 if sent is None else 200)
    assert [request.body for request in web_server.received] == ([] if sent is None else [sent])


ANSWERS = [
    pytest.param(("text/plain", b"text"), "text/plain", NONE, b"text", id="text to text, absent: text"),
    pytest.param(("text/plain", CODED), "text/plain", BINARY, IMAGE, id="text to text, to binary: decoded"),
    pytest.param(("text/plain", b"text"), "text/plain", TEXT, b"text", id="text to text, to text: text"),
    pytest.param(("text/plain", CODED), "image/png", NONE, IMAGE, id="text to binary, absent: decoded"),
    pytest.param(("text/plain", CODED), "image/png", BINARY, IMAGE, id="text to binary, to binary: decoded"),
    pytest.param(("text/plain", b"text"), "image/png", TEXT, b"text", id="text to binary, to text: text"),
    pytest.param(("text/plain", b"text!"), "image/png", NONE, None, id="text to binary, not base64: 500"),
    pytest.param(("image/png", IMAGE), "text/plain", NONE, CODED, id="binary to text, absent: base64"),
    pytest.param(("image/png", IMAGE), "text/plain", BINARY, IMAGE, id="binary to text, to binary: bytes"),
    pytest.param(("image/png", IMAGE), "text/plain", TEXT, CODED, id="binary to text, to text: base64"),
    pytest.param(("image/png", IMAGE), "image/png", NONE, IMAGE, id="binary to binary, absent: bytes"),
    pytest.param(("image/png", IMAGE), "image/png", BINARY, IMAGE, id="binary to binary, to binary: bytes"),
    pytest.param(("image/png", IMAGE), "image/png", TEXT, CODED, id="binary to binary, to text: base64"),
    pytest.param(("image/png", IMAGE), "image/png, text/*", NONE, IMAGE, id="the first type of Accept counts"),
    pytest.param(("image/png", IMAGE), "text/*, image/png", NONE, CODED, id="and no other"),
]


@pytest.mark.parametrize(("backend", "accept", "handling", "expected"), ANSWERS)
async def test_answers(backend, accept, handling, expected, make_http, web_server):
    content_type, web_server.body = backend
    web_server.headers = (("Content-Type", content_type),)
    gateway = make_http(response=handling)
    body = await gateway.raw_body("/", "POST", headers={"accept": accept})
    assert body == (b'{"message": "Internal server error"}' if expected is None else expected)


async def test_without_binary_types_everything_is_text(make_http, web_server):
    web_server.headers, web_server.body = (("Content-Type", "image/png"),), IMAGE
    gateway = make_http(types=[])
    body = await gateway.raw_body("/", "POST", body=b"\xff", headers={"content-type": "image/png"})
    assert body == IMAGE.decode("utf-8", "replace").encode()
    assert web_server.received[0].body == "\ufffd".encode()


async def test_a_request_template_reads_base64_of_a_binary_payload(make_http, web_server):
    templates = {"image/png": '{"image":"$input.body"}'}
    gateway = make_http(TEXT, request_templates=templates)
    await gateway.request("/", "POST", body=IMAGE, headers={"content-type": "image/png"})
    assert web_server.received[0].body == b'{"image":"' + CODED + b'"}'


async def test_a_request_template_cannot_read_bytes(make_http):
    gateway = make_http(request_templates={"image/png": "$input.body"})
    answer = await gateway.request("/", "POST", body=IMAGE, headers={"content-type": "image/png"})
    assert answer.status == 500
    assert "CONVERT_TO_TEXT" in gateway.entries[0].error_reason


async def test_a_response_template_cannot_read_bytes(make_http, web_server):
    web_server.headers, web_server.body = (("Content-Type", "image/png"),), IMAGE
    gateway = make_http(template="$input.body")
    assert (await gateway.request("/", "POST", headers={"accept": "image/png"})).status == 500
    assert await make_http(response=TEXT, template="$input.body").raw_body("/", "POST") == CODED
