"""From a put to its target, over the real event store: what is watched, what survives, what is recovered."""

import asyncio
import gzip
import json
from collections import Counter

import msgspec
import pytest
from tests.waiting import until

from groundwatch.logs.subscriptions import delivery as delivery_module
from groundwatch.logs.subscriptions.queue import Waiting
from groundwatch.logs.subscriptions.targets import TargetError

pytestmark = pytest.mark.usefixtures("no_pauses")
DOWN = TargetError("EndpointConnectionError", "refused", retryable=True)


@pytest.fixture
def target(context) -> str:
    return f"arn:aws:kinesis:us-east-1:{context.account_id}:stream/s"


async def subscribe(world, context, target: str, group: str = "g", **members) -> None:
    wanted = {"filter_name": "f", "filter_pattern": ""} | members
    role = f"arn:aws:iam::{context.account_id}:role/ship"
    await world.operations.put_subscription_filter(
        context, log_group_name=group, destination_arn=target, role_arn=role, **wanted
    )


async def make_stream(world, context, group: str = "g") -> None:
    await world.operations.create_log_group(context, log_group_name=group)
    await world.operations.create_log_stream(context, log_group_name=group, log_stream_name="i-1")


async def put(world, context, *messages: str, group: str = "g") -> None:
    await world.operations.put_log_events(
        context,
        log_group_name=group,
        log_stream_name="i-1",
        log_events=[{"timestamp": context.received_ms, "message": message} for message in messages],
    )


def payloads(peer, target: str) -> list[dict]:
    return [json.loads(gzip.decompress(data)) for data in peer.sent.get(target, [])]


def messages(peer, target: str) -> list[str]:
    return [event["message"] for payload in payloads(peer, target) for event in payload["logEvents"]]


async def crash(world) -> None:
    """End a world as `kill -9` does: nothing is written any more."""
    tasks = [*world.deliveries._loops, *world.deliveries._tasks.values()]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    world.deliveries._is_recovered = False
    world.deliveries._aside.clear()


async def test_what_is_put_is_delivered(world, context, peer, target):
    await world.deliveries.start()
    await make_stream(world, context)
    await put(world, context, "before the filter")
    await subscribe(world, context, target, filter_pattern="yes")
    await put(world, context, "yes 1", "no", "yes 2")
    await until(lambda: len(messages(peer, target)) == 2)
    (payload,) = payloads(peer, target)
    assert (payload["owner"], payload["logGroup"], payload["logStream"]) == (context.account_id, "g", "i-1")
    assert messages(peer, target) == ["yes 1", "yes 2"]
    await until(lambda: world.deliveries.waiting == Waiting())
    assert world.deliveries.delivered_events == 2


async def test_a_group_without_filters_costs_a_look_up(world, context, monkeypatch):
    await world.deliveries.start()
    await make_stream(world, context)
    await put(world, context, "a")
    assert not world.deliveries._aside
    assert world.deliveries.waiting == Waiting()


async def test_a_put_never_waits_for_a_target(world, context, peer, target):
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    peer.failures[target] = DOWN
    for number in range(20):
        await put(world, context, str(number))
    await until(lambda: world.deliveries.waiting.batches == 20)
    peer.failures.clear()
    await until(lambda: messages(peer, target) == [str(number) for number in range(20)])


async def test_a_failing_target_holds_up_no_other(world, context, peer, target):
    await world.deliveries.start()
    await make_stream(world, context)
    other = target.replace("stream/s", "stream/other")
    await subscribe(world, context, target, filter_name="a")
    await subscribe(world, context, other, filter_name="b")
    peer.failures[target] = DOWN
    await put(world, context, "a")
    await until(lambda: messages(peer, other) == ["a"])
    await until(lambda: world.deliveries.waiting.batches == 1)


async def test_a_deleted_filter_delivers_no_more(world, context, peer, target):
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    peer.failures[target] = DOWN
    await put(world, context, "a")
    await until(lambda: world.deliveries.waiting.batches == 1)
    await world.operations.delete_subscription_filter(context, log_group_name="g", filter_name="f")
    assert world.deliveries.waiting == Waiting()
    peer.failures.clear()
    await put(world, context, "b")
    assert not world.deliveries._aside
    assert messages(peer, target) == []


async def test_a_replaced_filter_goes_on_where_the_old_one_was(world, context, peer, target):
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    peer.failures[target] = DOWN
    await put(world, context, "a")
    await until(lambda: world.deliveries.waiting.batches == 1)
    other = target.replace("stream/s", "stream/other")
    await subscribe(world, context, other)
    await put(world, context, "b")
    await until(lambda: "b" in messages(peer, other))
    assert messages(peer, target) == []


@pytest.mark.parametrize("orderly", [True, False], ids=["stopped", "killed"])
async def test_what_waits_survives_a_restart_in_order(make_world, context, peer, target, orderly):
    world = make_world()
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    peer.failures[target] = DOWN
    for number in range(10):
        await put(world, context, str(number))
    await until(lambda: world.deliveries.waiting.batches == 10)
    await (world.deliveries.stop() if orderly else crash(world))
    peer.failures.clear()
    again = make_world()
    await again.deliveries.start()
    await until(lambda: len(messages(peer, target)) == 10)
    assert messages(peer, target) == [str(number) for number in range(10)]
    await put(again, context, "next")
    await until(lambda: messages(peer, target)[-1] == "next")


async def test_what_was_stored_right_before_a_crash_is_found_in_the_store(make_world, context, peer, target, clock):
    world = make_world()
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    await put(world, context, "queued")
    await until(lambda: messages(peer, target) == ["queued"])
    await until(lambda: world.deliveries._saved)
    await crash(world)
    # The deliveries are dead, and the writer still acknowledges.
    await put(world, context, "stored")
    await put(world, context, "stored as well")
    again = make_world()
    await again.deliveries.start()
    await put(again, msgspec.structs.replace(context, received_ms=context.received_ms + 1), "new")
    await until(lambda: len(messages(peer, target)) == 4)
    assert messages(peer, target)[0] == "queued"
    assert sorted(messages(peer, target)[1:3]) == ["stored", "stored as well"], "put in the same millisecond"
    assert messages(peer, target)[3] == "new"
    assert again.deliveries.lost_events == Counter()


async def test_after_an_orderly_stop_nothing_is_searched(make_world, context, target, monkeypatch):
    world = make_world()
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    await world.deliveries.stop()
    again = make_world()
    monkeypatch.setattr(type(again.deliveries._tools.reader), "arrivals", None)
    await again.deliveries.start()
    await until(lambda: again.deliveries._is_recovered)


async def test_a_stop_that_comes_while_the_queue_is_written_is_orderly(
    make_world, context, peer, target, queue_database, monkeypatch
):
    world = make_world()
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    peer.failures[target] = DOWN
    write, committed, noticed = queue_database.write, asyncio.Event(), asyncio.Event()

    async def unnoticed(work):
        result = await write(work)
        committed.set()
        await noticed.wait()
        return result

    monkeypatch.setattr(queue_database, "write", unnoticed)
    await put(world, context, "once")
    await committed.wait()
    stopping = asyncio.ensure_future(world.deliveries.stop())
    for _ in range(5):
        await asyncio.sleep(0)
    noticed.set()
    await stopping
    peer.failures.clear()
    again = make_world()
    await again.deliveries.start()
    assert again.deliveries._queue.was_closed
    await until(lambda: messages(peer, target) == ["once"])


async def test_an_account_policy_covers_groups_old_and_new(make_world, context, peer, target):
    world = make_world()
    await world.deliveries.start()
    await make_stream(world, context, "old")
    document = {"DestinationArn": target, "RoleArn": f"arn:aws:iam::{context.account_id}:role/ship"}
    await world.operations.put_account_policy(
        context,
        policy_name="p",
        policy_type="SUBSCRIPTION_FILTER_POLICY",
        policy_document=json.dumps(document),
        selection_criteria='LogGroupName NOT IN ["quiet"]',
    )
    for group in ("quiet", "new"):
        await make_stream(world, context, group)
    for group in ("quiet", "old", "new"):
        await put(world, context, group, group=group)
    await until(lambda: sorted(messages(peer, target)) == ["new", "old"])
    assert {payload["policyLevel"] for payload in payloads(peer, target)} == {"ACCOUNT_LEVEL_POLICY"}
    assert {tuple(payload["subscriptionFilters"]) for payload in payloads(peer, target)} == {("p",)}
    await crash(world)
    await put(world, context, "unqueued", group="old")
    again = make_world()
    await again.deliveries.start()
    await until(lambda: "unqueued" in messages(peer, target))
    await again.operations.delete_account_policy(context, policy_name="p", policy_type="SUBSCRIPTION_FILTER_POLICY")
    before = len(messages(peer, target))
    await put(again, context, "after", group="old")
    assert not again.deliveries._aside
    assert len(messages(peer, target)) == before


async def test_a_filter_and_an_account_policy_both_deliver(world, context, peer, target):
    await world.deliveries.start()
    await make_stream(world, context)
    other = target.replace("stream/s", "stream/other")
    await subscribe(world, context, target)
    document = {"DestinationArn": other, "RoleArn": f"arn:aws:iam::{context.account_id}:role/ship"}
    await world.operations.put_account_policy(
        context, policy_name="p", policy_type="SUBSCRIPTION_FILTER_POLICY", policy_document=json.dumps(document)
    )
    await put(world, context, "a")
    await until(lambda: messages(peer, target) == messages(peer, other) == ["a"])


async def test_a_destination_leads_to_its_target_of_the_moment(world, context, make_context, peer):
    await world.deliveries.start()
    owner = make_context()
    first, second = (f"arn:aws:kinesis:us-east-1:{owner.account_id}:stream/{name}" for name in ("a", "b"))
    role = f"arn:aws:iam::{owner.account_id}:role/ship"
    place = {"destination_name": "d", "role_arn": role}
    answer = await world.operations.put_destination(owner, target_arn=first, **place)
    await make_stream(world, context)
    await world.operations.put_subscription_filter(
        context,
        log_group_name="g",
        filter_name="f",
        filter_pattern="",
        destination_arn=answer["destination"]["arn"],
    )
    await put(world, context, "one")
    await until(lambda: messages(peer, first) == ["one"])
    await world.operations.put_destination(owner, target_arn=second, **place)
    await put(world, context, "two")
    await until(lambda: messages(peer, second) == ["two"])
    await world.operations.delete_destination(owner, destination_name="d")
    await put(world, context, "three")
    await until(lambda: world.deliveries.lost_events == Counter({"no destination": 1}))


async def test_while_the_queue_cannot_be_written_puts_go_on(world, context, peer, target, monkeypatch, caplog):
    monkeypatch.setattr(delivery_module, "RETRY_S", 0.001)
    monkeypatch.setattr(delivery_module, "MAX_ASIDE_BYTES", 100)
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    queue = world.deliveries._queue
    working, queue.add = queue.add, broken
    for number in range(10):
        await put(world, context, str(number))
    assert world.deliveries.skipped_events == 7, "a hundred bytes hold three events of 27"
    await until(lambda: "cannot be written" in caplog.text)
    queue.add = working
    await until(lambda: messages(peer, target) == ["7", "8", "9"])
    assert world.deliveries.lost_events == Counter(skipped=7)


async def broken(_arrivals):
    raise OSError("no space left on device")


async def test_growth_and_losses_are_reported(world, context, peer, target, monkeypatch, caplog):
    monkeypatch.setattr(delivery_module, "REPORTED_BYTES", 10)
    world.deliveries._reported_bytes = 10
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    peer.failures[target] = DOWN
    await put(world, context, "a")
    await until(lambda: world.deliveries.waiting.batches == 1)
    world.deliveries.report()
    world.deliveries.report()
    assert caplog.text.count("1 batches (0 MB) wait for delivery") == 1
    peer.failures[target] = TargetError("ResourceNotFoundException", "gone", retryable=False)
    await until(lambda: world.deliveries.waiting == Waiting())
    world.deliveries.report()
    assert "events given up by subscriptions since the start: 1 refused" in caplog.text


async def test_the_queue_is_trimmed(world, context, peer, target, clock, monkeypatch):
    monkeypatch.setattr(delivery_module, "LATE_MS", -1)
    monkeypatch.setattr(delivery_module, "TRIM_TICKS", 1)
    await world.deliveries.start()
    await make_stream(world, context)
    await subscribe(world, context, target)
    await put(world, context, "a")
    await until(lambda: messages(peer, target) == ["a"])
    found = [1]
    while found:
        found = await world.deliveries._queue.group_ids()
    await put(world, context, "b")
    await until(lambda: messages(peer, target) == ["a", "b"])
