"""The server's own metrics: asks each room for its figures in the words of `monitoring/`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from groundwatch.app.clock import now_ms
from groundwatch.config import Settings, StartupError
from groundwatch.gateway.runtime.traffic import Figures, MethodPlace, TrafficCounts
from groundwatch.logs.subscriptions.delivery import Deliveries
from groundwatch.logs.writer import Batch
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.own.collector import OwnMetrics, Place
from groundwatch.monitoring.own.gateway import GatewayCounts
from groundwatch.monitoring.own.page import MetricsPage
from groundwatch.monitoring.own.readings import Reading, Source, Spread
from groundwatch.notifications.queue import DeliveryQueue
from groundwatch.storage.clickhouse import Client, EventDatabase

ENGINE_MEMORY = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'"
NEWEST_EVENT = "SELECT max(timestamp) FROM events"
PAGE_BYTES = 4096


class IngestionWatch:
    """Counts events as they are stored."""

    def __init__(self, database: EventDatabase) -> None:
        self._database = database
        self._events = 0
        self._bytes = 0
        self._newest_ms = 0
        self._is_newest_known = False
        self._lag_ms = Spread()

    def committed(self, batches: Sequence[Batch]) -> None:
        """Take note of batches that are on disk; their events are in order of time."""
        for batch in batches:
            self._events += len(batch.timestamps)
            self._bytes += batch.size_bytes
            newest_ms = batch.timestamps[-1]
            self._newest_ms = max(newest_ms, self._newest_ms)
            self._lag_ms.add(max(batch.ingested_ms - newest_ms, 0))

    async def readings(self) -> Iterable[Reading]:
        """Return rate, lag and age."""
        if not self._is_newest_known:
            # What was stored before the start counts as well.
            stored_ms = await self._database.run("read", _newest_event)
            self._newest_ms, self._is_newest_known = max(stored_ms, self._newest_ms), True
        lag, self._lag_ms = self._lag_ms, Spread()
        found = [
            Reading("IngestedEvents", "ingested_events", "Events stored.", "Count", self._events, "counter"),
            Reading(
                "IngestedBytes", "ingested_bytes", "Their size, 26 bytes each added.", "Bytes", self._bytes, "counter"
            ),
            Reading(
                name="IngestionLag",
                exposed="ingestion_lag_seconds",
                help="Age of a batch's newest event when it arrived.",
                unit="Milliseconds",
                value=lag,
                kind="spread",
                scale=0.001,
            ),
        ]
        if self._newest_ms:
            age_s = max(now_ms() - self._newest_ms, 0) / 1000
            text = "Age of the newest stored event by its own time."
            found.append(Reading("NewestEventAge", "newest_event_age_seconds", text, "Seconds", age_s))
        return found


def _newest_event(client: Client) -> int:
    return int(client.query(NEWEST_EVENT).result_rows[0][0] or 0)


class DeliveryWatch:
    """What waits for the targets of subscriptions, and what was given up."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def readings(self) -> Iterable[Reading]:
        """Return depths and losses."""
        waiting, lost = self._deliveries.waiting, self._deliveries.lost_events.total()
        return [
            Reading(
                "DeliveryQueueBatches", "delivery_queue_batches", "Batches to be delivered.", "Count", waiting.batches
            ),
            Reading("DeliveryQueueBytes", "delivery_queue_bytes", "Their size.", "Bytes", waiting.size_bytes),
            Reading("LostEvents", "lost_events", "Events that were given up for a target.", "Count", lost, "counter"),
        ]


class NotificationWatch:
    """What waits for the subscribers of topics."""

    def __init__(self, queue: DeliveryQueue) -> None:
        self._queue = queue

    async def readings(self) -> Iterable[Reading]:
        """Return the depth."""
        waiting, text = await self._queue.waiting(), "Messages to be delivered to subscribers of topics."
        return [Reading("NotificationQueueMessages", "notification_queue_messages", text, "Count", waiting)]


class MemoryWatch:
    """What memory the engine and the process take."""

    def __init__(self, database: EventDatabase) -> None:
        self._database = database

    async def readings(self) -> Iterable[Reading]:
        """Return both."""
        engine = await self._database.run("read", _engine_memory)
        found = [Reading("EngineMemory", "engine_memory_bytes", "Memory of the event store's engine.", "Bytes", engine)]
        process = await asyncio.to_thread(_process_memory)
        if process is not None:
            text = "Resident memory of this process, an embedded engine in it."
            found.append(Reading("ProcessMemory", "process_memory_bytes", text, "Bytes", process))
        return found


def _engine_memory(client: Client) -> int:
    return int(client.query(ENGINE_MEMORY).result_rows[0][0])


def _process_memory() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * PAGE_BYTES
    except OSError:
        # Elsewhere than on Linux.
        return None


class GatewayTraffic:
    """The gateway's counts, in the form that `monitoring/` takes them."""

    def __init__(self, counts: TrafficCounts) -> None:
        self._counts = counts

    @property
    def lost(self) -> int:
        """Requests that were not counted."""
        return self._counts.lost

    def take(self) -> Iterable[tuple[MethodPlace, Figures]]:
        """Return what was counted since."""
        return self._counts.take().items()


def assemble(
    metrics: MetricDesk, traffic: TrafficCounts, sources: Sequence[Source], settings: Settings
) -> tuple[OwnMetrics, MetricsPage]:
    """Return the server's own metrics and their page; raises StartupError for a token that cannot be read."""
    place = Place(settings.account, settings.region)
    own = OwnMetrics(metrics.recorder, GatewayCounts(GatewayTraffic(traffic)), sources, place, now_ms)
    return own, MetricsPage(own, _token(settings.metrics_token_file))


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"cannot read the token in {path}: {error}; check --metrics-token-file") from error
    if not token:
        raise StartupError(f"{path} holds no token; write one into it, or set --metrics-token-file off")
    return token
