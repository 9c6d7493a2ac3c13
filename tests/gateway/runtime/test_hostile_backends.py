"""Backends that want the gateway to wait, to grow, to go elsewhere or to pass on what it should not."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from tests.waiting import end

from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse
from groundwatch.gateway.functions import FunctionAnswer

INTERNAL = '{"message": "Internal server error"}'
NETWORK = '{"message": "Network error communicating with endpoint"}'
TIMED_OUT = '{"message": "Endpoint request timed out"}'
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"
BOUND_S = 8


def method(uri: str, kind: str = "HTTP_PROXY", **changes) -> Method:
    settings = {
        "type": kind,
        "http_method": "GET",
        "uri": uri,
        "timeout_in_millis": 300,
        "responses": {"200": IntegrationResponse("200")},
    }
    integration = Integration(**(settings | changes))
    return Method("GET", responses={"200": MethodResponse("200")}, integration=integration)


@pytest.fixture
async def backend() -> AsyncIterator[Callable]:
    """Serve with a function that gets the writer once a request has come; returns the URL."""
    async with AsyncExitStack() as opened:

        async def make(answer) -> str:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    await reader.readuntil(b"\r\n\r\n")
                    await answer(writer)
                    await writer.drain()
                except (OSError, asyncio.IncompleteReadError):
                    pass
                finally:
                    writer.close()

            listener = await asyncio.start_server(serve, "127.0.0.1", 0)
            opened.push_async_callback(end, listener)
            return f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

        yield make


def repeated(head: bytes, piece: bytes, pause_s: float = 0):
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


def fixed(text: bytes):
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    return answer


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = [
    pytest.param(silent, (504, TIMED_OUT), id="no answer"),
    pytest.param(repeated(b"", b"H", 0.01), (504, TIMED_OUT), id="no HTTP, drop by drop"),
    pytest.param(repeated(OK, b"X: y\r\n", 0.01), (504, TIMED_OUT), id="a head, drop by drop"),
    pytest.param(repeated(OK, b"X: y\r\n" * 5000), (504, NETWORK), id="a head without end"),
    pytest.param(repeated(OK + b"Content-Length: 9000\r\n\r\n", b"x", 0.01), (504, TIMED_OUT), id="a body by drops"),
    pytest.param(repeated(OK + b"\r\n", b"x" * 65536), (500, INTERNAL), id="a body without end"),
    pytest.param(
        repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"), (500, INTERNAL),
        id="chunks without end",
    ),
    pytest.param(repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001), (504, TIMED_OUT), id="to be continued"),
    pytest.param(repeated(b"", b"HTTP/1.1 103 Hints\r\nX: y\r\n\r\n" * 500), (504, TIMED_OUT), id="hints without end"),
    pytest.param(
        repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100), (504, NETWORK), id="trailers"
    ),
    pytest.param(
        repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000), (504, NETWORK), id="a chunk extension"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), ENDLESS)
async def test_answers_without_end(answer, expected, backend, make_gateway, mock):
    gateway = make_gateway({"/": method(await backend(answer)), "/other": mock()})
    begin = time.monotonic()
    asked = asyncio.ensure_future(gateway.request("/"))
    await asyncio.sleep(0.05)
    assert (await gateway.request("/other")).status == 200
    got = await asked
    assert (got.status, got.body) == expected
    assert time.monotonic() - begin < BOUND_S


BODY = b"Content-Length: 2\r\n"
BROKEN = [
    pytest.param(b"", (504, NETWORK), id="nothing"),
    pytest.param(b"\x16\x03\x01\x02\x00", (504, NETWORK), id="TLS"),
    pytest.param(OK + b"Content-Length: 9\r\n\r\nab", (504, NETWORK), id="less than was said"),
    pytest.param(OK + b"Content-Length: -1\r\n\r\nab", (504, NETWORK), id="a length below zero"),
    pytest.param(OK + BODY + b"Content-Length: 3\r\n\r\nabc", (504, NETWORK), id="two lengths"),
    pytest.param(OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nab", (504, NETWORK), id="a length of digits"),
    pytest.param(
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab", (504, NETWORK), id="a chunk's length that is none"
    ),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", (504, NETWORK), id="half a chunk"),
    pytest.param(OK + b"Transfer-Encoding: gzip\r\n\r\nab", (504, NETWORK), id="another transfer coding"),
    pytest.param(OK + b"X: a\0b\r\n\r\n", (504, NETWORK), id="a NUL in a header"),
    pytest.param(OK + b"X Y: a\r\n\r\n", (504, NETWORK), id="a blank in a header's name"),
    pytest.param(OK + b": a\r\n\r\n", (504, NETWORK), id="a header without name"),
    pytest.param(b"HTTP/1.1 999 X\r\n" + BODY + b"\r\nab", (504, NETWORK), id="a status above all"),
    pytest.param(b"HTTP/1.1 099 X\r\n" + BODY + b"\r\nab", (504, NETWORK), id="a status below all"),
    pytest.param(b"HTTP/1.1 20 X\r\n\r\n", (504, NETWORK), id="a status of two digits"),
    pytest.param(b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nab", (504, NETWORK), id="an upgrade"),
    pytest.param(OK + BODY + b"Content-Encoding: gzip\r\n\r\nab", (500, INTERNAL), id="no gzip"),
]


@pytest.mark.parametrize(("answer", "expected"), BROKEN)
@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
async def test_broken_answers(answer, expected, kind, backend, make_gateway, caplog):
    got = await make_gateway({"/": method(await backend(fixed(answer)), kind)}).request("/")
    assert (got.status, got.body) == expected
    assert "Traceback" not in caplog.text


def packed(body: bytes, layers: int) -> bytes:
    for _ in range(layers):
        packer = zlib.compressobj(0, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
    return body


CODINGS = [
    pytest.param("gzip", gzip.compress(bytes(50_000_000)), 500, id="a bomb"),
    pytest.param("gzip, gzip", gzip.compress(gzip.compress(bytes(50_000_000))), 500, id="a bomb in a parcel"),
    pytest.param(", ".join(["gzip"] * 500), packed(b"x" * 20_000, 500), 500, id="parcels in parcels"),
    pytest.param(", ".join(["identity"] * 500), b"ab", 500, id="no coding, many times"),
    pytest.param("gzip, gzip", packed(b"ab", 2), 200, id="two"),
]


@pytest.mark.parametrize(("coding", "body", "status"), CODINGS)
async def test_codings(coding, body, status, backend, make_gateway):
    head = OK + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    gateway = make_gateway({"/": method(await backend(fixed(head + body)), timeout_in_millis=10_000)})
    begin = time.process_time()
    got = await gateway.request("/")
    assert (got.status, got.body) == (status, INTERNAL if status == 500 else "ab")
    assert time.process_time() - begin < BOUND_S


@pytest.mark.parametrize("count", [5, 500])
async def test_codings_of_requests_are_few(count, make_gateway, mock):
    gateway = make_gateway({"/": mock("/", "POST")}, minimum_compression_size=1_000_000)
    headers = {"Content-Encoding": ", ".join(["gzip"] * count)}
    got = await gateway.request("/", "POST", headers=headers, body=packed(b"{}", count))
    assert (got.status, got.body) == (400, '{"message": "Invalid request body"}')


ELSEWHERE = [
    pytest.param("http://127.0.0.2:{port}/", id="the next address"),
    pytest.param("http://127.2:{port}/", id="two parts"),
    pytest.param("http://2130706434:{port}/", id="one number"),
    pytest.param("http://0x7f000002:{port}/", id="hexadecimal"),
    pytest.param("http://0177.0.0.2:{port}/", id="octal"),
    pytest.param("http://[::ffff:127.0.0.2]:{port}/", id="in an IPv6 address"),
    pytest.param("http://[::1]:{port}/", id="IPv6"),
    pytest.param("http://0:{port}/", id="zero"),
    pytest.param("http://0.0.0.0:{port}/", id="any"),
    pytest.param("http://169.254.169.254/latest/meta-data/", id="metadata"),
    pytest.param("http://127.0.0.1@127.0.0.2:{port}/", id="user information"),
    pytest.param("http://①②⑦.⓪.⓪.②:{port}/", id="digits in circles"),
    pytest.param("http://127。0。0。2:{port}/", id="ideographic dots"),
    pytest.param("file:///etc/passwd", id="a file"),
    pytest.param("gopher://127.0.0.1:{port}/x", id="another scheme"),
    pytest.param("http://127.0.0.1:{port}\\@127.0.0.2/", id="a backslash"),
    pytest.param("http://127.0.0.1:{port}\r\nX: y/", id="a second line"),
    pytest.param("unix:///run/x.sock", id="a socket"),
]


@pytest.mark.parametrize("uri", ELSEWHERE)
async def test_places_that_nobody_allowed(uri, make_gateway, web_server, caplog):
    got = await make_gateway({"/": method(uri.format(port=web_server.port))}).request("/")
    assert (got.status, got.body) == (500, INTERNAL)
    assert web_server.received == []
    assert "Traceback" not in caplog.text


async def test_a_redirect_leads_the_client_and_nobody_else(make_gateway, web_server):
    web_server.status = 302
    web_server.headers = (("Location", f"http://127.0.0.2:{web_server.port}/"),)
    got = await make_gateway({"/": method(web_server.url)}).request("/")
    assert got.status == 302
    assert len(web_server.received) == 1


NOT_A_RESULT = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b'"x"', id="a text"),
    pytest.param(b"{", id="half"),
    pytest.param(b"[" * 100_000, id="deep"),
    pytest.param(b'{"statusCode":"x"}', id="a status that is none"),
    pytest.param(b'{"statusCode":99}', id="a status below all"),
    pytest.param(b'{"statusCode":600}', id="a status above all"),
    pytest.param(b'{"statusCode":"%s"}' % (b"9" * 5000), id="a status of digits"),
    pytest.param(b'{"statusCode":1e999}', id="an infinite status"),
    pytest.param(b'{"headers":{"X":"a\\r\\nY: b"}}', id="two lines in a header"),
    pytest.param(b'{"headers":{"X\\r\\nY":"b"}}', id="two lines in a header's name"),
    pytest.param(b'{"headers":{"":"b"}}', id="a header without name"),
    pytest.param(b'{"headers":{"\\u00e9":"b"}}', id="a header's name beyond ASCII"),
    pytest.param(b'{"headers":{"X":{}}}', id="a header that is a map"),
    pytest.param(b'{"multiValueHeaders":{"X":"a"}}', id="one value where there are many"),
    pytest.param(b'{"isBase64Encoded":true,"body":"*"}', id="no base64"),
    pytest.param(b'{"body":{}}', id="a body that is no text"),
    pytest.param(
        b'{"headers":{%s}}' % b",".join(b'"x%d":"y"' % number for number in range(5000)), id="thousands of headers"
    ),
    pytest.param(
        b'{"multiValueHeaders":{"x":[%s]}}' % b",".join(b'"%d"' % number for number in range(5000)), id="of one name"
    ),
]  # fmt: skip


@pytest.mark.parametrize("payload", NOT_A_RESULT)
async def test_functions_that_do_not_answer_as_they_should(payload, make_gateway, caplog):
    uri = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
    gateway = make_gateway({"/": method(uri, "AWS_PROXY", http_method="POST")}, binary_media_types=["*/*"])
    gateway.functions.answers[FUNCTION] = FunctionAnswer(payload)
    got = await gateway.request("/")
    assert (got.status, got.body) == (502, INTERNAL)
    assert "Traceback" not in caplog.text


CLIENT_TEXTS = ["a%0d%0aX-Evil:%201", "%00", "a%0ab", "%7f"]


@pytest.mark.parametrize("text", CLIENT_TEXTS)
async def test_what_clients_send_makes_no_second_header(text, make_gateway, web_server):
    mapped = method(
        web_server.url, "HTTP", request_parameters={"integration.request.header.X": "method.request.querystring.q"}
    )
    got = await make_gateway({"/": mapped}).request(f"/?q={text}")
    assert (got.status, got.body) == (500, INTERNAL)
    assert web_server.received == []


RESTRICTED = ["Content-Length", "transfer-encoding", "X-Amzn-Trace-Id", "x-amzn-apigateway-api-id"]


@pytest.mark.parametrize("name", RESTRICTED)
async def test_headers_of_the_gateway_are_not_mapped(name, make_gateway, web_server):
    mapped = method(web_server.url, "HTTP", request_parameters={f"integration.request.header.{name}": "'1'"})
    got = await make_gateway({"/": mapped}).request("/")
    assert (got.status, got.body) == (500, INTERNAL)
    assert web_server.received == []
