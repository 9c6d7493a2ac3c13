"""One subscription's deliveries while its target behaves as targets do."""

import asyncio
import gzip
import json
from collections import Counter

import msgspec
import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.patterns.sifting import one_by_one
from groundwatch.logs.subscriptions.parts import Part
from groundwatch.logs.subscriptions.queue import Arrival, DeliveryQueue, Waiting
from groundwatch.logs.subscriptions.records import GroupPlace, Route, Subscription
from groundwatch.logs.subscriptions.target_worker import TargetWorker
from groundwatch.logs.subscriptions.targets import TargetError
from groundwatch.logs.subscriptions.vendors import parse_target
from groundwatch.logs.subscriptions.worker import CHUNK_BATCHES, MAX_AGE_MS, Tools
from groundwatch.logs.writer import Batch
from groundwatch.storage.errors import StorageError

NOW_MS = 1_790_000_000_000
TARGET = parse_target("arn:aws:kinesis:us-east-1:123456789012:stream/s")
SUBSCRIPTION = Subscription(
    key="filter:1",
    group=GroupPlace(1, Tenant("123456789012", "us-east-1"), "/app", "STANDARD"),
    name="all",
    sift=one_by_one(lambda message: message != "no"),
    route=Route(TARGET, "arn:aws:iam::123456789012:role/ship", "123456789012"),
    distribution="ByLogStream",
    since_ms=0,
)
THROTTLED = TargetError("ProvisionedThroughputExceededException", "slow down", retryable=True)
GONE = TargetError("ResourceNotFoundException", "no such stream", retryable=False)


class Outbox:
    """Takes the records, unless the next entry of the script is an error or how many to give back."""

    def __init__(self) -> None:
        self.script: list[Exception | int] = []
        self.calls: list[list[bytes]] = []
        self.keys: list[list[str]] = []
        self.doubtful: list[bool] = []

    async def compute(self, work, argument):
        return work(argument)

    async def send(self, target, records, *, doubtful):
        self.doubtful.append(doubtful)
        step = self.script.pop(0) if self.script else 0
        if isinstance(step, Exception):
            raise step
        taken, left = records[step:], records[:step]
        self.calls.append([record.data for record in taken])
        self.keys.append([record.partition_key for record in taken])
        return left

    def messages(self) -> list[list[str]]:
        return [[text for data in call for text in texts(data)] for call in self.calls]


def texts(data: bytes) -> list[str]:
    return [event["message"] for event in json.loads(gzip.decompress(data))["logEvents"]]


class Reader:
    def __init__(self) -> None:
        self.stored: dict[int, Part] = {}
        self.failures: list[Exception] = []

    async def parts(self, arrivals):
        if self.failures:
            raise self.failures.pop(0)
        known = (arrival for arrival in arrivals if arrival.batch in self.stored)
        return {(arrival.stream_id, arrival.batch): self.stored[arrival.batch] for arrival in known}


class Permission:
    denied: ServiceError | None = None

    async def check(self, route, tenant, group_name) -> None:
        if self.denied is not None:
            raise self.denied


class Scene:
    """A worker with its tools; sleeping is instant and recorded, and lets the clock go on."""

    def __init__(self, queue, clock) -> None:
        self.queue = queue
        self.clock = clock
        self.outbox, self.reader, self.permission = Outbox(), Reader(), Permission()
        self.pauses: list[float] = []
        self.pause_ms = 0
        self.on_pause = lambda: None
        self.tools = Tools(
            queue=queue,
            reader=self.reader,
            outbox=self.outbox,
            permission=self.permission,
            metrics=None,
            stream_names=self.stream_names,
            clock_ms=clock,
            max_waiting_bytes=1_000,
            rest_s=0,
            sleep=self.sleep,
        )
        self.worker = TargetWorker(SUBSCRIPTION, 0, self.tools)

    async def stream_names(self, numbers):
        return {number: f"s-{number}" for number in numbers if number < 100}

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.now_ms += self.pause_ms
        self.on_pause()
        await asyncio.sleep(0)

    async def add(self, *messages: str, stream: int = 2, number: int | None = None, content: bool = True) -> None:
        at = self.queue.head + 1 if number is None else number
        events = Batch(1, stream, NOW_MS + at, at, [NOW_MS] * len(messages), list(messages), 100, f"s-{stream}")
        arrival = Arrival.of(events)
        await self.queue.add([arrival if content else msgspec.structs.replace(arrival, content=None)])

    async def run(self) -> None:
        """Return when the worker has nothing more to do."""
        task = asyncio.create_task(self.worker.run())
        async with asyncio.timeout(10):
            while self.worker.position < self.queue.head:
                await asyncio.wait([task], timeout=0.005)
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def scene(queue_database, clock) -> Scene:
    queue = DeliveryQueue(queue_database, 100_000, clock)
    await queue.open()
    return Scene(queue, clock)


@pytest.mark.parametrize(
    ("count", "pauses_s"),
    [
        pytest.param(1, [0.5], id="rests, so that what comes meanwhile goes in one call"),
        pytest.param(CHUNK_BATCHES, [], id="goes on where more may wait"),
    ],
)
async def test_after_a_delivery_a_worker(scene, count, pauses_s):
    scene.worker = TargetWorker(SUBSCRIPTION, 0, msgspec.structs.replace(scene.tools, rest_s=0.5))
    for number in range(count):
        await scene.add(str(number))
    await scene.run()
    assert scene.pauses == pauses_s


async def test_batches_of_a_stream_are_joined_in_order(scene):
    await scene.add("a", "b")
    await scene.add("other", stream=3)
    await scene.add("no", "c")
    await scene.run()
    assert scene.outbox.messages() == [["a", "b", "c", "other"]]
    (keys,) = scene.outbox.keys
    assert len(set(keys)) == 2, "one partition key a stream"
    assert scene.worker.delivered_events == 4
    assert scene.worker.waiting == Waiting(0, 0)


async def test_random_distribution_spreads_one_stream(scene):
    scene.worker.subscription = msgspec.structs.replace(SUBSCRIPTION, distribution="Random")
    for message in "ab":
        await scene.add(message)
        await scene.run()
    (first,), (second,) = scene.outbox.keys
    assert first != second


@pytest.mark.parametrize("times", [1, 5])
async def test_a_throttled_target_is_tried_again_with_longer_pauses(scene, times, caplog):
    scene.outbox.script = [THROTTLED] * times
    await scene.add("a")
    await scene.run()
    assert scene.outbox.messages() == [["a"]]
    assert scene.outbox.doubtful == [False] + [True] * times
    longest = [0.25 * 2**failure for failure in range(1, times + 1)]
    assert all(limit / 10 <= pause <= limit for pause, limit in zip(scene.pauses, longest, strict=True))
    assert scene.worker.lost_events == Counter()
    assert caplog.text.count("trying again") == 1, "one line, not one an attempt"


async def test_pauses_are_never_longer_than_a_minute(scene):
    scene.outbox.script = [THROTTLED] * 30
    await scene.add("a")
    await scene.run()
    assert max(scene.pauses) <= 60


async def test_only_what_a_target_refused_is_sent_again(scene):
    await scene.add("a", stream=2)
    await scene.add("b", stream=3)
    scene.outbox.script = [1]
    await scene.run()
    assert scene.outbox.messages() == [["b"], ["a"]]
    assert scene.worker.delivered_events == 2


async def test_a_call_never_holds_two_records_of_a_stream(scene):
    for letter in "abc":
        await scene.add(letter * 600_000, stream=2)
    await scene.add("other", stream=3)
    await scene.run()
    assert [[text[:1] for text in call] for call in scene.outbox.messages()] == [["a", "o"], ["b"], ["c"]]


async def test_what_is_refused_for_good_is_counted_and_passed_over(scene, caplog):
    scene.outbox.script = [GONE]
    await scene.add("a", "b")
    await scene.run()
    await scene.add("c")
    await scene.run()
    assert scene.outbox.messages() == [["c"]]
    assert scene.worker.lost_events == Counter(refused=2)
    assert "refused for good" in caplog.text


async def test_a_role_that_lost_its_permission_is_a_refusal(scene):
    scene.permission.denied = ServiceError("AccessDenied", "no trust")
    await scene.add("a")
    await scene.run()
    assert scene.outbox.calls == []
    assert scene.worker.lost_events == Counter(refused=1)


async def test_after_a_day_of_failures_the_events_are_given_up(scene):
    scene.outbox.script = [THROTTLED] * 3
    scene.pause_ms = MAX_AGE_MS // 2
    await scene.add("a")
    await scene.run()
    assert scene.worker.lost_events == Counter(expired=1)
    assert len(scene.pauses) == 3


async def test_younger_events_stay_when_the_oldest_expire(scene):
    scene.outbox.script = [THROTTLED]
    scene.pause_ms = MAX_AGE_MS + 10
    await scene.add("old", number=1)
    await scene.add("young", number=1_000)
    await scene.run()
    assert scene.worker.lost_events == Counter(expired=1)
    assert scene.outbox.messages() == [["young"]]


async def test_what_waited_longer_than_a_day_is_tried_once(scene):
    scene.clock.now_ms += 2 * MAX_AGE_MS
    await scene.add("old")
    await scene.run()
    assert scene.outbox.messages() == [["old"]]


async def test_beyond_its_room_the_oldest_are_given_up(scene):
    for number in range(20):
        await scene.add(str(number))
    scene.outbox.script = [THROTTLED]
    await scene.run()
    assert scene.worker.lost_events == Counter({"queue full": 11}), "900 of 1,000 bytes stay"
    assert scene.outbox.messages() == [[str(number) for number in range(11, 20)]]


async def test_events_from_before_the_subscription_are_not_for_it(scene):
    scene.worker.subscription = msgspec.structs.replace(SUBSCRIPTION, since_ms=NOW_MS + 2)
    await scene.add("before", number=1)
    await scene.add("after", number=2)
    await scene.run()
    assert scene.outbox.messages() == [["after"]]


async def test_what_is_not_in_memory_comes_from_the_store(scene, caplog):
    await scene.add("a", number=7, content=False)
    scene.reader.stored[7] = Part(NOW_MS + 7, 7, [0], [NOW_MS], ["a"])
    scene.reader.failures = [StorageError("down")]
    await scene.run()
    assert scene.outbox.messages() == [["a"]]
    assert len(scene.pauses) == 1
    assert "cannot be read: down" in caplog.text


@pytest.mark.parametrize("stream", [2, 100], ids=["events", "stream"])
async def test_what_was_deleted_meanwhile_is_counted(scene, stream):
    await scene.add("a", stream=stream, content=False)
    await scene.run()
    assert scene.outbox.calls == []
    assert scene.worker.lost_events == Counter(deleted=1)


async def test_an_event_that_no_record_holds_is_counted(scene):
    import random

    await scene.add(random.Random(1).randbytes(1_000_000).hex() + "\u00e9", "small")
    scene.worker.subscription = msgspec.structs.replace(
        SUBSCRIPTION, route=Route(parse_target("arn:aws:lambda:us-east-1:1:function:f"), None, "1")
    )
    await scene.run()
    assert scene.outbox.messages() == [["small"]]
    assert scene.worker.lost_events == Counter({"too large": 1})


async def test_without_a_destination_events_are_counted(scene):
    scene.worker.subscription = msgspec.structs.replace(SUBSCRIPTION, route=None)
    await scene.add("a")
    await scene.run()
    assert scene.worker.lost_events == Counter({"no destination": 1})


async def test_a_bug_does_not_end_the_worker(scene, caplog):
    scene.outbox.script = [RuntimeError("bug")]
    await scene.add("a")
    await scene.run()
    assert scene.outbox.messages() == [["a"]]
    assert "a delivery of subscription filter:1 failed" in caplog.text


async def test_what_waited_at_the_start_is_counted(scene):
    scene.outbox.script = [THROTTLED]
    await scene.add("a")
    await scene.add("b")
    seen: list[Waiting] = []
    scene.on_pause = lambda: seen.append(scene.worker.waiting)
    await scene.run()
    assert seen == [Waiting(2, 200)]
