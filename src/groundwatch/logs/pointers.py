"""The opaque `@ptr` of a log event: it names the group, the stream and the event, and gives no right to any of them.

Names are resolved in the account of whoever presents the pointer, and the group that it names is what the caller must
be allowed to read.
"""

from __future__ import annotations

import base64

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.events import EventKey, event_id, parse_event_id


class Pointer(msgspec.Struct, frozen=True):
    """Where a log event is."""

    group: str
    stream: str
    key: EventKey

    def __str__(self) -> str:
        # Names, which are looked up again in the account of whoever presents them; numbers would reach into others'.
        named = msgspec.json.encode([self.group, self.stream, event_id(self.key)])
        return base64.b64encode(named).decode()


def parse_pointer(text: str) -> Pointer:
    """Return what a pointer names; `InvalidParameterException` for text that is not one."""
    try:
        raw = base64.b64decode(text, validate=True)
        group, stream, identifier = msgspec.json.decode(raw, type=tuple[str, str, str])
        return Pointer(group, stream, parse_event_id(identifier))
    except (ValueError, msgspec.MsgspecError) as error:
        raise ServiceError("InvalidParameterException", "The specified logRecordPointer is invalid.") from error
