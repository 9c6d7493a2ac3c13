"""From a put to a data point, over the real event store and the queue of deliveries."""

import pytest
from tests.waiting import until

from groundwatch.logs.metric_filters.counting import GRACE_MS, MINUTE_MS
from groundwatch.storage.errors import StorageError

pytestmark = pytest.mark.usefixtures("no_pauses")
NOW_MS = 1_790_000_000_000


async def put_filter(world, context, pattern: str = "ERROR", name: str = "f", **members) -> None:
    wanted = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1"} | members
    await world.operations.put_metric_filter(
        context, log_group_name="g", filter_name=name, filter_pattern=pattern, metric_transformations=[wanted]
    )


async def put(world, context, *messages: str, at: int | None = None) -> None:
    await world.operations.put_log_events(
        context,
        log_group_name="g",
        log_stream_name="i-1",
        log_events=[{"timestamp": at or context.received_ms, "message": message} for message in messages],
    )


async def start(world, context) -> None:
    await world.deliveries.start()
    await world.operations.create_log_group(context, log_group_name="g")
    await world.operations.create_log_stream(context, log_group_name="g", log_stream_name="i-1")


def values(world) -> list[dict]:
    return [dict(point.values) for _, point in world.metrics.points]


async def test_what_matches_is_counted_in_its_minute(world, context):
    await start(world, context)
    await put(world, context, "ERROR before the filter")
    await put_filter(world, context, unit="Count")
    await put(world, context, "ERROR 1", "fine", "ERROR 2")
    await until(lambda: world.metrics.points)
    ((account_id, point),) = world.metrics.points
    assert account_id == context.account_id
    assert (point.namespace, point.name, point.dimensions, point.unit) == ("App", "Errors", (), "Count")
    assert point.minute_ms == NOW_MS - NOW_MS % MINUTE_MS
    assert point.values == {1.0: 2}


async def test_a_minute_without_a_match_gets_the_default(world, context, clock):
    await start(world, context)
    await put_filter(world, context, defaultValue=0.0)
    await put(world, context, "fine", at=NOW_MS - MINUTE_MS)
    await put(world, context, "ERROR")
    await put(world, context, "fine")
    clock.now_ms += MINUTE_MS + GRACE_MS
    await put(world, context, "fine")
    minute = NOW_MS - NOW_MS % MINUTE_MS
    expected = {minute - MINUTE_MS: {0.0: 1}, minute: {1.0: 1}}
    await until(lambda: {point.minute_ms: point.values for _, point in world.metrics.points} == expected)


async def test_the_default_comes_without_another_event(world, context, clock):
    await start(world, context)
    await put_filter(world, context, defaultValue=5.0)
    # The minute is over in a few milliseconds by the worker's own count.
    minute = NOW_MS - NOW_MS % MINUTE_MS
    clock.now_ms = minute + MINUTE_MS + GRACE_MS - 20
    await put(world, context, "fine", at=minute)
    await until(lambda: world.deliveries.waiting.batches == 0)
    clock.now_ms += 20
    await until(lambda: values(world) == [{5.0: 1}], "the default value")


async def test_what_the_metrics_refuse_is_counted_again(world, context):
    await start(world, context)
    await put_filter(world, context)
    world.metrics.failures += [StorageError("full"), RuntimeError("odd")]
    await put(world, context, "ERROR")
    await until(lambda: values(world) == [{1.0: 1}])


async def test_a_restart_goes_on_where_it_was(make_world, context):
    first = make_world()
    await start(first, context)
    await put_filter(first, context)
    await put(first, context, "ERROR 1")
    await until(lambda: values(first) == [{1.0: 1}])
    first.metrics.failures += [StorageError("down")] * 1_000_000
    await put(first, context, "ERROR 2", "ERROR 3")
    await until(lambda: first.deliveries.waiting.batches == 1)
    await first.deliveries.stop()
    second = make_world()
    await second.deliveries.start()
    await until(lambda: values(second) == [{1.0: 2}])


async def test_a_deleted_filter_counts_no_more(world, context):
    await start(world, context)
    await put_filter(world, context)
    await put_filter(world, context, name="other", pattern="fine")
    await world.operations.delete_metric_filter(context, log_group_name="g", filter_name="f")
    await put(world, context, "ERROR", "fine", "fine")
    await until(lambda: values(world) == [{1.0: 2}])


async def test_events_older_than_metrics_may_be_are_passed_over(world, context, clock):
    await start(world, context)
    await put_filter(world, context)
    await put(world, context, "ERROR", at=NOW_MS - 14 * 86_400_000 + 1_000)
    clock.now_ms += 3_600_000
    await put(world, context, "ERROR", "ERROR")
    await until(lambda: {2} <= {count for counts in values(world) for count in counts.values()})
