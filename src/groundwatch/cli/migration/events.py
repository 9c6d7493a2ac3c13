"""Copying the events of a group, stream by stream, each in the order of time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from groundwatch.cli.batches import Batch, batches, rejected_events
from groundwatch.cli.lines import EVENT_OVERHEAD_BYTES, Event
from groundwatch.cli.migration.ends import End
from groundwatch.cli.migration.missing import RemoteEvent, missing_events
from groundwatch.cli.migration.progress_file import ProgressFile

Show = Callable[[int, int], None]
"""Called with the events and bytes that were just read."""


class _GivenUpError(Exception):
    """Another stream could not be copied, or the user has had enough."""


class EventsCopy:
    """Copies streams. What the target has already is not put again, so that an interruption costs nothing but time.

    `until_ms` is the time before which events are copied: what arrives meanwhile is for the next run.
    """

    def __init__(self, source: End, target: End, progress: ProgressFile, *, since_ms: int, until_ms: int) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._since_ms = since_ms
        self._until_ms = until_ms
        self._lock = threading.Lock()
        self._is_given_up = False
        self.copied = 0
        self.present = 0
        """Events that were at the target already, where they were looked at again."""
        self.rejected: dict[str, int] = {}
        """Number of events by why the target did not take them."""

    def copy(self, group: str, show: Show, *, in_flight: int) -> None:
        """Copy all streams of a group, several at a time; raises the SDK's exceptions."""
        with ThreadPoolExecutor(in_flight, thread_name_prefix="migrate") as pool:
            try:
                names = [str(stream["logStreamName"]) for stream in self._source.streams(group)]
                for done in [pool.submit(self._copy_stream, group, name, show) for name in names]:
                    done.result()
            except BaseException:
                # Ctrl-C as well: nobody should have to wait for the rest, which may take hours.
                self._is_given_up = True
                pool.shutdown(cancel_futures=True)
                raise

    def _copy_stream(self, group: str, stream: str, show: Show) -> None:
        self._create_stream(group, stream)
        start_ms = max(self._since_ms, self._progress.copied_until(group, stream))
        if start_ms >= self._until_ms:
            return
        there = self._target.events(group, stream, start_ms, self._until_ms)
        read = self._counted(self._source.events(group, stream, start_ms, self._until_ms), show)
        complete = True
        for batch in batches(map(_event, missing_events(read, there)), lambda: self._until_ms):
            # What a target refuses it may take another day: the next run looks at it again.
            complete = self._put(group, stream, batch) and complete
            if complete:
                # Events of the batch's last time may still be to come, so they are compared again.
                self._progress.advance(group, stream, batch[-1].timestamp_ms)
        if complete:
            self._progress.advance(group, stream, self._until_ms)

    def _create_stream(self, group: str, stream: str) -> None:
        logs = self._target.logs
        try:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        except logs.exceptions.ResourceAlreadyExistsException:
            return

    def _counted(self, events: Iterator[RemoteEvent], show: Show) -> Iterator[RemoteEvent]:
        for event in events:
            if self._is_given_up:
                raise _GivenUpError
            with self._lock:
                self.present += 1
            show(1, len(event["message"]))
            yield event

    def _put(self, group: str, stream: str, batch: Batch) -> bool:
        """Put a batch and return whether the target took all of it."""
        events = [{"timestamp": each.timestamp_ms, "message": each.event.message} for each in batch]
        answer = self._target.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        refused = rejected_events(batch, answer.get("rejectedLogEventsInfo", {}))
        with self._lock:
            self.copied += len(batch) - len(refused)
            self.present -= len(batch)
            for rejection in refused:
                self.rejected[rejection.reason] = self.rejected.get(rejection.reason, 0) + 1
        return not refused


def _event(event: RemoteEvent) -> Event:
    message = event["message"]
    return Event("", 0, message, len(message.encode()) + EVENT_OVERHEAD_BYTES, event["timestamp"])
