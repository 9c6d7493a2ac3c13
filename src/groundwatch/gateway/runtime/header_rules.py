"""Which headers mappings may set, in both directions, and under which name they arrive."""

from __future__ import annotations

import re
from collections.abc import Iterable

from groundwatch.gateway.mapping.errors import MappingError

MAX_HEADER_CHARACTERS = 64 * 1024
"""What clients and proxies on the way to them take; the service's own limit is below both."""
_UNMAPPABLE = frozenset({"content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id"})
_UNMAPPABLE_FOR_AWS = _UNMAPPABLE | {"authorization", "connection", "expect", "proxy-authenticate", "te"}
_REMAPPED = frozenset({
    "authorization", "connection", "content-length", "content-md5", "date", "expect", "host", "max-forwards",
    "proxy-authenticate", "server", "trailer", "upgrade", "user-agent", "www-authenticate",
})  # fmt: skip
_NOT_PROXIED = frozenset({"keep-alive", "transfer-encoding", "via"})
_REMAPPED_OF_PROXIES = frozenset({
    "connection", "content-length", "date", "server", "x-amz-apigw-id", "x-amzn-requestid",
})  # fmt: skip
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_request_header(name: str, integration_type: str) -> None:
    """Refuse a header that may not be mapped towards the backend.

    Raises:
        MappingError: which the service, too, only finds at run time.
    """
    forbidden = _UNMAPPABLE_FOR_AWS if integration_type in ("AWS", "AWS_PROXY") else _UNMAPPABLE
    if name.lower() in forbidden:
        raise MappingError(f"Header {name} may not be mapped")


def client_header_name(name: str) -> str | None:
    """Return the name under which a mapped response header reaches the client; None when it is dropped."""
    lowered = name.lower()
    if lowered == "transfer-encoding":
        return None
    return f"x-amzn-Remapped-{name}" if lowered in _REMAPPED else name


def error_header_name(name: str) -> str | None:
    """Return the name under which a header of a gateway response reaches the client; None when it is dropped."""
    # The one that keeps its name here: it is how owners make browsers ask for a password.
    return name if name.lower() == "www-authenticate" else client_header_name(name)


def proxied_header_name(name: str) -> str | None:
    """Return the name under which a header of a proxied web server reaches the client; None when it is dropped."""
    lowered = name.lower()
    if lowered in _NOT_PROXIED:
        return None
    return f"x-amzn-Remapped-{name}" if lowered in _REMAPPED_OF_PROXIES else name


def check_size(mapped: Iterable[tuple[str, str]]) -> None:
    """Refuse parameters that are too long together: one text of megabytes may be mapped to any number of them.

    Raises:
        MappingError: for more than `MAX_HEADER_CHARACTERS`.
    """
    if sum(len(name) + len(value) for name, value in mapped) > MAX_HEADER_CHARACTERS:
        raise MappingError(f"headers or parameters have more than {MAX_HEADER_CHARACTERS} characters")


def header_text(name: str, value: str) -> str:
    """Return a header's value, which comes from a definition, a client or a backend, if it can be sent.

    Raises:
        MappingError: for control characters, with which one header could become several, and for a name that is none.
    """
    if not _NAME.fullmatch(name):
        raise MappingError(f"{name[:80]!r} is not a header name")
    return header_value(name, value)


def header_value(name: str, value: str) -> str:
    """Return the value of a header whose name is known to be one, as `header_text` does."""
    # What can be printed has no control characters, which is quicker to find out.
    if not value.isprintable() and _CONTROL.search(value):
        raise MappingError(f"the value of header {name} has control characters")
    return value.strip()
