"""Content codings: gzip and deflate, in both directions and within bounds."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

from groundwatch.gateway.runtime.media import MAX_PAYLOAD_BYTES

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_LEVEL = 6
MAX_CODINGS = 4
"""Of one body; a header holds thousands, each of which may unpack to the largest payload."""
SUPPORTED = ("gzip", "deflate")
"""In order of preference."""


class CodingError(Exception):
    """A body is not what its coding says."""


class DecodedTooLargeError(CodingError):
    """A body is larger than the limit once it is decoded."""


def decoded(body: bytes, content_encoding: str | None) -> tuple[bytes, str | None]:
    """Return a body without its codings, and the `Content-Encoding` that is left: one that is not known here.

    Raises:
        CodingError: when the body is not of that coding, or has more bytes than a payload may have.
    """
    names = [name.strip().lower() for name in (content_encoding or "").split(",") if name.strip()]
    if len(names) > MAX_CODINGS:
        raise CodingError(f"has more than {MAX_CODINGS} codings")
    while names:
        decode = _DECODERS.get(names[-1])
        if decode is None:
            return body, ", ".join(names)
        body = decode(body)
        names.pop()
    return body, None


def acceptable_coding(accept_encoding: str | None) -> str | None:
    """Return the coding to answer with, or None when the client takes none that is known here."""
    weights = dict(_weight(part) for part in (accept_encoding or "").lower().split(",") if part.strip())
    anything = weights.get("*", 0.0)
    best = max(SUPPORTED, key=lambda name: weights.get(name, anything))
    return best if weights.get(best, anything) > 0 else None


def encoded(body: bytes, coding: str) -> bytes:
    """Return a body in one of the supported codings."""
    window = _GZIP_WINDOW if coding == "gzip" else zlib.MAX_WBITS
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, window)
    return compressor.compress(body) + compressor.flush()


def _weight(part: str) -> tuple[str, float]:
    name, _, parameters = part.partition(";")
    text = parameters.strip().removeprefix("q=")
    try:
        return name.strip(), float(text) if parameters.strip() else 1.0
    except ValueError:
        return name.strip(), 0.0


def _inflate(body: bytes, window: int) -> bytes:
    decompressor = zlib.decompressobj(window)
    try:
        plain = decompressor.decompress(body, MAX_PAYLOAD_BYTES + 1)
    except zlib.error as error:
        raise CodingError(str(error)) from error
    if len(plain) > MAX_PAYLOAD_BYTES:
        raise DecodedTooLargeError(f"has more than {MAX_PAYLOAD_BYTES} bytes when it is decoded")
    if not decompressor.eof:
        raise CodingError("ends too early")
    return plain


def _gzip(body: bytes) -> bytes:
    return _inflate(body, _GZIP_WINDOW) if body else b""


def _deflate(body: bytes) -> bytes:
    if not body:
        return b""
    # Some senders leave the zlib header away.
    wrapped = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflate(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)


_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "identity": lambda body: body,
}
