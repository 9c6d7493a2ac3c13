"""Sends batches to a log stream, several at a time, and keeps the account of what became of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import botocore.exceptions

from groundwatch.cli.api import ServiceClient, describe_error
from groundwatch.cli.batches import Batch, rejected_events
from groundwatch.cli.lines import Rejection

REJECTIONS_KEPT = 1_000
SDK_ERRORS = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)


class Account:
    """What became of the events so far; safe to use from several threads."""

    def __init__(self) -> None:
        self.stored = 0
        self.blank_lines = 0
        self.rejected = 0
        self.rejections: list[Rejection] = []
        """The first of them, at most `REJECTIONS_KEPT`: a file of the wrong form has one a line."""
        self.failure: str | None = None
        """Why sending stopped, with the lines of the batch that it stopped at."""
        self._lock = threading.Lock()

    def reject(self, *rejections: Rejection) -> None:
        """Count events that are not stored."""
        with self._lock:
            self.rejected += len(rejections)
            self.rejections.extend(rejections[: REJECTIONS_KEPT - len(self.rejections)])

    def store(self, number: int) -> None:
        """Count events that the server has acknowledged."""
        with self._lock:
            self.stored += number

    def fail(self, reason: str) -> None:
        """Note the first failure that ends everything."""
        with self._lock:
            self.failure = self.failure or reason


class Sender:
    """A context in which batches can be sent; leaving it waits for those on their way.

    With `create`, a missing group or stream is made when the first batch meets its absence, so that a caller who may
    only put needs no further permission.
    """

    def __init__(self, client: ServiceClient, group: str, stream: str, *, create: bool, in_flight: int) -> None:
        self.account = Account()
        self._client = client
        self._names = {"logGroupName": group, "logStreamName": stream}
        self._create = create
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="put")
        self._free = threading.BoundedSemaphore(in_flight)
        self._first = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def send(self, batch: Batch) -> None:
        """Send the batch in the background; waits while as many as allowed are on their way."""
        # The first alone: it may find that group and stream are missing, which others would then make as well.
        if self._first:
            self._first = False
            self._put(batch, self._put_and_create if self._create else self._put_batch)
            return
        self._free.acquire()
        self._pool.submit(self._put_in_background, batch)

    def _put_in_background(self, batch: Batch) -> None:
        try:
            self._put(batch, self._put_batch)
        finally:
            self._free.release()

    def _put(self, batch: Batch, put: Callable[[Batch], list[Rejection]]) -> None:
        if self.account.failure:
            return
        try:
            rejections = put(batch)
        except SDK_ERRORS as error:
            first, last = batch[0].event, batch[-1].event
            where = f"{first.source}:{first.line_number} to {last.source}:{last.line_number}"
            self.account.fail(f"{describe_error(error, self._client.endpoint_url)} (at {where})")
            return
        self.account.reject(*rejections)
        self.account.store(len(batch) - len(rejections))

    def _put_batch(self, batch: Batch) -> list[Rejection]:
        events = [{"timestamp": one.timestamp_ms, "message": one.event.message} for one in batch]
        answer = self._client.api.put_log_events(**self._names, logEvents=events)
        return rejected_events(batch, answer.get("rejectedLogEventsInfo", {}))

    def _put_and_create(self, batch: Batch) -> list[Rejection]:
        try:
            return self._put_batch(batch)
        except self._client.api.exceptions.ResourceNotFoundException:
            self._create_names()
            return self._put_batch(batch)

    def _create_names(self) -> None:
        api = self._client.api
        for create, names in (
            (api.create_log_group, {"logGroupName": self._names["logGroupName"]}),
            (api.create_log_stream, self._names),
        ):
            try:
                create(**names)
            except api.exceptions.ResourceAlreadyExistsException:
                # Only one of the two was missing, or another process made it just now.
                continue
