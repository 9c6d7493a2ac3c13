"""The life of an export task, and who may work on it."""

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.exports.tasks import LEASE_MS, MAX_ATTEMPTS, ExportRequest


@pytest.fixture
async def add(operations, context, room, tenant, tasks):
    await operations.create_log_group(context, log_group_name="g")
    group = await room.catalog.group(tenant, "g")

    async def add() -> str:
        return await tasks.add(ExportRequest(group, 0, 1, "archive", "p"))

    return add


async def status(tasks, tenant, task_id) -> str:
    (task,) = await tasks.page(tenant, before=None, limit=1, task_id=task_id, status=None)
    return task.status


async def test_the_database_holds_the_quota(add):
    await add()
    with pytest.raises(ServiceError) as caught:
        await add()
    assert (caught.value.code, caught.value.message) == ("LimitExceededException", "Resource limit exceeded.")


async def test_tasks_are_claimed_once_and_oldest_first(add, tasks):
    first = await add()
    assert (await tasks.claim()).id == first
    assert await tasks.claim() is None


async def test_a_lease_that_ends_lets_another_run_take_the_task(add, tasks, tenant, clock):
    task_id = await add()
    lost = await tasks.claim()
    clock.now_ms += LEASE_MS
    taken = await tasks.claim()
    assert taken.id == task_id
    assert not await tasks.is_wanted(lost)
    await tasks.finish(lost, "FAILED", "too late")
    assert await status(tasks, tenant, task_id) == "RUNNING"
    await tasks.finish(taken, "COMPLETED", "Completed successfully")
    assert await status(tasks, tenant, task_id) == "COMPLETED"


async def test_a_renewed_lease_keeps_the_task(add, tasks, clock):
    await add()
    held = await tasks.claim()
    clock.now_ms += LEASE_MS - 1
    await tasks.renew(held)
    clock.now_ms += LEASE_MS - 1
    assert await tasks.claim() is None
    assert await tasks.is_wanted(held)


async def test_tasks_of_a_dead_process_are_free_at_the_next_start(add, tasks):
    task_id = await add()
    await tasks.claim()
    await tasks.release_all()
    assert (await tasks.claim()).id == task_id


async def test_a_cancelled_task_of_a_dead_process_ends_at_the_next_start(add, tasks, tenant):
    task_id = await add()
    await tasks.claim()
    await tasks.cancel(tenant, task_id)
    assert await tasks.claim() is None
    assert await status(tasks, tenant, task_id) == "PENDING_CANCEL"
    await tasks.release_all()
    assert await tasks.claim() is None
    assert await status(tasks, tenant, task_id) == "CANCELLED"


async def test_a_task_that_never_ends_is_given_up(add, tasks, tenant):
    task_id = await add()
    for _ in range(MAX_ATTEMPTS):
        assert await tasks.claim() is not None
        await tasks.release_all()
    assert await tasks.claim() is None
    assert await status(tasks, tenant, task_id) == "FAILED"


async def test_proper_stops_use_up_no_attempts(add, tasks):
    await add()
    for _ in range(MAX_ATTEMPTS + 1):
        await tasks.release(await tasks.claim())
    assert await tasks.claim() is not None


async def test_a_task_that_was_put_off_waits(add, tasks, clock):
    await add()
    await tasks.release(await tasks.claim(), pause_ms=1_000, counted=True)
    assert await tasks.claim() is None
    clock.now_ms += 1_000
    assert await tasks.claim() is not None


async def test_a_task_cancelled_at_its_last_moment_ends_as_cancelled(add, tasks, tenant):
    task_id = await add()
    held = await tasks.claim()
    await tasks.cancel(tenant, task_id)
    await tasks.finish(held, "COMPLETED", "Completed successfully")
    assert await status(tasks, tenant, task_id) == "CANCELLED"
