"""Works on export tasks in the background: reads a page of events, compresses it, sends an object when one is full.

Memory is bounded by a page and an object for each task, whatever the group holds. Events are read where the reclaiming
of space is, so neither reads nor searches wait for an export.
"""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.background import ClaimedWork
from groundwatch.logs.catalog import LogCatalog, LogGroup, LogStream
from groundwatch.logs.events import Event, EventKey, first_key_at
from groundwatch.logs.exports.buckets import BucketError, Buckets
from groundwatch.logs.exports.layout import GzipObject, folder_of, object_key
from groundwatch.logs.exports.tasks import CANCELLED_MESSAGE, COMPLETED_MESSAGE, LEASE_MS, ExportTask, ExportTasks
from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.recent import BEGINNING, Range
from groundwatch.logs.statements import StreamPlace
from groundwatch.logs.store import EventStore

log = logging.getLogger(__name__)
POLL_S = 30.0
"""How often tasks are looked for that another node left, or that wait after a failure."""
STORE_PAUSE_MS = 60_000
LAST_MS = 2**62
STREAM_PAGE = 500


class Limits(msgspec.Struct, frozen=True):
    """How much an export takes at a time."""

    tasks: int = 3
    """Tasks that are worked on at once."""
    page_bytes: int = 8 * 1024 * 1024
    object_bytes: int = 16 * 1024 * 1024
    """Compressed bytes at which an object ends and the stream's next one begins."""
    upload_pauses_s: Sequence[float] = (1, 5, 15, 30)
    """Before each repetition of an upload that failed for a reason that may pass; the last failure fails the task."""


DEFAULT_LIMITS = Limits()


class ExportRunner(ClaimedWork[ExportTask]):
    """Runs the tasks that wait, a few at once; woken, it looks for one that was added or cancelled."""

    def __init__(
        self,
        tasks: ExportTasks,
        catalog: LogCatalog,
        store: EventStore,
        buckets: Buckets,
        clock_ms: Callable[[], int],
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__("exports", at_once=limits.tasks, poll_s=POLL_S)
        self._tasks = tasks
        self._parts = Parts(tasks, catalog, store, buckets, clock_ms, limits)

    async def _release_all(self) -> None:
        await self._tasks.release_all()

    async def _claim(self) -> ExportTask | None:
        return await self._tasks.claim()

    def _label(self, job: ExportTask) -> str:
        return job.id

    async def _do(self, job: ExportTask) -> None:
        try:
            if await _Export(job, self._parts).run():
                await self._tasks.finish(job, "COMPLETED", COMPLETED_MESSAGE)
            else:
                await self._tasks.finish(job, "CANCELLED", CANCELLED_MESSAGE)
        except (BucketError, ServiceError) as error:
            log.warning("export task %s failed: %s", job.id, error)
            await self._tasks.finish(job, "FAILED", str(error))
        except asyncio.CancelledError:
            # The server stops: objects that are written are written again, under the same names.
            await self._tasks.release(job)
            raise
        except Exception:
            # A store that fails now may be well in a minute; the task remembers how often it was begun.
            log.exception("export task %s was interrupted; next try in %d s", job.id, STORE_PAUSE_MS // 1000)
            await self._tasks.release(job, pause_ms=STORE_PAUSE_MS, counted=True)


class Parts(msgspec.Struct, frozen=True):
    """What every run of a task works with."""

    tasks: ExportTasks
    catalog: LogCatalog
    store: EventStore
    buckets: Buckets
    clock_ms: Callable[[], int]
    limits: Limits


class _UnwantedError(Exception):
    """The task was cancelled, or another run has taken it."""


class _Export:
    """One run of one task, from its first stream to its last."""

    def __init__(self, task: ExportTask, parts: Parts) -> None:
        self._task = task
        self._parts = parts
        self._started_ms = parts.clock_ms()
        self._renewed_ms = self._started_ms
        # How many objects went to the folders that several streams share, so that none is written over.
        self._shared: dict[str, int] = {}

    async def run(self) -> bool:
        """Return whether everything was exported; False when the task was not wanted any more."""
        group = await self._group()
        self._shared = dict.fromkeys(await self._parts.tasks.shared_folders(group.number), 0)
        try:
            async for stream in self._streams(group):
                await self._export_stream(group, stream)
        except _UnwantedError:
            return False
        return True

    async def _group(self) -> LogGroup:
        group = await self._parts.catalog.group(self._task.tenant, self._task.group_name)
        # Names lead to numbers: a group that was deleted and made anew is another one, with other events.
        if group.number != self._task.group_number:
            raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    async def _streams(self, group: LogGroup) -> AsyncIterator[LogStream]:
        """Yield the streams that there were when the run began, in order of name."""
        after: str | None = None
        while True:
            page = await self._parts.catalog.stream_page(
                group, after=after, descending=False, limit=STREAM_PAGE, prefix=self._task.stream_prefix
            )
            for stream in page:
                if stream.created_ms <= self._started_ms:
                    yield stream
            if len(page) < STREAM_PAGE:
                return
            after = page[-1].name

    async def _export_stream(self, group: LogGroup, stream: LogStream) -> None:
        folder = folder_of(stream.name)
        part = self._shared.get(folder, 0)
        current = GzipObject()
        empty = True
        async for events in self._pages(group, stream):
            await asyncio.to_thread(current.add, events)
            empty = False
            if current.size_bytes >= self._parts.limits.object_bytes:
                await self._send(folder, part, current)
                part, current, empty = part + 1, GzipObject(), True
        if not empty:
            await self._send(folder, part, current)
            part += 1
        if folder in self._shared:
            self._shared[folder] = part

    async def _pages(self, group: LogGroup, stream: LogStream) -> AsyncIterator[list[Event]]:
        wanted = self._range(group)
        place = StreamPlace(group.number, stream.number)
        while True:
            await self._check()
            events = await self._parts.store.bulk_page(place, wanted, self._parts.limits.page_bytes)
            if not events:
                return
            yield events
            wanted = Range(events[-1].key, wanted.before)

    def _range(self, group: LogGroup) -> Range:
        from_ms = self._task.from_ms
        # Later changes of the retention do not matter to a run, so that its objects agree with one another.
        if group.retention_in_days is not None:
            from_ms = max(from_ms, self._started_ms - group.retention_in_days * DAY_MS)
        after = BEGINNING if from_ms <= 0 else first_key_at(min(from_ms, LAST_MS))
        return Range(after, EventKey(min(self._task.to_ms + 1, LAST_MS), 0, 0, 0))

    async def _check(self) -> None:
        """Go on only while the task is this run's and its group exists; keep the task."""
        if not await self._parts.tasks.is_wanted(self._task):
            raise _UnwantedError
        await self._group()
        if self._parts.clock_ms() - self._renewed_ms > LEASE_MS // 4:
            self._renewed_ms = self._parts.clock_ms()
            await self._parts.tasks.renew(self._task)

    async def _send(self, folder: str, part: int, content: GzipObject) -> None:
        body = await asyncio.to_thread(content.finish)
        key = object_key(self._task.prefix, self._task.id, folder, part)
        for pause_s in self._parts.limits.upload_pauses_s:
            try:
                return await self._put(key, body)
            except BucketError as error:
                if not error.retryable:
                    raise
                log.warning("export task %s: %s (%s); next try in %g s", self._task.id, error, error.code, pause_s)
            await asyncio.sleep(pause_s)
            await self._check()
        return await self._put(key, body)

    async def _put(self, key: str, body: io.BytesIO) -> None:
        body.seek(0)
        await self._parts.buckets.put(self._task.tenant.region, self._task.bucket, key, body)
