"""What the client sends is complete HTTP, shaped like an SDK's call, and never twice the same bytes."""

from benchmarks.client import Endpoint
from benchmarks.gateway_api import API_KEY, GatewayApi
from benchmarks.signing import AccessKey, LogsSigner

SIGNER = LogsSigner(Endpoint("127.0.0.1", 4580), AccessKey("AKIDEXAMPLE", "secret", "eu-west-1"))


def headers_of(request):
    line, *lines = request.head.decode().removesuffix("\r\n\r\n").split("\r\n")
    return line, {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}


def test_a_signed_call_has_what_a_server_checks():
    line, headers = headers_of(SIGNER.request("GetLogEvents", b"{}"))
    assert line == "POST / HTTP/1.1"
    assert headers["host"] == "127.0.0.1:4580"
    assert headers["content-length"] == "2"
    assert headers["x-amz-target"] == "Logs_20140328.GetLogEvents"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/logs/aws4_request, SignedHeaders=" in headers["authorization"]
    assert {"host", "x-amz-date", "x-amz-target"} <= set(
        headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    )


def test_equal_calls_differ_on_the_wire():
    heads = {SIGNER.request("GetLogEvents", b"{}").head for _ in range(20)}
    assert len(heads) == 20


def test_the_body_is_sent_without_a_copy():
    body = memoryview(b"{}")
    assert SIGNER.request("PutLogEvents", body).body is body


def test_a_gateway_request_carries_the_key_and_escapes_the_group():
    line, headers = headers_of(GatewayApi("abc").page_request("127.0.0.1:8443", "/a/b", "s 1", 100))
    assert line == "GET /abc/bench/events?group=%2Fa%2Fb&stream=s+1&limit=100 HTTP/1.1"
    assert (headers["host"], headers["x-api-key"]) == ("127.0.0.1:8443", API_KEY)
