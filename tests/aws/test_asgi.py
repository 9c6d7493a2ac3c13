"""The ASGI shell, called as a server would call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from groundwatch.aws.asgi import ServiceApp
from groundwatch.aws.authentication import UnverifiedAuthenticator
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service

PRINCIPAL = Principal("123456789012", "arn:aws:iam::123456789012:user/u", "User", "AIDA")
LOGS_LIMIT_BYTES = 8 * 1024 * 1024
HEADERS = ((b"x-amz-target", b"Logs_20140328.DescribeLogGroups"), (b"content-type", b"application/x-amz-json-1.1"))


class Logs:
    async def describe_log_groups(
        self, context: RequestContext, log_group_name_prefix: str | None = None
    ) -> Mapping[str, Any]:
        return {"nextToken": f"{context.source_ip} {log_group_name_prefix}"}


class ApiGateway:
    async def get_tags(self, context: RequestContext, resource_arn: str) -> Mapping[str, Any]:
        return {"tags": {"arn": resource_arn}}


class Policies:
    async def authorize(self, context, checks) -> None: ...


async def health(request: WireRequest) -> WireResponse:
    return WireResponse(200, (("Content-Type", "application/json"),), b'{"status":"ok"}')


@pytest.fixture
def app() -> ServiceApp:
    services = [Service("logs", Logs(), lambda *_: ()), Service("apigateway", ApiGateway(), lambda *_: ())]
    port = ServicePort(
        services,
        UnverifiedAuthenticator(PRINCIPAL, "us-east-1"),
        Policies(),
        default_region="us-east-1",
        clock_ms=lambda: 0,
    )
    return ServiceApp(port, {"/health": health})


class Exchange:
    """One connection: gives the parts of a body, and takes what is sent."""

    def __init__(self, *chunks: bytes, disconnects: bool = False) -> None:
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": at < len(chunks) - 1 or disconnects}
            for at, chunk in enumerate(chunks)
        ]
        if disconnects:
            self.messages.append({"type": "http.disconnect"})
        self.received = 0
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        return self.messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def run(self, app, *, path: str = "/", method: str = "POST", headers=HEADERS, **scope: Any):
        given = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": list(headers),
            "client": ("192.0.2.1", 1234),
            "scheme": "http",
        }
        await app(given | scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param((b'{"logGroupNamePrefix":"a"}',), id="one part"),
        pytest.param((b'{"logGroupName', b"Prefix", b'":"a"}', b""), id="many parts"),
    ],
)
async def test_a_request_is_answered_with_its_length(app, chunks):
    exchange = await Exchange(*chunks).run(app)
    assert json.loads(exchange.body) == {"nextToken": "192.0.2.1 a"}
    assert (exchange.status, exchange.headers["content-length"]) == (200, str(len(exchange.body)))
    assert exchange.headers["content-type"] == "application/x-amz-json-1.1"


async def test_the_path_stays_as_it_was_received(app):
    exchange = await Exchange(b"").run(
        app, path="/tags/arn:aws", raw_path=b"/tags/arn%3Aaws%2Fx", method="GET", headers=()
    )
    assert json.loads(exchange.body) == {"tags": {"arn": "arn:aws/x"}}


async def test_a_server_without_raw_paths_will_do(app):
    exchange = await Exchange(b"").run(app, path="/tags/a b", raw_path=None, method="GET", headers=())
    assert json.loads(exchange.body) == {"tags": {"arn": "a b"}}


async def test_a_body_declared_too_large_is_refused_unread(app):
    length = (b"content-length", str(LOGS_LIMIT_BYTES + 1).encode())
    exchange = await Exchange(b"").run(app, headers=(*HEADERS, length))
    assert (exchange.status, exchange.received) == (413, 0)
    assert json.loads(exchange.body)["__type"] == "RequestEntityTooLargeException"
    assert exchange.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("target", "path"),
    [("Logs_20140328.CreateLookupTable", "/"), (None, "/service/Logs_20140328/operation/UpdateLookupTable")],
)
async def test_some_operations_take_larger_bodies(app, target, path):
    length = (b"content-length", str(LOGS_LIMIT_BYTES + 1).encode())
    named = () if target is None else ((b"x-amz-target", target.encode()),)
    others = tuple(header for header in HEADERS if header[0] != b"x-amz-target")
    exchange = await Exchange(b"{}").run(app, path=path, headers=(*others, *named, length))
    assert exchange.status != 413


async def test_a_body_that_grows_too_large_is_refused_on_the_way(app):
    half = b" " * (LOGS_LIMIT_BYTES // 2)
    exchange = await Exchange(half, half, b" ", b"never read").run(app)
    assert (exchange.status, exchange.received) == (413, 3)


async def test_the_refusal_is_in_the_form_of_the_service(app):
    length = (b"content-length", b"999999999999999999999")
    exchange = await Exchange(b"").run(app, path="/tags/x", method="GET", headers=(length,))
    assert (exchange.status, exchange.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")


async def test_a_client_that_leaves_gets_no_answer(app):
    exchange = await Exchange(b"{", disconnects=True).run(app)
    assert exchange.sent == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_extra_routes_are_answered_beside_the_port(app, method):
    exchange = await Exchange().run(app, path="/health", method=method, headers=())
    assert (exchange.status, exchange.body) == (200, b'{"status":"ok"}')


async def test_extra_routes_answer_no_other_method(app):
    exchange = await Exchange(b"{}").run(app, path="/health", method="POST")
    assert b"nextToken" in exchange.body


async def test_no_content_has_no_length(app):
    async def nothing(request: WireRequest) -> WireResponse:
        return WireResponse(204, (), b"")

    exchange = await Exchange().run(ServiceApp(app._port, {"/x": nothing}), path="/x", method="GET", headers=())
    assert (exchange.status, exchange.headers) == (204, {})


async def test_other_connections_are_refused(app):
    with pytest.raises(RuntimeError, match="websocket"):
        await app({"type": "websocket"}, None, None)
