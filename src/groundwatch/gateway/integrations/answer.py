"""The answer of an integration."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class IntegrationAnswer(msgspec.Struct, frozen=True):
    """What came back, before it is mapped."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    match_text: str | None
    """What selection patterns are compared with: the status as text, for functions the message of their error.

    None fits no pattern: the default response is for it.
    """
    traced: bool
    """True when the client's answer carries `X-Amzn-Trace-Id`: a backend was called."""
    members: Mapping[str, object] | None = None
    """`WireResponse.members` of a service of this process."""
