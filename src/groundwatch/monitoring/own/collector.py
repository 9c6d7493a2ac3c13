"""Asks the rooms for their figures once a minute and records them; keeps what the Prometheus page shows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec

from groundwatch.background import WriteBehind
from groundwatch.begun import in_task
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.metrics.samples import MINUTE_MS, Sample, sample_of
from groundwatch.monitoring.metrics.writer import MetricRecorder
from groundwatch.monitoring.own.gateway import GatewayCounts
from groundwatch.monitoring.own.readings import Reading, Source, Spread

NAMESPACE = "Groundwatch"
SOURCE_TIMEOUT_S = 5
BEFORE_MINUTE_MS = 1_000
"""How long before a minute's end its figures are taken, so that they count for it."""

log = logging.getLogger(__name__)


class Place(msgspec.Struct, frozen=True):
    """Whose metrics the server's own are: the operator's."""

    account_id: str
    region: str


class OwnMetrics(WriteBehind):
    """The server's figures; for one event loop."""

    def __init__(
        self,
        recorder: MetricRecorder,
        gateway: GatewayCounts,
        sources: Sequence[Source],
        place: Place,
        clock_ms: Callable[[], int],
    ) -> None:
        super().__init__("own metrics", interval_s=MINUTE_MS / 1000)
        self._recorder = recorder
        self._sources = (self._of_recorder, self._of_gateway, *sources)
        self._place = place
        self._clock_ms = clock_ms
        self._counted: dict[str, float] = {}
        self._spreads: dict[str, Spread] = {}
        self.gateway = gateway

    async def readings(self) -> list[Reading]:
        """Return every figure as it is now; spreads count from the start of the process."""
        found = await self._ask()
        self._record_gateway()
        return [self._kept_spread(reading) if isinstance(reading.value, Spread) else reading for reading in found]

    async def flush(self) -> None:
        """Record every figure as samples of now."""
        now_ms = self._clock_ms()
        for reading in await self._ask():
            if not isinstance(reading.value, Spread):
                self._recorder.add(self._sample(reading, self._since(reading), now_ms))
        self._record_gateway()

    def _wait_s(self) -> float:
        # By the clock, not after a minute each: rounds that take their time must not slip into the next minute.
        return (MINUTE_MS - (self._clock_ms() + BEFORE_MINUTE_MS) % MINUTE_MS) / 1000

    async def _ask(self) -> list[Reading]:
        """Return all figures; spreads, which can be taken once only, are recorded and kept on the way."""
        found: list[Reading] = []
        # The page of figures is asked for by requests, too.
        await in_task()
        for source in self._sources:
            try:
                async with asyncio.timeout(SOURCE_TIMEOUT_S):
                    found += await source()
            except Exception:
                # One room that cannot tell, such as an engine that is down, must not hide the others.
                log.warning("some of the server's own metrics could not be read", exc_info=True)
        for reading in found:
            if isinstance(reading.value, Spread) and reading.value.count:
                self._take_spread(reading, reading.value)
        return found

    def _take_spread(self, reading: Reading, spread: Spread) -> None:
        kept = self._spreads.setdefault(reading.name, Spread())
        kept.count += spread.count
        kept.total += spread.total
        sums = (spread.count, spread.total, spread.minimum, spread.maximum)
        self._recorder.add(Sample(self._metric(reading.name), self._clock_ms(), *sums, unit=reading.unit))

    def _kept_spread(self, reading: Reading) -> Reading:
        return msgspec.structs.replace(reading, value=self._spreads.get(reading.name, Spread()))

    def _since(self, reading: Reading) -> float:
        """Return a gauge's value, or what a counter has counted since it was last recorded."""
        value = reading.value
        if reading.kind == "gauge" or isinstance(value, Spread):
            return float(value) if not isinstance(value, Spread) else value.total
        # Metrics of CloudWatch add up, while Prometheus takes differences itself.
        before = self._counted.get(reading.name, 0.0)
        self._counted[reading.name] = value
        return value - before

    def _sample(self, reading: Reading, value: float, now_ms: int) -> Sample:
        return sample_of(self._metric(reading.name), now_ms, ((value, 1.0),), unit=reading.unit)

    def _metric(self, name: str) -> MetricKey:
        return MetricKey(self._place.account_id, self._place.region, NAMESPACE, name)

    def _record_gateway(self) -> None:
        for sample in self.gateway.take(self._clock_ms()):
            self._recorder.add(sample)

    async def _of_recorder(self) -> Iterable[Reading]:
        text = "Values of metrics that were lost, as more came than could be stored."
        return [Reading("LostMetricValues", "lost_metric_values", text, "Count", self._recorder.lost, "counter")]

    async def _of_gateway(self) -> Iterable[Reading]:
        text = "Requests of the gateway port that no metric counts, as there were too many methods."
        exposed = "gateway_uncounted_requests"
        return [Reading("UncountedRequests", exposed, text, "Count", self.gateway.uncounted, "counter")]
