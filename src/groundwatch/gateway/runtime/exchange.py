"""One request on its way through the gateway: what is known of it before any API is."""

from __future__ import annotations

import binascii
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote_plus

import msgspec

from groundwatch.aws.http import WireRequest
from groundwatch.aws.request_ids import uuid_of
from groundwatch.gateway.runtime.execution_log import ExecutionLog

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TRACE_ROOT = re.compile(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(?:;[A-Za-z]+=[A-Za-z0-9:._-]{1,64}){0,3}")
_INVISIBLE_HEADERS = frozenset({
    "connection", "content-length", "content-md5", "expect", "max-forwards", "proxy-authenticate", "server", "te",
    "transfer-encoding", "trailer", "upgrade", "www-authenticate",
})  # fmt: skip

MAX_KEPT_CHARACTERS = 256
RANDOM_BYTES = 39
"""What the ids of one request take."""

Values = dict[str, list[str]]


class Target(msgspec.Struct, frozen=True):
    """Which stage a request is for, and what is left of its path."""

    api_id: str
    stage_name: str
    path: str
    """The path below the stage, percent-encoded as received; starts with `/`."""
    domain_name: str
    """The host of the API, as `$context.domainName` shows it."""
    base_path: str | None = None
    """The base path by which a custom domain led here, `(none)` for the empty one; None on other hosts."""
    prefix: str | None = None
    """What the client's path has before `path` on a custom domain; elsewhere that is the stage."""

    @property
    def client_path(self) -> str:
        """The path as the client knows it, which `$context.path` shows."""
        return f"/{self.stage_name}{self.path}" if self.prefix is None else f"{self.prefix}{self.path}"

    @property
    def event_path(self) -> str:
        """The path as events for functions have it: without the stage, but with a base path."""
        return self.path if self.prefix is None else f"{self.prefix}{self.path}"


class Exchange(msgspec.Struct, frozen=True):
    """The facts of one request."""

    request: WireRequest
    target: Target
    method: str
    """The client's verb, or the one that it asks for with `X-HTTP-Method-Override`."""
    protocol: str
    request_id: str
    extended_request_id: str
    trace_id: str
    """The value of `X-Amzn-Trace-Id`."""
    received_ms: int
    headers: Values
    """What mappings may see of the headers, by lower-case name."""
    query: Mapping[str, Sequence[str]]
    log: ExecutionLog

    def last_header(self, name: str) -> str | None:
        """Return the last value of a header, by lower-case name, or None."""
        values = self.headers.get(name)
        return values[-1] if values else None


def new_exchange(  # noqa: PLR0913 -- what a request brings, and what test invocations set themselves
    request: WireRequest,
    target: Target,
    *,
    received_ms: int,
    protocol: str = "HTTP/1.1",
    log: ExecutionLog | None = None,
    request_id: str | None = None,
    draw: Callable[[int], bytes] = os.urandom,
) -> Exchange:
    """Take a request in: give it its ids, from random bytes of `draw`, and read its headers and query string."""
    random = draw(RANDOM_BYTES)
    headers = visible_headers(request.headers)
    return Exchange(
        request=request,
        target=target,
        method=(_last(headers, "x-http-method-override") or request.method).upper(),
        protocol=protocol,
        request_id=request_id or _request_id(headers, random[:16]),
        extended_request_id=binascii.b2a_base64(random[16:27], newline=False).decode(),
        trace_id=_trace_id(headers, received_ms, random[27:]),
        received_ms=received_ms,
        headers=headers,
        query=parse_query(request.query_string),
        log=log or ExecutionLog(),
    )


def _last(headers: Values, name: str) -> str | None:
    values = headers.get(name)
    return values[-1] if values else None


def _request_id(headers: Values, random: bytes) -> str:
    given = _last(headers, "x-amzn-requestid")
    return given if given is not None and _UUID.fullmatch(given) else uuid_of(random)


def _trace_id(headers: Values, received_ms: int, random: bytes) -> str:
    given = _last(headers, "x-amzn-trace-id")
    if given is not None and _TRACE_ROOT.fullmatch(given):
        return given
    return f"Root=1-{received_ms // 1000:08x}-{random.hex()}"


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


def parse_query(query_string: str) -> Mapping[str, Sequence[str]]:
    """Return all values by name, decoded; both `&` and `;` separate, and a name without `=` has an empty value."""
    # Who polls sends the same again. What is long would fill the memory: it is not worth its while.
    return _parse_short(query_string) if len(query_string) <= MAX_KEPT_CHARACTERS else _parse(query_string)


def _parse(query_string: str) -> Values:
    values: Values = {}
    for part in query_string.replace(";", "&").split("&"):
        if part:
            name, _, value = part.partition("=")
            if "%" in part or "+" in part:
                name, value = unquote_plus(name), unquote_plus(value)
            values.setdefault(name, []).append(value)
    return values


_parse_short = functools.lru_cache(maxsize=256)(_parse)
