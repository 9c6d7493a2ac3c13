"""Live tails: whoever listens gets new events a moment after they were acknowledged, and slows nobody.

The writer's commit only hands batches to the sessions of their groups: one dictionary look-up where nobody listens. One
task matches what waits, in turns of the sessions and in short slices, and pauses while the event loop has other work;
what it cannot cope with is dropped and told to the client as sampling.

Everything here runs on the event loop. Events that another node of a cluster takes in are not seen.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence

from groundwatch.aws.errors import ServiceError
from groundwatch.background import happens
from groundwatch.logs.live_tail_session import TailRequest, TailSession, Update
from groundwatch.logs.writer import Batch

MAX_SESSIONS = 15
"""How many live tails an account may have at a time."""
SESSION_MS = 3 * 60 * 60 * 1_000
SLICE_S = 0.002
"""How long matching may hold the event loop."""
BUSY_LAG_S = 0.0005
"""The event loop has other work when it comes back to the matching later than this."""
PAUSE_RATIO = 4
"""How many times as long as it worked the matching pauses then: it takes a fifth of a busy event loop."""

log = logging.getLogger(__name__)


class Timing:
    """The clock of live tails, replaced in tests."""

    def now_ms(self) -> int:
        """Return milliseconds of a clock that never goes back."""
        return time.monotonic_ns() // 1_000_000

    def work_s(self) -> float:
        """Return seconds of a fine clock, to measure how long matching takes."""
        return time.perf_counter()

    async def wait(self, event: asyncio.Event, timeout_ms: int) -> None:
        """Return when the event is set, or after so long."""
        await happens(event, timeout_ms / 1_000)

    async def pause(self, duration_s: float) -> None:
        """Return after so long."""
        await asyncio.sleep(duration_s)


class OpenTail:
    """One live tail, from the side of its client."""

    def __init__(self, hub: LiveTail, session: TailSession, timing: Timing) -> None:
        self.id = str(uuid.uuid4())
        self._hub = hub
        self._session = session
        self._timing = timing
        self._end_ms = timing.now_ms() + SESSION_MS
        self._news = asyncio.Event()
        self._stopped = False
        self._failed = False

    async def next_update(self) -> Update | None:
        """Return the next update, at the latest after a second, or None at the end.

        Raises `SessionTimeoutException` after three hours and `SessionStreamingException` when matching failed.
        """
        while True:
            self._news.clear()
            now_ms = self._timing.now_ms()
            if self._failed:
                raise ServiceError("SessionStreamingException", "An internal error ended the Live Tail session.")
            if now_ms >= self._end_ms:
                raise ServiceError("SessionTimeoutException", "The Live Tail session ended after three hours.")
            update = self._session.take(now_ms, final=self._stopped)
            if update is not None or self._stopped:
                return update
            due_ms = min(self._session.due_ms(), self._end_ms)
            await self._timing.wait(self._news, max(due_ms - now_ms, 1))

    def close(self) -> None:
        """End the session; may be called more than once."""
        self._hub.forget(self)

    @property
    def session(self) -> TailSession:
        """What the session shows and what waits in it."""
        return self._session

    def wake(self) -> None:
        """Let the client look again for what there is."""
        self._news.set()

    def stop(self) -> None:
        """Let the client take what is there and then see the end."""
        self._stopped = True
        self.wake()

    def fail(self) -> None:
        """Let the client see an error."""
        self._failed = True
        self.wake()


class LiveTail:
    """The live tails of all accounts. `committed` is a listener of the event writer."""

    def __init__(self, timing: Timing | None = None, *, max_sessions: int = MAX_SESSIONS) -> None:
        self._timing = timing or Timing()
        self._max_sessions = max_sessions
        self._by_group: dict[int, dict[str, OpenTail]] = {}
        self._open: dict[str, OpenTail] = {}
        self._accounts: Counter[str] = Counter()
        self._turns: deque[OpenTail] = deque()
        self._matching: asyncio.Task[None] | None = None
        self._stopped = False

    def open(self, request: TailRequest) -> OpenTail:
        """Start a live tail, which shows what is acknowledged from now on; whoever opens it must close it.

        Raises `LimitExceededException` when the account has too many.
        """
        if self._accounts[request.account_id] >= self._max_sessions:
            raise ServiceError("LimitExceededException", "Resource limit exceeded.")
        tail = OpenTail(self, TailSession(request, self._timing.now_ms()), self._timing)
        if self._stopped:
            tail.stop()
        self._accounts[request.account_id] += 1
        self._open[tail.id] = tail
        for number in request.groups:
            self._by_group.setdefault(number, {})[tail.id] = tail
        return tail

    def forget(self, tail: OpenTail) -> None:
        """Give the tail no more events."""
        if self._open.pop(tail.id, None) is None:
            return
        request = tail.session.request
        self._accounts -= Counter({request.account_id: 1})
        for number in request.groups:
            del self._by_group[number][tail.id]
            if not self._by_group[number]:
                del self._by_group[number]

    def committed(self, batches: Sequence[Batch]) -> None:
        """Hand batches that are on disk to whoever listens to their groups."""
        if not self._by_group:
            return
        for batch in batches:
            for tail in self._by_group.get(batch.group_id, {}).values():
                was_idle = not tail.session.has_waiting
                tail.session.offer(batch)
                if was_idle and tail.session.has_waiting:
                    self._turns.append(tail)
        if self._turns and self._matching is None:
            self._matching = asyncio.create_task(self._match(), name="live-tail-matching")

    def stop(self) -> None:
        """End all live tails, those to come as well: each sends what it has and closes."""
        self._stopped = True
        for tail in self._open.values():
            tail.stop()

    async def _match(self) -> None:
        try:
            while self._turns:
                began_s = self._timing.work_s()
                spent_s = 0.0
                while self._turns and spent_s < SLICE_S:
                    self._take_turn(self._turns.popleft())
                    spent_s = self._timing.work_s() - began_s
                await self._give_way(spent_s)
        finally:
            self._matching = None

    async def _give_way(self, spent_s: float) -> None:
        left_s = self._timing.work_s()
        await self._timing.pause(0)
        if self._timing.work_s() - left_s > BUSY_LAG_S:
            await self._timing.pause(spent_s * PAUSE_RATIO)

    def _take_turn(self, tail: OpenTail) -> None:
        if tail.id not in self._open:
            return
        session = tail.session
        try:
            session.match(self._timing.now_ms())
        except Exception:
            # A session that cannot be matched, whatever the reason, must not end the others.
            log.exception("live tail %s failed", tail.id)
            self.forget(tail)
            tail.fail()
            return
        if session.has_waiting:
            self._turns.append(tail)
        if not session.has_waiting or session.has_updates:
            tail.wake()
