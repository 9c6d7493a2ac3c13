"""The one way in for events: limits, acceptance window, and the append that ends on disk.

PutLogEvents, the server's own log and every other protocol end here.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice
from operator import le

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogGroup, LogStream
from groundwatch.logs.events import EVENT_OVERHEAD_BYTES, EventKey
from groundwatch.logs.writer import Batch, EventWriter

MAX_BATCH_BYTES = 1_048_576
MAX_EVENT_BYTES = 1_048_576
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
TOO_NEW_MS = 2 * HOUR_MS
TOO_OLD_MS = 14 * DAY_MS


class Rejected(msgspec.Struct, frozen=True):
    """Which events of a batch were not stored: a prefix and a suffix, since batches are in order of time."""

    too_old_end: int = 0
    """Events before this index are older than events may be, 14 days by default."""
    expired_end: int = 0
    """Events before this index are older than the group's retention."""
    too_new_start: int | None = None
    """Events from this index on are more than two hours in the future."""


class Receipt(msgspec.Struct, frozen=True):
    """What became of a batch: the key of its last stored event (None when nothing was stored) and what was rejected."""

    last_key: EventKey | None
    rejected: Rejected


class Intake:
    """Checks batches against the rules of PutLogEvents and stores what they let pass.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html

    `max_age_ms` is how old an event may be; the service's own limit is 14 days.
    """

    def __init__(self, writer: EventWriter, max_age_ms: int = TOO_OLD_MS) -> None:
        self._writer = writer
        self._max_age_ms = max_age_ms

    async def put(
        self, group: LogGroup, stream: LogStream, timestamps: Sequence[int], messages: Sequence[str], now_ms: int
    ) -> Receipt:
        """Return when the acceptable events are on disk.

        Raises `InvalidParameterException` when the batch as a whole breaks a rule: nothing of it is stored then.
        """
        size = _checked_size(messages)
        if not all(map(le, timestamps, islice(timestamps, 1, None))):
            raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
        rejected = _rejected(timestamps, group.retention_in_days, now_ms, self._max_age_ms)
        first = max(rejected.too_old_end, rejected.expired_end)
        end = len(timestamps) if rejected.too_new_start is None else rejected.too_new_start
        if first >= end:
            return Receipt(None, rejected)
        # The documentation limits the span of valid events, so what is left out is left out before it is measured.
        if timestamps[end - 1] - timestamps[first] > DAY_MS:
            raise _invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
        batch = Batch(
            group_id=group.number,
            stream_id=stream.number,
            ingested_ms=now_ms,
            # 64 bits make ids unique without asking anyone; that they can be guessed gives no right to anything.
            number=random.getrandbits(64),
            timestamps=timestamps[first:end],
            messages=messages[first:end],
            size_bytes=size,
            stream_name=stream.name,
        )
        await self._writer.append(batch)
        return Receipt(EventKey(timestamps[end - 1], now_ms, batch.number, end - first - 1), rejected)


def _checked_size(messages: Sequence[str]) -> int:
    total = EVENT_OVERHEAD_BYTES * len(messages)
    for message in messages:
        try:
            size = len(message) if message.isascii() else len(message.encode())
        except UnicodeEncodeError as error:
            raise ServiceError("SerializationException", "A message holds half of a surrogate pair.") from error
        if size > MAX_EVENT_BYTES:
            raise _invalid(f"Log event too large: {size} bytes exceeds limit of {MAX_EVENT_BYTES}")
        total += size
    if total > MAX_BATCH_BYTES:
        raise _invalid(f"Upload too large: {total} bytes exceeds limit of {MAX_BATCH_BYTES}")
    return total


def _rejected(timestamps: Sequence[int], retention_in_days: int | None, now_ms: int, max_age_ms: int) -> Rejected:
    too_old = bisect_left(timestamps, now_ms - max_age_ms)
    expired = 0 if retention_in_days is None else bisect_left(timestamps, now_ms - retention_in_days * DAY_MS)
    too_new = bisect_right(timestamps, now_ms + TOO_NEW_MS)
    return Rejected(
        too_old_end=too_old,
        # Only the larger of two prefixes says anything: older than 14 days is older than a longer retention too.
        expired_end=expired if expired > too_old else 0,
        too_new_start=too_new if too_new < len(timestamps) else None,
    )


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
