"""One request on its way through the gateway: what is known of it before any API is."""

from __future__ import annotations

import base64
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_plus

from groundwatch.aws.http import WireRequest
from groundwatch.gateway.runtime.execution_log import ExecutionLog

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRACE_ROOT = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;[A-Za-z]+=[A-Za-z0-9:._-]{1,64}){0,3}")
_INVISIBLE_HEADERS = frozenset({
    "connection", "content-length", "content-md5", "expect", "max-forwards", "proxy-authenticate", "server", "te",
    "transfer-encoding", "trailer", "upgrade", "www-authenticate",
})  # fmt: skip

Values = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Target:
    """Which stage a request is for, and what is left of its path."""

    api_id: str
    stage_name: str
    path: str
    """The path below the stage, percent-encoded as received; starts with `/`."""
    domain_name: str
    """The host of the API, as `$context.domainName` shows it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """The facts of one request."""

    request: WireRequest
    target: Target
    protocol: str
    request_id: str
    extended_request_id: str
    trace_id: str
    """The value of `X-Amzn-Trace-Id`."""
    received_ms: int
    headers: Values
    """What mappings may see of the headers, by lower-case name."""
    query: Values
    log: ExecutionLog

    @property
    def method(self) -> str:
        """The client's verb, or the one that it asks for with `X-HTTP-Method-Override`."""
        return (self.request.header("x-http-method-override") or self.request.method).upper()

    def last_header(self, name: str) -> str | None:
        """Return the last value of a header, by lower-case name, or None."""
        values = self.headers.get(name)
        return values[-1] if values else None


def new_exchange(
    request: WireRequest,
    target: Target,
    *,
    received_ms: int,
    protocol: str = "HTTP/1.1",
    log: ExecutionLog | None = None,
    request_id: str | None = None,
) -> Exchange:
    """Take a request in: give it its ids and read its headers and query string."""
    return Exchange(
        request=request,
        target=target,
        protocol=protocol,
        request_id=request_id or _request_id(request),
        extended_request_id=base64.b64encode(os.urandom(11)).decode(),
        trace_id=_trace_id(request, received_ms),
        received_ms=received_ms,
        headers=visible_headers(request.headers),
        query=parse_query(request.query_string),
        log=log or ExecutionLog(),
    )


def _request_id(request: WireRequest) -> str:
    given = request.header("x-amzn-requestid")
    return given if given is not None and _UUID.fullmatch(given) else str(uuid.uuid4())


def _trace_id(request: WireRequest, received_ms: int) -> str:
    given = request.header("x-amzn-trace-id")
    if given is not None and _TRACE_ROOT.fullmatch(given):
        return given
    return f"Root=1-{received_ms // 1000:08x}-{os.urandom(12).hex()}"


def visible_headers(headers: Sequence[tuple[str, str]]) -> Values:
    """Return the headers that mappings and `$input.params()` may see.

    Hop-by-hop headers are not visible, nor is an `Authorization` that holds an AWS signature.
    """
    visible: Values = {}
    for name, value in headers:
        if name in _INVISIBLE_HEADERS or (name == "authorization" and value.startswith("AWS4-HMAC-SHA256")):
            continue
        visible.setdefault(name, []).append(value)
    return visible


def parse_query(query_string: str) -> Values:
    """Return all values by name, decoded; both `&` and `;` separate, and a name without `=` has an empty value."""
    values: Values = {}
    if not query_string:
        return values
    for part in query_string.replace(";", "&").split("&"):
        if part:
            name, _, value = part.partition("=")
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values
