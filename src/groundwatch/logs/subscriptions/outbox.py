"""The threads in which documents are made and sent: a few, and kept so that a dead target holds up no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from groundwatch.logs.subscriptions.targets import Record
from groundwatch.logs.subscriptions.vendors import Target

T = TypeVar("T")
A = TypeVar("A")
COMPUTING_THREADS = 1
QUICK_THREADS = 6
DOUBTFUL_THREADS = 3
PROBING_THREADS = 2
SLOW_S = 2.0


class Sends(Protocol):
    """Takes records to a target; blocking."""

    def send(self, target: Target, records: Sequence[Record]) -> Sequence[Record]:
        """Return the records that must be sent again; raises TargetError when none was taken."""

    def probe(self, target: Target, control: bytes) -> None:
        """Return when the target takes deliveries; raises TargetError."""

    def close(self) -> None:
        """Close the connections."""


class Outbox:
    """Runs blocking sends. Targets that failed or were slow at their last call wait in a lane of their own."""

    def __init__(self, targets: Sends) -> None:
        self._targets = targets
        self._computing = ThreadPoolExecutor(COMPUTING_THREADS, thread_name_prefix="subscriptions-pack")
        self._quick = ThreadPoolExecutor(QUICK_THREADS, thread_name_prefix="subscriptions-send")
        self._doubtful = ThreadPoolExecutor(DOUBTFUL_THREADS, thread_name_prefix="subscriptions-retry")
        self._probing = ThreadPoolExecutor(PROBING_THREADS, thread_name_prefix="subscriptions-probe")
        self._slow: set[str] = set()

    async def compute(self, work: Callable[[A], T], argument: A) -> T:
        """Return `work(argument)`, run beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._computing, work, argument)

    async def send(self, target: Target, records: Sequence[Record], *, doubtful: bool) -> Sequence[Record]:
        """Return the records that must be sent again; raises TargetError when none was taken."""
        lane = self._doubtful if doubtful or target.arn in self._slow else self._quick
        return await asyncio.get_running_loop().run_in_executor(lane, self._timed_send, target, records)

    async def probe(self, target: Target, control: bytes) -> None:
        """Return when the target takes deliveries; raises TargetError."""
        await asyncio.get_running_loop().run_in_executor(self._probing, self._targets.probe, target, control)

    def close(self) -> None:
        """Let go of what has not begun; calls under way end by their own time limits."""
        for pool in (self._computing, self._quick, self._doubtful, self._probing):
            pool.shutdown(wait=False, cancel_futures=True)
        self._targets.close()

    def _timed_send(self, target: Target, records: Sequence[Record]) -> Sequence[Record]:
        began = time.monotonic()
        try:
            return self._targets.send(target, records)
        finally:
            change = self._slow.add if time.monotonic() - began > SLOW_S else self._slow.discard
            change(target.arn)
