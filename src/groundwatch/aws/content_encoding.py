"""Undoing `Content-Encoding` with a bound on what comes out."""

from __future__ import annotations

import zlib

from groundwatch.aws.errors import NotImplementedByServer, ServiceError

MAX_GZIP_MEMBERS = 64
_GZIP_WBITS = 31
# The second is what requests in AWS's references say whose bodies are not coded at all.
_UNCODED = frozenset(("", "amz-1.0", "identity"))
# RFC 9110, 8.4.1.3.
_GZIP = frozenset(("gzip", "x-gzip"))


def decode_content(body: bytes, encoding: str | None, max_bytes: int) -> bytes:
    """Return the body without its encoding (gzip or none).

    Never holds more than `max_bytes` of output. Raises `ServiceError`: RequestEntityTooLarge beyond that,
    SerializationException for broken gzip, NotImplementedException for any other encoding.
    """
    name = (encoding or "identity").strip().lower()
    if name in _UNCODED:
        return body
    if name not in _GZIP:
        raise NotImplementedByServer(f"Content-Encoding {name}")
    try:
        return _gunzip(body, max_bytes)
    except zlib.error as error:
        raise ServiceError("SerializationException", "The request body is not valid gzip.") from error


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    inflated = b""
    # A gzip file may be several members in a row; each costs a copy of what follows, so their number is bounded.
    for _ in range(MAX_GZIP_MEMBERS + 1):
        if not body:
            return inflated
        stream = zlib.decompressobj(_GZIP_WBITS)
        inflated += stream.decompress(body, max_bytes - len(inflated) + 1)
        if len(inflated) > max_bytes:
            raise too_large(max_bytes)
        if not stream.eof:
            raise zlib.error("incomplete stream")
        body = stream.unused_data
    raise zlib.error("too many members")


def too_large(max_bytes: int) -> ServiceError:
    """Return the error for a body of more than `max_bytes`."""
    return ServiceError("RequestEntityTooLarge", f"The request body is larger than {max_bytes} bytes.", status=413)
