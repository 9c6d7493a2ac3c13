"""Events of the queue as workers see them: by stream, and column by column."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Part(msgspec.Struct, frozen=True):
    """The events of one batch, column by column, as they come from memory or from the store."""

    ingested_ms: int
    batch: int
    positions: Sequence[int]
    """Where each event stood in the batch."""
    timestamps: Sequence[int]
    messages: Sequence[str]


class StreamEvents(msgspec.Struct, frozen=True):
    """Events of one stream in the order in which they were stored."""

    stream: str
    parts: Sequence[Part]

    @property
    def count(self) -> int:
        """How many events there are."""
        return sum(len(part.messages) for part in self.parts)
