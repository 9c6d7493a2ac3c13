"""Matching many messages beside the event loop without keeping it from its work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from groundwatch.logs.patterns.sifting import Sieve

SLICE_EVENTS = 250
"""How many events are matched without a break: a quarter of a millisecond."""
BUSY_LAG_S = 0.0005
"""The event loop has other work when it gives the interpreter back later than this."""
PAUSE_RATIO = 3
"""How many times as long as it worked the matching pauses then: deliveries wait on disk, callers do not."""


def sifted(sift: Sieve, messages: Sequence[str]) -> Iterator[int]:
    """Yield the positions of the messages that match, in order."""
    for start in range(0, len(messages), SLICE_EVENTS):
        began_s = time.perf_counter()
        for at in sift(messages[start : start + SLICE_EVENTS]):
            yield start + at
        _give_way(time.perf_counter() - began_s)


def _give_way(worked_s: float) -> None:
    """Let the event loop in, which would have to wait five milliseconds for the interpreter otherwise."""
    left_s = time.perf_counter()
    time.sleep(0)
    if time.perf_counter() - left_s > BUSY_LAG_S:
        time.sleep(worked_s * PAUSE_RATIO)
