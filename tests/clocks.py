"""Time that passes when a test says so."""

from __future__ import annotations


class ManualClock:
    """Milliseconds since the epoch, as `clock_ms` is everywhere; a test sets `now_ms`."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
