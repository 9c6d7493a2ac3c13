"""The binary framing of AWS event streams: text headers and a payload become one checked message. Pure, no I/O.

    total length u32 | headers length u32 | CRC-32 of these 8 bytes u32 | headers | payload | CRC-32 of all before u32

Numbers are big-endian. A header is `name length u8 | name | 7 | value length u16 | value`; of the header types only
strings (7) are written, since the AWS protocols put nothing else into the messages that a server sends.
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import pack
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
_STRING = 7
_FRAME_BYTES = 16
"""What a message takes beside its headers and its payload."""


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message. Raises ValueError for a header, headers or a payload longer than the format allows."""
    block = b"".join(_header(name, value) for name, value in headers.items())
    if len(block) > MAX_HEADERS_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{len(block)} bytes of headers or {len(payload)} bytes of payload are too many for a message")
    lengths = pack("!II", _FRAME_BYTES + len(block) + len(payload), len(block))
    message = b"".join((lengths, pack("!I", crc32(lengths)), block, payload))
    return message + pack("!I", crc32(message))


def encode_event(event_type: str, content_type: str, payload: bytes) -> bytes:
    """Return the message for an event; `initial-response` is the type of the one that comes first in RPC protocols."""
    return encode_message({":message-type": "event", ":event-type": event_type, ":content-type": content_type}, payload)


def encode_exception(exception_type: str, content_type: str, payload: bytes) -> bytes:
    """Return the message for an error that the service model lists for the stream; nothing may follow it."""
    headers = {":message-type": "exception", ":exception-type": exception_type, ":content-type": content_type}
    return encode_message(headers, payload)


def encode_error(code: str, text: str) -> bytes:
    """Return the message for an error that the service model does not know; nothing may follow it."""
    return encode_message({":message-type": "error", ":error-code": code, ":error-message": text}, b"")


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    if not 0 < len(name_bytes) < 2**8 or len(value_bytes) >= 2**15:
        raise ValueError(f"the header '{name[:64]}' or its value has a length that a message cannot have")
    return b"".join((pack("!B", len(name_bytes)), name_bytes, pack("!BH", _STRING, len(value_bytes)), value_bytes))
