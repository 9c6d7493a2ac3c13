"""What integrations that call a backend have in common: the gateway's own headers, paths, and lines of the log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.execution_log import java_map
from groundwatch.gateway.runtime.media import JSON
from groundwatch.gateway.runtime.stages import MappedRequest, Routed

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9._$-]+)\+?\}")
_PATH_CHARACTERS = "%/:@!$&'()*+,;=-._~"
_QUERY_CHARACTERS = _PATH_CHARACTERS + "?"

Pairs = Iterable[tuple[str, str]]


def user_agent(routed: Routed) -> str:
    """Return the name under which the gateway calls for an API."""
    return f"AmazonAPIGateway_{routed.exchange.target.api_id}"


def own_headers(routed: Routed) -> list[tuple[str, str]]:
    """Return the headers that every backend gets and that no mapping can replace."""
    exchange = routed.exchange
    return [("X-Amzn-Trace-Id", exchange.trace_id), ("x-amzn-apigateway-api-id", exchange.target.api_id)]


def forwarding(routed: Routed) -> list[tuple[str, str]]:
    """Return the headers that say how a request came: through whom, to which port, by which protocol."""
    exchange = routed.exchange
    request = exchange.request
    usual_port = 443 if request.secure else 80
    port = re.search(r":(\d{1,5})$", request.header("host") or "")
    return [
        ("X-Forwarded-For", ", ".join([*exchange.headers.get("x-forwarded-for", []), request.source_ip])),
        ("X-Forwarded-Port", port[1] if port else str(usual_port)),
        ("X-Forwarded-Proto", "https" if request.secure else "http"),
    ]


def content_type(routed: Routed) -> str:
    """Return the content type of a request whose mapping names none: the client's, where its verb carries a body."""
    given = routed.exchange.last_header("content-type")
    return JSON if given is None or routed.exchange.method in _BODILESS else given


def query_text(query: Iterable[tuple[str, str]]) -> str:
    """Return a query string of these names and values."""
    return "&".join(f"{quote(name, safe='~')}={quote(value or '', safe='~')}" for name, value in query)


def forwarded_query(routed: Routed) -> str:
    """Return the client's query string as it may be sent on."""
    return requoted(routed.exchange.request.query_string, _QUERY_CHARACTERS)


def requoted(text: str, safe: str) -> str:
    """Percent-encode what a client left as it is in a part of a URL; what is encoded stays so."""
    # The listener decoded the bytes as Latin-1.
    return quote(text.encode("latin-1", "replace"), safe=safe)


def fill_url(url: str, mapped: MappedRequest) -> str:
    """Replace the `{name}` placeholders of a URL with mapped path parameters.

    A value stays within its place: whatever has a meaning in a URL is percent-encoded. Only the value of a greedy
    parameter is a path of its own, and goes on as the client wrote it.

    Raises:
        MappingError: for a placeholder without value.
        GatewayError: 400 for a value that would lead elsewhere, with `.` or `..` as a segment.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        found = mapped.path.get(name)
        if found is None:
            raise MappingError(f"Invalid endpoint address: no value for {{{name}}}")
        check_segments(found)
        raw = _greedy_value(mapped.routed, name, found)
        return quote(found, safe="") if raw is None else requoted(raw, _PATH_CHARACTERS)

    return _PLACEHOLDER.sub(value, url)


def _greedy_value(routed: Routed, placeholder: str, value: str) -> str | None:
    """Return the path that a client wrote for a placeholder; None where the value is no greedy parameter's."""
    name = routed.method.greedy_paths.get(placeholder)
    # A template may have put something else in its place.
    if name is None or routed.path_parameters.get(name) != value:
        return None
    return routed.raw_path_parameters.get(name, value)


def check_segments(value: str) -> None:
    """Raise 400 for a path with `.` or `..` as a segment, however they are written."""
    # Twice encoded ones, too: some servers decode twice.
    if any(segment in (".", "..") for segment in re.split(r"[/\\]", unquote(value))):
        raise GatewayError("BAD_REQUEST_PARAMETERS", "Invalid path parameter", reason="a path leads upwards")


def log_request(routed: Routed, uri: str, headers: Pairs, body: bytes) -> None:
    """Write what a backend is sent."""
    log = routed.exchange.log
    if log.enabled:
        log.line(f"Endpoint request URI: {uri}")
        log.line(f"Endpoint request headers: {java_map(headers)}")
        log.line(f"Endpoint request body after transformations: {body.decode('utf-8', 'replace')}")
        log.line(f"Sending request to {uri}")


def log_answer(routed: Routed, headers: Pairs, body: bytes) -> None:
    """Write what a backend answered."""
    log = routed.exchange.log
    if log.enabled:
        log.line(f"Endpoint response headers: {java_map(headers)}")
        log.line(f"Endpoint response body before transformations: {body.decode('utf-8', 'replace')}")
