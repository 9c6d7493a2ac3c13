"""What statements about the events of a stream have in common: places, bounds and orders."""

from __future__ import annotations

from typing import NamedTuple

from groundwatch.logs.recent import Range

READ_MEMORY_BYTES = 256 * 1024 * 1024
"""What a page may take of the engine; a fifth of it has been enough for ten thousand events of some hundred bytes.

Messages of a megabyte would take gigabytes before the page is cut. Where a statement needs more, it is refused within
milliseconds (StoreMemoryError), and sizes are asked for first, so that only what fits a page is read.
"""
BOUNDED = {"max_memory_usage": str(READ_MEMORY_BYTES)}
SIZE = "message.size"
"""Stored apart. `length(message)` reads the messages, since they have a skip index."""
KEY = "(timestamp, ingested, batch, seq)"
ASCENDING = "ORDER BY timestamp, ingested, batch, seq"
DESCENDING = "ORDER BY timestamp DESC, ingested DESC, batch DESC, seq DESC"
# The bounds on `timestamp` repeat what the tuples say, because the primary index understands only them. The statements
# are joined from constants of this package; every value is bound.
WITHIN = f"""
    timestamp >= {{after_ms:Int64}} AND timestamp <= {{before_ms:Int64}}
    AND {KEY} > ({{after_ms:Int64}}, {{after_ingested:Int64}}, {{after_batch:UInt64}}, {{after_seq:UInt16}})
    AND {KEY} < ({{before_ms:Int64}}, {{before_ingested:Int64}}, {{before_batch:UInt64}}, {{before_seq:UInt16}})
"""


class StreamPlace(NamedTuple):
    """The numbers that a stream's events are stored under."""

    group_id: int
    stream_id: int


def bounds(wanted: Range) -> dict[str, int]:
    """Return the parameters of `WITHIN`."""
    names = ("ms", "ingested", "batch", "seq")
    return {f"after_{name}": value for name, value in zip(names, wanted.after, strict=True)} | {
        f"before_{name}": value for name, value in zip(names, wanted.before, strict=True)
    }
