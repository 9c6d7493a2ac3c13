"""What an export writes, and how it ends."""

import asyncio
import random
from datetime import UTC, datetime

import pytest

from groundwatch.logs.events import EventKey
from groundwatch.logs.exports.buckets import BucketError
from groundwatch.logs.exports.runner import ExportRunner, Limits
from groundwatch.logs.recent import BEGINNING, Range
from groundwatch.logs.statements import StreamPlace
from groundwatch.storage.errors import StorageError

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000


def line(timestamp_ms: int, message: str) -> str:
    moment = datetime.fromtimestamp(timestamp_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp_ms % 1000:03d}Z {message}"


@pytest.fixture
def make_runner(room, clock):
    def make(**limits) -> ExportRunner:
        exports = room.exports
        chosen = Limits(upload_pauses_s=(0, 0), **limits)
        return ExportRunner(exports.tasks, room.catalog, room.store, exports.buckets, clock, limits=chosen)

    return make


@pytest.fixture
def run(make_runner):
    async def run(**limits) -> int:
        return await make_runner(**limits).run_waiting()

    return run


@pytest.fixture
async def task(put, create) -> str:
    """A task that exports the one event `x` of the stream `s`."""
    await put("s", "x")
    return await create()


async def test_each_stream_is_an_object_in_order_of_time(put, create, run, exported, described):
    await put("a/1", (NOW_MS - 2, "first"), (NOW_MS - 1, "second"))
    await put("b", (NOW_MS, "third"))
    await put("empty")
    task_id = await create()
    assert await run() == 1
    assert exported(task_id) == {
        "a-1/000000.gz": [line(NOW_MS - 2, "first"), line(NOW_MS - 1, "second")],
        "b/000000.gz": [line(NOW_MS, "third")],
    }
    task = await described(task_id)
    assert task["status"] == {"code": "COMPLETED", "message": "Completed successfully"}
    assert task["executionInfo"] == {"creationTime": NOW_MS, "completionTime": NOW_MS}


@pytest.mark.parametrize(
    ("members", "messages"),
    [
        ({"from_": NOW_MS - 2}, ["-2", "-1", "0"]),
        ({"from_": NOW_MS - 1}, ["-1", "0"]),
        ({"to": NOW_MS - 1}, ["-3", "-2", "-1"]),
        ({"from_": NOW_MS - 2, "to": NOW_MS - 2}, ["-2"]),
        ({"to": 2**63 - 1}, ["-3", "-2", "-1", "0"]),
        ({"from_": 2**63 - 1, "to": 2**63 - 1}, []),
    ],
    ids=["from is included", "before from", "to is included", "one millisecond", "no end", "far future"],
)
async def test_the_range_is_inclusive(put, create, run, exported, members, messages):
    await put("s", *[(NOW_MS + n, str(n)) for n in (-3, -2, -1, 0)])
    task_id = await create(**members)
    await run()
    found = [text.partition(" ")[2] for texts in exported(task_id).values() for text in texts]
    assert found == messages


async def test_streams_are_chosen_by_prefix(put, create, run, exported):
    for stream in ("a", "ab", "b"):
        await put(stream, stream)
    task_id = await create(log_stream_name_prefix="a")
    await run()
    assert sorted(exported(task_id)) == ["a/000000.gz", "ab/000000.gz"]


async def test_long_streams_are_cut_into_objects(put, create, run, exported):
    # Random, so that the compressor gives out bytes between the pages.
    messages = [random.Random(n).randbytes(40_000).hex() for n in range(12)]
    await put("s", *messages)
    task_id = await create()
    await run(page_bytes=100_000, object_bytes=20_000)
    objects = exported(task_id)
    assert len(objects) > 1
    assert sorted(objects) == [f"s/{part:06d}.gz" for part in range(len(objects))]
    assert [text for key in sorted(objects) for text in objects[key]] == [line(NOW_MS, text) for text in messages]


async def test_streams_that_share_a_folder_do_not_write_over_each_other(put, create, run, exported):
    for stream in ("a/b", "a-b", "a.b"):
        await put(stream, stream)
    task_id = await create()
    await run()
    assert exported(task_id) == {
        "a-b/000000.gz": [line(NOW_MS, "a-b")],
        "a-b/000001.gz": [line(NOW_MS, "a/b")],
        "a.b/000000.gz": [line(NOW_MS, "a.b")],
    }


async def test_expired_events_are_not_exported(put, create, run, exported, operations, context):
    await put("s", (NOW_MS - 2 * DAY_MS + 3_600_000, "old"))
    await operations.put_log_events(
        context, log_group_name="g", log_stream_name="s", log_events=[{"timestamp": NOW_MS, "message": "new"}]
    )
    await operations.put_retention_policy(context, log_group_name="g", retention_in_days=1)
    task_id = await create()
    await run()
    assert exported(task_id) == {"s/000000.gz": [line(NOW_MS, "new")]}


@pytest.mark.parametrize(
    ("refusals", "ended"),
    [
        ([True], "COMPLETED"),
        ([True, True], "COMPLETED"),
        ([True, True, True], "FAILED"),
        ([False], "FAILED"),
    ],
    ids=["once", "as often as it is repeated", "once too often", "for good"],
)
async def test_uploads_that_fail(task, run, bucket, described, refusals, ended):
    bucket.refusals = [BucketError("Busy", "no", retryable=retryable) for retryable in refusals]
    await run()
    message = "no" if ended == "FAILED" else "Completed successfully"
    assert (await described(task))["status"] == {"code": ended, "message": message}
    assert (f"exportedlogs/{task}/s/000000.gz" in bucket.objects) == (ended == "COMPLETED")


async def test_a_task_ends_soon_after_it_is_cancelled(put, task, run, room, tenant, described):
    for stream in ("t", "u"):
        await put(stream, stream)
    tasks, bucket = room.exports.tasks, room.exports.buckets
    original = tasks.is_wanted

    async def is_wanted(held) -> bool:
        if any(key.endswith("/s/000000.gz") for key in bucket.objects):
            await tasks.cancel(tenant, task)
        return await original(held)

    tasks.is_wanted = is_wanted
    await run()
    ended = await described(task)
    assert ended["status"] == {"code": "CANCELLED", "message": "Cancelled by user"}
    assert ended["executionInfo"]["completionTime"] == NOW_MS
    assert [key for key in bucket.objects if task in key] == [f"exportedlogs/{task}/s/000000.gz"]


async def test_a_group_that_is_deleted_fails_the_task(put, create, run, described, operations, context):
    await put("s", "x")
    task_id = await create()
    await operations.delete_log_group(context, log_group_name="g")
    await operations.create_log_group(context, log_group_name="g")
    await run()
    status = (await described(task_id))["status"]
    assert status == {"code": "FAILED", "message": "The specified log group does not exist."}


async def test_a_failing_store_is_tried_again_later(task, run, room, clock, described, monkeypatch):
    async def fail(*_args) -> list:
        raise StorageError("down")

    with monkeypatch.context() as patch:
        patch.setattr(room.store, "bulk_page", fail)
        await run()
    assert (await described(task))["status"] == {"code": "RUNNING"}
    assert await run() == 0
    clock.now_ms += 60_000
    assert await run() == 1
    assert (await described(task))["status"]["code"] == "COMPLETED"


async def test_a_stopped_runner_leaves_its_task_to_the_next(put, create, make_runner, bucket, described, exported):
    await put("a", "x")
    await put("b", "y")
    task_id = await create()
    hanging, reached = asyncio.Event(), asyncio.Event()
    working_put = bucket.put

    async def hang(*args) -> None:
        reached.set()
        await hanging.wait()

    bucket.put = hang
    runner = make_runner()
    runner.start()
    await reached.wait()
    assert (await described(task_id))["status"] == {"code": "RUNNING"}
    await runner.stop()
    assert (await described(task_id))["status"] == {"code": "RUNNING"}
    bucket.put = working_put
    assert await make_runner().run_waiting() == 1
    assert sorted(exported(task_id)) == ["a/000000.gz", "b/000000.gz"]


async def test_a_started_runner_takes_what_comes(put, create, make_runner, room, described):
    await put("s", "x")
    ended = asyncio.Event()
    original = room.exports.tasks.finish

    async def finish(*args) -> None:
        await original(*args)
        ended.set()

    room.exports.tasks.finish = finish
    runner = make_runner()
    runner.start()
    task_id = await create()
    runner.wake()
    await asyncio.wait_for(ended.wait(), 10)
    await runner.stop()
    assert (await described(task_id))["status"]["code"] == "COMPLETED"


async def test_exports_read_big_events_one_page_at_a_time(put, room, tenant):
    await put("s", *["x" * 200_000] * 4)
    group = await room.catalog.group(tenant, "g")
    stream = await room.catalog.stream(group, "s")
    place, end = StreamPlace(group.number, stream.number), EventKey(2**62, 0, 0, 0)
    sizes, after = [], BEGINNING
    while events := await room.store.bulk_page(place, Range(after, end), 450_000):
        sizes.append(len(events))
        after = events[-1].key
    assert sizes == [2, 2]
    assert len(await room.store.bulk_page(place, Range(BEGINNING, end), 1)) == 1
