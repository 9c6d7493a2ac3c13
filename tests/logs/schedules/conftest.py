import pytest
from sqlalchemy import delete
from tests.logs.conftest import FakeBuckets, Permissive

from groundwatch.logs.schedules.delivery import Delivery
from groundwatch.logs.schedules.roles import RoleCalls
from groundwatch.logs.schedules.runner import ScheduleRunner, Tools
from groundwatch.storage.tables.scheduled_queries import scheduled_queries


@pytest.fixture(autouse=True)
async def no_schedules_of_other_tests(sql_database):
    """A runner takes the schedules of every account, so each test begins without any."""
    await sql_database.write(lambda connection: connection.execute(delete(scheduled_queries)))


@pytest.fixture
def bucket() -> FakeBuckets:
    return FakeBuckets()


@pytest.fixture
def identity() -> Permissive:
    return Permissive()


@pytest.fixture
def runner(room, operations, bucket, identity, clock) -> ScheduleRunner:
    roles = RoleCalls(identity, identity, clock)
    tools = Tools(
        operations=operations,
        queries=room.queries,
        results=room.query_store,
        roles=roles,
        delivery=Delivery(bucket, roles, pauses_s=(0, 0)),
        clock_ms=clock,
        quota_pause_s=0,
    )
    return ScheduleRunner(room.schedules, tools)


@pytest.fixture
def role(context) -> str:
    return f"arn:aws:iam::{context.account_id}:role/queries"


@pytest.fixture
def create(operations, context, role):
    """Schedule a query every five minutes and return its ARN; None takes a member away."""

    async def create(**members) -> str:
        call = {
            "name": "errors",
            "query_language": "CWLI",
            "query_string": "stats count(*) as n",
            "schedule_expression": "rate(5 minutes)",
            "execution_role_arn": role,
            "log_group_identifiers": ["/app"],
            **members,
        }
        call = {name: value for name, value in call.items() if value is not None}
        return (await operations.create_scheduled_query(context, **call))["scheduledQueryArn"]

    return create


@pytest.fixture
async def put(operations, context):
    """Put events at times into the group `/app`, which is made."""
    place = {"log_group_name": "/app", "log_stream_name": "s"}
    await operations.create_log_group(context, log_group_name="/app")
    await operations.create_log_stream(context, **place)

    async def put(*times_ms: int) -> None:
        events = [{"timestamp": time_ms, "message": "x"} for time_ms in times_ms]
        await operations.put_log_events(context, **place, log_events=events)

    return put
