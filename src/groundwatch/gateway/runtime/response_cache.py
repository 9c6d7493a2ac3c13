"""Answers that a stage keeps: by API, stage and cache key, until their time is over or the room is.

The memory is bounded by bytes over all stages, least recently used first; it belongs to this process and is empty after
a restart, which the service allows a cache to be, too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from groundwatch.aws.http import WireResponse

MAX_ENTRY_BYTES = 1024 * 1024
"""An answer with more in its body and headers is not kept: the service's own limit."""
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
ENTRY_OVERHEAD_BYTES = 512

Place = tuple[str, str]
"""API and stage; the name of a stage with `CANARY` behind it is its canary's own part."""
CANARY = "/Canary"
Key = tuple[str, ...]
"""Namespace, and the values of the method's cache key parameters."""


class _Entry(msgspec.Struct):
    response: WireResponse
    expires_ms: int
    size_bytes: int
    asked_ms: int
    """When the request came that the answer was made for."""


class ResponseCache:
    """The kept answers of all stages; for one thread. Looking one up takes less than a microsecond."""

    def __init__(self, clock_ms: Callable[[], int], max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._clock_ms = clock_ms
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[Place, Key], _Entry] = OrderedDict()
        self._flushed_ms = -1
        self.size_bytes = 0
        """What the entries take, an estimate of their overhead included."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, place: Place, key: Key) -> WireResponse | None:
        """Return the answer, or None when there is none or its time is over."""
        entry = self._entries.get((place, key))
        if entry is None:
            return None
        if entry.expires_ms <= self._clock_ms():
            self._drop((place, key))
            return None
        self._entries.move_to_end((place, key))
        return entry.response

    def put(self, place: Place, key: Key, response: WireResponse, ttl_s: int, asked_ms: int) -> None:
        """Keep an answer for `ttl_s` seconds in place of the one before; one that is too large is not kept.

        Nor is one to a request that came, at `asked_ms`, before a flush or before that of the present entry: a slow
        backend must not bring back what was asked anew since.
        """
        present = self._entries.get((place, key))
        if asked_ms <= self._flushed_ms or (present is not None and present.asked_ms > asked_ms):
            return
        self._drop((place, key))
        size = len(response.body) + sum(len(name) + len(value) for name, value in response.headers)
        if ttl_s <= 0 or size > MAX_ENTRY_BYTES:
            return
        size += ENTRY_OVERHEAD_BYTES + sum(map(len, key))
        self._entries[place, key] = _Entry(response, self._clock_ms() + ttl_s * 1000, size, asked_ms)
        self.size_bytes += size
        while self.size_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def flush(self, place: Place) -> None:
        """Forget everything of a stage, its canary's part too."""
        # Of any stage: one time for all is enough, since what it costs is that an answer is asked for once more.
        self._flushed_ms = self._clock_ms()
        places = (place, (place[0], place[1] + CANARY))
        for full_key in [full_key for full_key in self._entries if full_key[0] in places]:
            self._drop(full_key)

    def _drop(self, full_key: tuple[Place, Key]) -> None:
        entry = self._entries.pop(full_key, None)
        if entry is not None:
            self.size_bytes -= entry.size_bytes
