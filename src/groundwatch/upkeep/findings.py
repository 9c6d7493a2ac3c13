"""What a check found: one line that says how things are, and one that says what to do."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warning", "failing"]


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    check: str
    """What was looked at, such as `TLS` or `part 2810_1_1_0`."""
    state: State
    text: str
    advice: str = ""
    """What to do; empty for what is in order."""


def worst(findings: list[Finding]) -> State:
    """Return the state that counts for all of them."""
    states = {finding.state for finding in findings}
    return "failing" if "failing" in states else "warning" if "warning" in states else "ok"
