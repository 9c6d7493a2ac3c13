import gzip

import pytest
from sqlalchemy import delete

from groundwatch.logs.catalog import Tenant
from groundwatch.storage.tables.exports import export_tasks

NOW_MS = 1_790_000_000_000


@pytest.fixture(autouse=True)
async def no_tasks_of_other_tests(sql_database):
    """A runner takes the tasks of every account, so each test begins without any."""
    await sql_database.write(lambda connection: connection.execute(delete(export_tasks)))


@pytest.fixture
def tenant(context) -> Tenant:
    return Tenant(context.account_id, context.region)


@pytest.fixture
def tasks(room):
    return room.exports.tasks


@pytest.fixture
def bucket(room):
    return room.exports.buckets


@pytest.fixture
def put(operations, context):
    """Put messages, or (time, message) pairs, into a stream that is made first; the group too, if it is the first."""
    made = set()

    async def put(stream: str, *events, group: str = "g") -> None:
        if group not in made:
            await operations.create_log_group(context, log_group_name=group)
            made.add(group)
        await operations.create_log_stream(context, log_group_name=group, log_stream_name=stream)
        pairs = [event if isinstance(event, tuple) else (NOW_MS, event) for event in events]
        if pairs:
            batch = [{"timestamp": at, "message": message} for at, message in pairs]
            await operations.put_log_events(context, log_group_name=group, log_stream_name=stream, log_events=batch)

    return put


@pytest.fixture
def create(operations, context):
    """Create an export task of the group `g` and return its id."""

    async def create(**members) -> str:
        call = {"log_group_name": "g", "from_": 0, "to": NOW_MS, "destination": "archive", **members}
        return (await operations.create_export_task(context, **call))["taskId"]

    return create


@pytest.fixture
def described(operations, context):
    async def described(task_id: str) -> dict:
        (task,) = (await operations.describe_export_tasks(context, task_id=task_id))["exportTasks"]
        return task

    return described


@pytest.fixture
def exported(bucket):
    """Return the lines of every object of a task, by the part of its key behind the task's id."""

    def exported(task_id: str, prefix: str = "exportedlogs") -> dict[str, list[str]]:
        start = f"{prefix}/{task_id}/"
        return {
            key.removeprefix(start): gzip.decompress(content).decode().splitlines()
            for key, content in bucket.objects.items()
            if key.startswith(start)
        }

    return exported
