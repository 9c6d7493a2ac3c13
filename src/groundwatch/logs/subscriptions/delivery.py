"""Deliveries of this node: from commits to the queue, and a worker for each subscription.

`committed` runs on the event loop between an insert and the answers to its callers, so it only puts batches aside. All
else happens in tasks of their own: writing references into the queue, delivering, saving how far each one came.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence

from sqlalchemy.exc import SQLAlchemyError

from groundwatch.background import cancel
from groundwatch.logs.metric_filters.store import MetricFilterStore
from groundwatch.logs.metric_filters.worker import MetricWorker
from groundwatch.logs.subscriptions.plan import Plan, load_plan
from groundwatch.logs.subscriptions.policies import PolicyStore
from groundwatch.logs.subscriptions.queue import Arrival, DeliveryQueue, Waiting
from groundwatch.logs.subscriptions.records import Subscription
from groundwatch.logs.subscriptions.store import SubscriptionStore
from groundwatch.logs.subscriptions.target_worker import TargetWorker
from groundwatch.logs.subscriptions.worker import Tools, Worker
from groundwatch.logs.writer import Batch
from groundwatch.storage.errors import StorageError

log = logging.getLogger(__name__)
TICK_S = 0.25
RETRY_S = 2.0
GATHER_S = 0.2
"""How long batches are put aside before the next are written into the queue: 5 fsyncs a second, not hundreds."""
TRIM_TICKS = 40
REPORT_TICKS = 240
SHARED_RELOAD_TICKS = 8
MAX_ASIDE_BYTES = 64 * 1024 * 1024
"""What may wait to be written into the queue, while its file cannot be written."""
LATE_MS = 5 * 60 * 1000
"""How long after its arrival a batch is stored at the latest; a restart looks so far back behind the queue's end."""
GROUPS_A_QUERY = 500
REPORTED_BYTES = 16 * 1024 * 1024
"""From here on, growth of what waits is worth a line in the log."""


class Deliveries:
    """Delivers what is stored to whom it concerns, at least once and in the order of each stream."""

    def __init__(
        self, store: SubscriptionStore, policies: PolicyStore, metric_filters: MetricFilterStore, tools: Tools
    ) -> None:
        self._store = store
        self._policies = policies
        self._metric_filters = metric_filters
        self._tools = tools
        self._queue: DeliveryQueue = tools.queue
        self._clock_ms: Callable[[], int] = tools.clock_ms
        self._plan = Plan()
        self._aside: deque[Batch] = deque()
        self._aside_bytes = 0
        self._arrived = asyncio.Event()
        self._positions: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()
        self._is_recovered = False
        self._recovered: set[int] = set()
        self._retired_delivered = 0
        self._retired_lost: Counter[str] = Counter()
        self._reported_bytes = REPORTED_BYTES
        self._reported_lost = 0
        self.skipped_events = 0
        """Events that never came into the queue, because its file could not be written."""

    @property
    def waiting(self) -> Waiting:
        """How much is stored and not yet delivered, over all subscriptions."""
        parts = [worker.waiting for worker in self._workers.values()]
        return Waiting(sum(part.batches for part in parts), sum(part.size_bytes for part in parts))

    @property
    def delivered_events(self) -> int:
        """Events that targets took since the start."""
        return self._retired_delivered + sum(worker.delivered_events for worker in self._workers.values())

    @property
    def lost_events(self) -> Counter[str]:
        """Events that were given up since the start, by reason."""
        ended = self._retired_lost + Counter(skipped=self.skipped_events)
        return sum((worker.lost_events for worker in self._workers.values()), ended)

    def committed(self, batches: Sequence[Batch]) -> None:
        """Take note of batches that are on disk."""
        concerns = self._plan.concerns
        for batch in batches:
            if concerns(batch.group_id):
                self._aside.append(batch)
                self._aside_bytes += batch.size_bytes
                self._arrived.set()
        while self._aside_bytes > MAX_ASIDE_BYTES:
            self._skip(self._aside.popleft())

    async def start(self) -> None:
        """Open the queue, go on where the last run stopped, and deliver from now on."""
        self._saved = await self._queue.open()
        self._positions = dict(self._saved)
        await self.reload()
        self._loops = [
            asyncio.create_task(self._fill_queue(), name="subscriptions-queue"),
            asyncio.create_task(self._tick(), name="subscriptions-tick"),
        ]

    async def stop(self) -> None:
        """Put everything that was committed into the queue and remember how far each subscription came."""
        # Not between a commit to the queue and its coming to be known here, nor while workers are being stopped: what
        # is half done could not be done again.
        async with self._changing:
            await cancel(self._loops)
        try:
            if self._is_recovered:
                await self._take_aside()
            await self._stop_workers(list(self._workers))
            await self._save_positions()
            if self._is_recovered:
                await self._queue.close()
        except (SQLAlchemyError, StorageError):
            log.exception("the queue of deliveries could not be closed; the next start will look for what is missing")
        self._tools.outbox.close()

    async def reload(self) -> None:
        """Take up filters, destinations and policies as they are stored now; call it after a change."""
        async with self._changing:
            plan = await load_plan(self._store, self._policies, self._metric_filters)
            known = [number for number in self._plan.groups if number not in plan.groups]
            if plan.tenants:
                await self._add_groups(plan, known)
            self._plan = plan
            wanted = plan.subscriptions()
            await self._stop_workers([key for key in self._workers if key not in wanted])
            self._start_workers(wanted.values())

    async def _fill_queue(self) -> None:
        while True:
            try:
                if not self._is_recovered:
                    await self._recover()
                    self._is_recovered = True
                await self._arrived.wait()
                self._arrived.clear()
                await self._take_aside()
                await asyncio.sleep(GATHER_S)
            except Exception:
                # The loop must outlive a full disk; what is put aside stays there meanwhile.
                log.exception("the queue of deliveries cannot be written; trying again in %d s", RETRY_S)
                self._arrived.set()
                await asyncio.sleep(RETRY_S)

    async def _take_aside(self) -> None:
        while self._aside:
            taken = list(self._aside)
            batches = [batch for batch in taken if batch.number not in self._recovered]
            async with self._changing:
                await self._resolve({batch.group_id for batch in batches})
                arrivals = [Arrival.of(batch) for batch in batches if self._plan.groups.get(batch.group_id)]
                self._wake(await self._queue.add(arrivals))
            for batch in taken:
                # Overflow may have taken the oldest away while the file was written.
                if self._aside and self._aside[0] is batch:
                    self._aside.popleft()
                    self._aside_bytes -= batch.size_bytes

    async def _resolve(self, group_ids: Iterable[int]) -> None:
        unknown = [number for number in group_ids if number not in self._plan.groups]
        if unknown:
            await self._add_groups(self._plan, unknown)
            self._start_workers(self._plan.subscriptions().values())

    async def _add_groups(self, plan: Plan, numbers: Sequence[int]) -> None:
        places = await self._store.groups(numbers) if numbers else {}
        for number in numbers:
            if number in places:
                plan.add_group(places[number])
            else:
                plan.add_unknown(number)

    async def _recover(self) -> None:
        """Queue what was stored right before a crash and had not come into the queue."""
        async with self._changing:
            if not self._queue.was_closed:
                since_ms = self._queue.newest_ms - LATE_MS
                known = await self._queue.known_batches(since_ms)
                missing = await self._missing(since_ms, known)
                if missing:
                    log.info("%d batches from before the last run ended are queued for delivery", len(missing))
                    await self._queue.add(missing)
                self._recovered = known | {item.batch for item in missing}
            groups = await self._queue.group_ids()
            await self._resolve(groups)
            self._wake(groups)

    async def _missing(self, since_ms: int, known: Container[int]) -> list[Arrival]:
        groups = {number for number, subscriptions in self._plan.groups.items() if subscriptions}
        for tenant in self._plan.tenants:
            groups |= {place.number for place in await self._store.groups_of(tenant)}
        found: list[Arrival] = []
        for chunk in _chunks(sorted(groups)):
            found += await self._tools.reader.arrivals(chunk, since_ms)
        return sorted((item for item in found if item.batch not in known), key=lambda item: item.ingested_ms)

    def _start_workers(self, subscriptions: Iterable[Subscription]) -> None:
        for subscription in subscriptions:
            worker = self._workers.get(subscription.key)
            if worker is not None:
                worker.subscription = subscription
                continue
            kind = TargetWorker if subscription.recipe is None else MetricWorker
            worker = kind(subscription, self._positions.pop(subscription.key, 0), self._tools)
            self._workers[subscription.key] = worker
            self._tasks[subscription.key] = asyncio.create_task(worker.run(), name=subscription.key)

    async def _stop_workers(self, keys: Sequence[str]) -> None:
        await cancel([self._tasks.pop(key) for key in keys])
        for key in keys:
            worker = self._workers.pop(key)
            self._positions[key] = worker.position
            self._retired_delivered += worker.delivered_events
            self._retired_lost += worker.lost_events

    def _wake(self, groups: Iterable[int]) -> None:
        for number in groups:
            for subscription in self._plan.groups.get(number, ()):
                worker = self._workers.get(subscription.key)
                if worker is not None:
                    worker.wake()

    async def _tick(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            try:
                await self._housekeep(ticks)
            except Exception:
                # Housekeeping must outlive a failing database; all of it is done again.
                log.exception("housekeeping of the deliveries failed")

    async def _housekeep(self, ticks: int) -> None:
        await self._save_positions()
        if ticks % TRIM_TICKS == 0:
            await self._trim()
        if ticks % REPORT_TICKS == 0 or (self._store.shared and ticks % SHARED_RELOAD_TICKS == 0):
            await self.reload()
        if ticks % REPORT_TICKS == 0:
            self.report()

    async def _save_positions(self) -> None:
        now = self._positions | {key: worker.position for key, worker in self._workers.items()}
        changed = {key: position for key, position in now.items() if position and self._saved.get(key) != position}
        if changed:
            await self._queue.save(changed)
            self._saved.update(changed)

    async def _trim(self) -> None:
        if not self._is_recovered:
            return
        gone = [key for key in self._saved if key not in self._workers]
        if gone:
            await self._queue.forget(gone)
        for key in gone:
            del self._saved[key]
            self._positions.pop(key, None)
        served: dict[int, int] = {}
        for worker in self._workers.values():
            number = worker.subscription.group.number
            served[number] = min(served.get(number, worker.position), worker.position)
        await self._queue.trim(served, self._queue.newest_ms - LATE_MS)

    def report(self) -> None:
        """Write what grows into the log: what waits, once it has doubled, and what was given up."""
        waiting = self.waiting
        if waiting.size_bytes > 2 * self._reported_bytes:
            log.warning("%d batches (%d MB) wait for delivery", waiting.batches, waiting.size_bytes // 1_000_000)
            self._reported_bytes = waiting.size_bytes
        elif waiting.size_bytes < REPORTED_BYTES:
            self._reported_bytes = REPORTED_BYTES
        lost = self.lost_events
        if lost.total() > self._reported_lost:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(lost.items()) if count)
            log.warning("events given up by subscriptions since the start: %s", reasons)
            self._reported_lost = lost.total()

    def _skip(self, batch: Batch) -> None:
        self._aside_bytes -= batch.size_bytes
        self.skipped_events += len(batch.timestamps)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), GROUPS_A_QUERY):
        yield numbers[start : start + GROUPS_A_QUERY]
