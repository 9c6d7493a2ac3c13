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
FIRST, LAST = (0, 0, 0), (2**63 - 1, 2**64 - 1, 2**16 - 1)
"""What no event's key ends with: bounds that do are instants, before and behind all that was put with their time."""
AFTER = {FIRST: "timestamp >= {after_ms:Int64}", LAST: "timestamp > {after_ms:Int64}"}
BEFORE = {FIRST: "timestamp < {before_ms:Int64}", LAST: "timestamp <= {before_ms:Int64}"}
# The bounds on `timestamp` repeat what the tuples say, because the primary index understands only them. The statements
# are joined from constants of this package; every value is bound.
AFTER_KEY = f"""timestamp >= {{after_ms:Int64}}
    AND {KEY} > ({{after_ms:Int64}}, {{after_ingested:Int64}}, {{after_batch:UInt64}}, {{after_seq:UInt16}})"""
BEFORE_KEY = f"""timestamp <= {{before_ms:Int64}}
    AND {KEY} < ({{before_ms:Int64}}, {{before_ingested:Int64}}, {{before_batch:UInt64}}, {{before_seq:UInt16}})"""


class StreamPlace(NamedTuple):
    """The numbers that a stream's events are stored under."""

    group_id: int
    stream_id: int


def within(wanted: Range) -> str:
    """Return the condition that the events of a range fulfil; its parameters are those of `bounds`.

    Most ranges begin and end with instants, and to compare four columns would be a quarter of what a page takes.
    """
    after = AFTER.get(wanted.after[1:], AFTER_KEY)
    return f"{after} AND {BEFORE.get(wanted.before[1:], BEFORE_KEY)}"


def bounds(wanted: Range) -> dict[str, int]:
    """Return the parameters of `within`."""
    names = ("ms", "ingested", "batch", "seq")
    return {f"after_{name}": value for name, value in zip(names, wanted.after, strict=True)} | {
        f"before_{name}": value for name, value in zip(names, wanted.before, strict=True)
    }
