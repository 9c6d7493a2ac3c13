"""Reads of statistics that are asked for at the same moment, joined into one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from groundwatch.monitoring.metrics.model import Datapoint, StatisticRequest
from groundwatch.monitoring.metrics.periods import PeriodReader
from groundwatch.monitoring.metrics.reader import StatisticReader

Answers = list[dict[str, list[Datapoint]]]


class GatheredStatistics(StatisticReader):
    """A reader for many evaluations at once: what a thousand of them ask for costs as few statements as one's.

    A request that is refused fails all that were asked with it, so it is for requests that were checked before.
    """

    def __init__(self, periods: PeriodReader) -> None:
        super().__init__(periods)
        self._waiting: list[tuple[Sequence[StatisticRequest], asyncio.Future[Answers]]] = []
        self._task: asyncio.Task[None] | None = None

    async def read_units(self, requests: Sequence[StatisticRequest]) -> Answers:
        """Return the datapoints of each request by unit, once they are read together with those of others."""
        answer: asyncio.Future[Answers] = asyncio.get_running_loop().create_future()
        self._waiting.append((requests, answer))
        if len(self._waiting) == 1:
            # The task's turn comes after those of all others that run already: by then they have asked.
            self._task = asyncio.create_task(self._read_waiting(), name="gathered-statistics")
        return await answer

    async def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            found = await super().read_units([request for requests, _ in waiting for request in requests])
        except Exception as error:  # noqa: BLE001 - each of those who asked gets it
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        position = 0
        for requests, answer in waiting:
            if not answer.done():
                answer.set_result(found[position : position + len(requests)])
            position += len(requests)
