"""Deliveries to a target: documents of matching events, sent until the target takes them or the day is over."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from itertools import zip_longest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.subscriptions.parts import StreamEvents
from groundwatch.logs.subscriptions.payload import Packed, pack
from groundwatch.logs.subscriptions.records import Subscription
from groundwatch.logs.subscriptions.targets import Record, TargetError, partition_key
from groundwatch.logs.subscriptions.vendors import VENDORS
from groundwatch.logs.subscriptions.worker import PatienceError, Worker

log = logging.getLogger(__name__)


class TargetWorker(Worker):
    """Delivers what arrives for one subscription to its target, each stream's events in order."""

    async def _hand_over(self, streams: Sequence[StreamEvents], accepted_ms: int) -> None:
        route = self.subscription.route
        if route is None:
            self._lose("no destination", sum(stream.count for stream in streams))
            return
        max_bytes = VENDORS[route.target.vendor].max_record_bytes
        packed = await self._tools.outbox.compute(
            lambda subscription: [pack(subscription, stream, max_bytes) for stream in streams], self.subscription
        )
        self._lose("too large", sum(item.too_large for item in packed))
        for records in _rounds(packed, self.subscription):
            await self._send(records, accepted_ms)

    async def _send(self, records: Sequence[Record], accepted_ms: int) -> None:
        """Return when the target has the records, or they are given up."""
        while records:
            try:
                left = await self._attempt(records)
            except ServiceError as error:
                self._refuse(str(error), records)
                return
            except TargetError as error:
                if not error.retryable:
                    self._refuse(str(error), records)
                    return
                left = records
                await self._pause(str(error))
            else:
                self.delivered_events += _count(records) - _count(left)
                if left:
                    await self._pause(f"{len(left)} of {len(records)} records were throttled")
            records = left
            if records and self._is_expired(accepted_ms):
                raise PatienceError("expired")
            if records and self.waiting.size_bytes > self._tools.max_waiting_bytes:
                raise PatienceError("queue full")
        self._note_success()

    async def _attempt(self, records: Sequence[Record]) -> Sequence[Record]:
        subscription = self.subscription
        route = subscription.route
        if route is None:
            raise TargetError("NoDestination", "the destination does not exist any more", retryable=False)
        await self._tools.permission.check(route, subscription.group.tenant, subscription.group.name)
        return await self._tools.outbox.send(route.target, records, doubtful=self._failures > 0)

    def _refuse(self, reason: str, records: Sequence[Record]) -> None:
        self._failures += 1
        if self._failures == 1:
            log.error("subscription %s of %s: refused for good: %s", self._name, self._group, reason)
        self._lose("refused", _count(records))


def _rounds(packed: Sequence[Packed], subscription: Subscription) -> list[list[Record]]:
    """Return the records in rounds with at most one of each stream.

    A target may take a part of a call; with two records of a stream in it, the later one could overtake.
    """
    streams = [_records(item, subscription) for item in packed if item.documents]
    return [[record for record in turn if record is not None] for turn in zip_longest(*streams)]


def _records(item: Packed, subscription: Subscription) -> list[Record]:
    stream_key = partition_key(f"{subscription.group.number}:{item.stream}")
    at_random = subscription.distribution == "Random"
    return [
        Record(document.data, f"{random.getrandbits(128):032x}" if at_random else stream_key, document.events)
        for document in item.documents
    ]


def _count(records: Sequence[Record]) -> int:
    return sum(record.events for record in records)
