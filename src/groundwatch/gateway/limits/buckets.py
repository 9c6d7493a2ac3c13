"""Token buckets: so many requests per second, and so many at once.

Pure but for the table of buckets: the time is an argument. A bucket that is full again is as good as none, so
forgetting the one that was used longest ago bounds the memory and errs in the caller's favour.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import NamedTuple

MAX_BUCKETS = 100_000


class Limit(NamedTuple):
    """One bucket that a request takes a token from."""

    key: Hashable
    rate: float
    """Tokens per second."""
    burst: float
    """The most that the bucket holds."""
    what: str = ""
    """Names the limit in the execution log."""


class TokenBuckets:
    """The fill of every bucket that was used lately; for one thread. A check costs about a microsecond a bucket."""

    def __init__(self, max_buckets: int = MAX_BUCKETS) -> None:
        self._max_buckets = max_buckets
        self._fills: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        """Tokens, and the second at which there were so many."""

    def __len__(self) -> int:
        return len(self._fills)

    def take(self, limits: Sequence[Limit], now_s: float) -> Limit | None:
        """Take a token from every bucket, or none from any: then return the first limit that has none.

        A limit may change between two calls; the bucket then holds at most the new burst.
        """
        fills = self._fills
        taken: list[tuple[Hashable, float]] = []
        for limit in limits:
            key, rate, burst, _ = limit
            tokens, since_s = fills.get(key) or (burst, now_s)
            # A clock that is set back gives no tokens, and takes none.
            if now_s > since_s:
                tokens += (now_s - since_s) * rate
            tokens = min(burst, tokens)
            if tokens < 1.0:
                return limit
            taken.append((key, tokens - 1.0))
        for key, left in taken:
            fills[key] = (left, now_s)
            fills.move_to_end(key)
        while len(fills) > self._max_buckets:
            fills.popitem(last=False)
        return None
