"""The application of the service port, called as a listener would call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.exchanges import Client

from groundwatch.aws.app import ServiceApp
from groundwatch.aws.authentication import UnverifiedAuthenticator
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service

PRINCIPAL = Principal("123456789012", "arn:aws:iam::123456789012:user/u", "User", "AIDA")
LOGS_LIMIT_BYTES = 8 * 1024 * 1024
HEADERS = (("x-amz-target", "Logs_20140328.DescribeLogGroups"), ("content-type", "application/x-amz-json-1.1"))


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


def post(path: str = "/", headers=HEADERS) -> Client:
    return Client("POST", path, headers)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param((b'{"logGroupNamePrefix":"a"}',), id="one part"),
        pytest.param((b'{"logGroupName', b"Prefix", b'":"a"}', b""), id="many parts"),
    ],
)
@pytest.mark.parametrize("waits", [False, True])
async def test_a_request_is_answered_with_its_length(app, chunks, waits):
    client = post()
    if waits:
        serving = asyncio.ensure_future(client.exchange.run(app))
        for chunk in chunks:
            client.send(chunk, more=True)
            await asyncio.sleep(0)
        client.send()
        await serving
    else:
        await client.ask(app, *chunks)
    assert json.loads(client.body) == {"nextToken": "203.0.113.9 a"}
    assert (client.status, client.headers["content-length"]) == (200, str(len(client.body)))
    assert client.headers["content-type"] == "application/x-amz-json-1.1"


async def test_the_path_stays_as_it_was_received(app):
    client = await Client("GET", "/tags/arn%3Aaws%2Fx", ()).ask(app)
    assert json.loads(client.body) == {"tags": {"arn": "arn:aws/x"}}


async def test_a_body_declared_too_large_is_refused_unread(app):
    client = post(headers=(*HEADERS, ("content-length", str(LOGS_LIMIT_BYTES + 1))))
    await asyncio.wait_for(client.exchange.run(app), 5)
    assert client.status == 413
    assert json.loads(client.body)["__type"] == "RequestEntityTooLargeException"
    assert client.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("target", "path"),
    [("Logs_20140328.CreateLookupTable", "/"), (None, "/service/Logs_20140328/operation/UpdateLookupTable")],
)
async def test_some_operations_take_larger_bodies(app, target, path):
    named = () if target is None else (("x-amz-target", target),)
    others = tuple(header for header in HEADERS if header[0] != "x-amz-target")
    client = post(path, (*others, *named, ("content-length", str(LOGS_LIMIT_BYTES + 1))))
    assert (await client.ask(app, b"{}")).status != 413


async def test_a_body_that_grows_too_large_is_refused_on_the_way(app):
    half = b" " * (LOGS_LIMIT_BYTES // 2)
    client = post()
    client.send(half, half, more=True)
    serving = asyncio.ensure_future(client.exchange.run(app))
    await asyncio.sleep(0)
    assert client.wire.written == b""
    client.send(b" ", more=True)
    await asyncio.wait_for(serving, 5)
    assert client.status == 413


async def test_large_bodies_have_a_bound_for_all_together(app):
    # Nobody has shown a key yet: bodies that never end must not fill the memory.
    crowded = ServiceApp(app._port, {}, max_held_bytes=250_000)
    piece = b" " * 100_000
    old, young = post(), post()
    waiting = [asyncio.ensure_future(client.exchange.run(crowded)) for client in (old, young)]
    for client in (old, young, young):
        client.send(piece, more=True)
        for _ in range(10):
            await asyncio.sleep(0)
    assert old.status == 503
    assert json.loads(old.body)["__type"] == "ServiceUnavailableException"
    assert old.headers["connection"] == "close"
    young.send(b"{}")
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert young.status == 200
    # What was held for them is free again.
    assert (await post().ask(crowded, piece * 2, b"{}")).status == 200


async def test_the_refusal_is_in_the_form_of_the_service(app):
    client = Client("GET", "/tags/x", (("content-length", "999999999999999999999"),))
    await client.ask(app)
    assert (client.status, client.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")


@pytest.mark.parametrize(("length", "status"), [("0" * 5000, 200), ("9" * 5000, 413), ("9\xb2", 200), ("-1", 200)])
async def test_odd_lengths_are_no_errors_of_the_server(app, length, status):
    client = await Client("GET", "/tags/x", (("content-length", length),)).ask(app)
    assert client.status == status


async def test_a_client_that_leaves_gets_no_answer(app):
    client = post()
    client.send(b"{", more=True)
    client.leave()
    await client.exchange.run(app)
    assert client.wire.written == b""


@pytest.mark.parametrize(("method", "body"), [("GET", b'{"status":"ok"}'), ("HEAD", b"")])
async def test_extra_routes_are_answered_beside_the_port(app, method, body):
    client = await Client(method, "/health").ask(app)
    assert (client.status, client.headers["content-length"], client.body) == (200, "15", body)


async def test_extra_routes_answer_no_other_method(app):
    assert b"nextToken" in (await post("/health").ask(app, b"{}")).body


async def test_no_content_has_no_length(app):
    async def nothing(request: WireRequest) -> WireResponse:
        return WireResponse(204, (), b"")

    client = await Client("GET", "/x").ask(ServiceApp(app._port, {"/x": nothing}))
    assert (client.status, client.headers) == (204, {})
