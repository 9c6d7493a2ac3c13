"""Deliveries of this node: a task for each subscription that something waits for.

A subscription has few attempts under way at a time, and fewer after a failure; an account has not too many altogether.
So an endpoint that hangs takes from nobody else, and hardly from its own account.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec

from groundwatch.background import cancel, happens
from groundwatch.notifications.attributes import FUNCTIONS, MAIL
from groundwatch.notifications.delivery_policy import (
    FUNCTION_RETRIES,
    MAIL_RETRIES,
    DeliveryPolicy,
    RetryPolicy,
    effective_policy,
)
from groundwatch.notifications.failures import STREAM, FailureLog, failure_events, group_of
from groundwatch.notifications.queue import DeliveryQueue
from groundwatch.notifications.records import Delivery, Message, Subscription
from groundwatch.notifications.sending.outcome import Outcome, Sender
from groundwatch.notifications.store import NotificationStore

log = logging.getLogger(__name__)
FIXED_RETRIES = {**dict.fromkeys(MAIL, MAIL_RETRIES), FUNCTIONS: FUNCTION_RETRIES}
"""By protocol, where no delivery policy can be set."""
HEALTHY_AT_ONCE = 8
FAILING_AT_ONCE = 2
ACCOUNT_AT_ONCE = 64
ACCOUNT_MAILS_AT_ONCE = 2
"""There is one mail server for all, and few threads to talk to it."""
MAX_AGE_MS = 8 * 3_600_000
"""When a message is given up that a failing endpoint never came to; mail is tried for six hours."""
JITTER = 0.1
RETRY_S = 2.0
SWEEP_S = 30.0
"""How often to look for what other nodes left behind, and for subscriptions that nobody confirmed."""
STOP_S = 5.0
"""How long attempts that are under way may go on when the server stops."""


class Tools(msgspec.Struct, frozen=True):
    """What every lane works with."""

    queue: DeliveryQueue
    senders: Mapping[str, Sender]
    """By protocol."""
    failures: FailureLog
    clock_ms: Callable[[], int]


class Rooms:
    """How many attempts of an account may be under way: mail apart, so that a slow mail server holds up no HTTP."""

    def __init__(self) -> None:
        self._mail = asyncio.Semaphore(ACCOUNT_MAILS_AT_ONCE)
        self._others = asyncio.Semaphore(ACCOUNT_AT_ONCE)

    def of(self, protocol: str) -> asyncio.Semaphore:
        """Return what to hold during an attempt."""
        return self._mail if protocol in MAIL else self._others


class Lane:
    """The deliveries of one subscription; ends when nothing waits for it."""

    def __init__(self, subscription_id: str, tools: Tools, rooms: Rooms) -> None:
        self._id = subscription_id
        self._tools = tools
        self._rooms = rooms
        self._wake = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._failing = False
        self._may_have_more = True
        """Whether something may be due that was not taken yet; attempts that end say nothing of that."""
        self._next_start_s = 0.0

    def wake(self) -> None:
        """Say that something was put into the queue."""
        self._may_have_more = True
        self._wake.set()

    async def run(self) -> None:
        """Deliver until nothing waits."""
        try:
            while True:
                # Cleared before the look at the queue: what is put meanwhile is for the next one.
                self._wake.clear()
                await self._start_due()
                # Only who has nothing under way may find that nothing waits: an attempt may be postponed yet.
                if not self._busy and not self._wake.is_set():
                    due_ms = await self._tools.queue.next_due_ms(self._id, ())
                    if due_ms is None and not self._wake.is_set() and not self._is_pacing():
                        return
                    await self._sleep_until(due_ms)
                    self._may_have_more = True
                else:
                    await self._sleep_until(None)
        finally:
            await self._end()

    async def _start_due(self) -> None:
        free = (FAILING_AT_ONCE if self._failing else HEALTHY_AT_ONCE) - len(self._busy)
        if free <= 0 or not self._may_have_more:
            return
        self._may_have_more = False
        taken_ms = self._tools.clock_ms()
        taken = await self._tools.queue.take(self._id, free, tuple(self._busy))
        self._may_have_more |= len(taken) == free
        for delivery in taken:
            await self._pace(delivery)
            self._busy[delivery.number] = asyncio.create_task(self._attend(delivery, taken_ms))

    async def _pace(self, delivery: Delivery) -> None:
        """Keep to the throttle policy of the subscription."""
        throttle = _policy(delivery).throttle
        if throttle is None or throttle.max_receives_per_second is None:
            return
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._next_start_s - now_s))
        self._next_start_s = max(now_s, self._next_start_s) + 1 / throttle.max_receives_per_second

    def _is_pacing(self) -> bool:
        # Another lane would not know when this one last sent.
        return asyncio.get_running_loop().time() < self._next_start_s

    async def _sleep_until(self, due_ms: int | None) -> None:
        wait_s = None if due_ms is None else max(0.0, (due_ms - self._tools.clock_ms()) / 1000)
        if wait_s is None and not self._busy:
            wait_s = max(0.0, self._next_start_s - asyncio.get_running_loop().time())
        await happens(self._wake, wait_s)

    async def _attend(self, delivery: Delivery, taken_ms: int) -> None:
        """Make one attempt and write down what came of it."""
        try:
            async with self._rooms.of(delivery.subscription.protocol):
                # It waited for room, and its claim may run out during the attempt: left to whoever takes it next.
                if self._tools.queue.may_be_others(taken_ms):
                    self._may_have_more = True
                    return
                outcome = await self._attempt(delivery)
            self._failing = not outcome.delivered
            self._may_have_more |= self._failing
            await _until_written(lambda: self._settle(delivery, outcome))
        finally:
            del self._busy[delivery.number]
            self._wake.set()

    async def _attempt(self, delivery: Delivery) -> Outcome:
        sender = self._tools.senders.get(delivery.subscription.protocol)
        if sender is None:
            return Outcome(delivered=False, reason="this server no longer delivers by that protocol")
        if self._tools.clock_ms() - delivery.accepted_ms > MAX_AGE_MS:
            return Outcome(delivered=False, reason="too old: earlier messages were not delivered in time")
        try:
            return await sender.send(delivery)
        except Exception:
            # One message that cannot be sent must not end the deliveries of the rest.
            log.exception("delivery %d to %s failed", delivery.number, delivery.subscription.arn)
            return Outcome(delivered=False, reason="internal error", retry=True)

    async def _settle(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.delivered:
            await self._tools.queue.finish(delivery)
            return
        delay_s = _retries(delivery).delay_s(delivery.attempts + 1) if outcome.retry else None
        if delay_s is not None:
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
            await self._tools.queue.postpone(delivery, self._tools.clock_ms() + round(delay_s * spread * 1000))
            return
        # The letter is kept before it leaves the queue: a crash in between keeps it twice.
        await give_up(self._tools, delivery.message, delivery.subscription, outcome, delivery.attempts + 1)
        await self._tools.queue.finish(delivery)

    async def _end(self) -> None:
        tasks = list(self._busy.values())
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=STOP_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Deliveries:
    """Starts and ends lanes. `wake` them after putting something into the queue."""

    def __init__(self, store: NotificationStore, tools: Tools) -> None:
        self._store = store
        self._tools = tools
        self._lanes: dict[str, Lane] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._rooms: dict[str, Rooms] = {}
        self._sweeping: asyncio.Task[None] | None = None
        self._stopped = False
        self.given_up: Counter[str] = Counter()
        """Messages without room, by account, since the start."""

    async def start(self) -> None:
        """Take up what waits."""
        self._sweeping = asyncio.create_task(self._sweep(), name="notifications-sweep")

    async def stop(self) -> None:
        """End attempts; what they did not deliver waits for the next start."""
        # First, so that no publish of the last moment begins a lane that nobody ends.
        self._stopped = True
        tasks = [*self._tasks.values(), *([self._sweeping] if self._sweeping else [])]
        await cancel(tasks)

    def wake(self, subscriptions: Iterable[Subscription]) -> None:
        """Deliver to these what is in the queue."""
        for subscription in subscriptions:
            self._wake(subscription.id, subscription.account_id)

    async def overflow(self, refused: Sequence[tuple[Message, Subscription]]) -> None:
        """Keep as dead letters what found no room in the queue."""
        for message, subscription in refused:
            self.given_up[subscription.account_id] += 1
            outcome = Outcome(delivered=False, reason="too many messages wait for this subscription")
            await give_up(self._tools, message, subscription, outcome, attempts=0)

    def _wake(self, subscription_id: str, account_id: str) -> None:
        lane = self._lanes.get(subscription_id)
        if lane is not None:
            lane.wake()
            return
        if self._stopped:
            return
        rooms = self._rooms.setdefault(account_id, Rooms())
        lane = self._lanes[subscription_id] = Lane(subscription_id, self._tools, rooms)
        task = asyncio.create_task(self._run(subscription_id, account_id, lane), name=f"deliveries-{subscription_id}")
        self._tasks[subscription_id] = task

    async def _run(self, subscription_id: str, account_id: str, lane: Lane) -> None:
        again = False
        try:
            await lane.run()
        except Exception:
            log.exception("the deliveries of subscription %s stopped; trying again in %d s", subscription_id, RETRY_S)
            again = True
            await asyncio.sleep(RETRY_S)
        finally:
            del self._lanes[subscription_id], self._tasks[subscription_id]
        if again:
            self._wake(subscription_id, account_id)

    async def _sweep(self) -> None:
        while True:
            try:
                for subscription_id, account_id in await self._tools.queue.waiting_subscriptions():
                    if subscription_id not in self._lanes:
                        self._wake(subscription_id, account_id)
                await self._store.forget_old()
                await self._tools.queue.forget_done()
            except Exception:
                # Must outlive a failing database; all of it is done again.
                log.exception("looking for waiting deliveries failed")
            await asyncio.sleep(SWEEP_S)


async def give_up(tools: Tools, message: Message, subscription: Subscription, outcome: Outcome, attempts: int) -> None:
    """Keep a message as a dead letter."""
    # For the tenant, who has it in a log group: whoever runs the server hears of it only when they ask.
    log.debug("message %s for %s is given up: %s", message.id, subscription.arn, outcome.reason)
    events = failure_events(message, subscription, outcome, attempts, tools.clock_ms())
    await tools.failures.append(subscription.topic, group_of(subscription.topic), STREAM, events)


def _retries(delivery: Delivery) -> RetryPolicy:
    return FIXED_RETRIES.get(delivery.subscription.protocol) or _policy(delivery).retries


def _policy(delivery: Delivery) -> DeliveryPolicy:
    return effective_policy(delivery.topic_attributes, delivery.subscription.attributes)


async def _until_written(write: Callable[[], Awaitable[None]]) -> None:
    """Write down what happened, however often it takes: an endpoint that has its message must not get it again."""
    while True:
        try:
            await write()
        except Exception:
            log.exception("the end of a delivery cannot be stored; trying again in %d s", RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            return
