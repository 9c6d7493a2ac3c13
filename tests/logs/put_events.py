"""Events as operations take and return them."""

from __future__ import annotations

import msgspec

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000
"""Where the clock of these tests stands."""


def events(*pairs: tuple[int, str]) -> list[dict[str, object]]:
    return [{"timestamp": at, "message": message} for at, message in pairs]


def messages(answer) -> list[str]:
    return [event["message"] for event in shown(answer)]


def shown(answer) -> list[dict[str, object]]:
    # A page of one stream comes encoded.
    found = answer["events"]
    return msgspec.json.decode(found) if isinstance(found, msgspec.Raw) else found
