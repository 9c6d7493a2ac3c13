"""GetLogGroupFields: which fields, in how many of the events, of which time."""

import json

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.access import logs_access
from groundwatch.logs.insights import field_census

NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1_000
SYSTEM = {"@ingestionTime": 100, "@log": 100, "@logStream": 100, "@message": 100, "@timestamp": 100}
REPORT = "REPORT RequestId: 1-2\tDuration: 1394.60 ms\tBilled Duration: 1395 ms\tMemory Size: 128 MB\t"


@pytest.fixture
def put(operations, context):
    async def put(*events: tuple[int, str], stream: str = "s") -> None:
        place = {"log_group_name": "/app", "log_stream_name": stream}
        if stream == "s":
            await operations.create_log_group(context, log_group_name="/app")
        await operations.create_log_stream(context, **place)
        batch = [{"timestamp": NOW_MS + at_ms, "message": message} for at_ms, message in sorted(events)]
        await operations.put_log_events(context, **place, log_events=batch)

    return put


async def fields(operations, context, **members) -> dict[str, int]:
    answer = await operations.get_log_group_fields(context, **{"log_group_name": "/app", **members})
    return {field["name"]: field["percent"] for field in answer["logGroupFields"]}


async def test_fields_are_counted_the_most_frequent_first(operations, context, put):
    await put((-3, '{"level":"a","user":{"id":1}}'), (-2, '{"level":"b"}'), (-1, "plain"))
    found = await fields(operations, context)
    assert found == {**SYSTEM, "level": 67, "user.id": 33}
    assert list(found)[-2:] == ["level", "user.id"]


@pytest.mark.parametrize(
    ("time", "seen"),
    [(None, {"now"}), (NOW_S - 3_600, {"hour"}), (NOW_S - 3_600 - 481, set()), (NOW_S - 3_600 + 480, {"hour"})],
)
async def test_the_time_is_the_middle_of_sixteen_minutes(operations, context, put, time, seen):
    await put((-3_600_000, '{"hour":1}'), (-899_000, '{"now":1}'))
    found = await fields(operations, context, **({} if time is None else {"time": time}))
    assert set(found) - set(SYSTEM) == seen


async def test_deleted_streams_and_expired_events_have_no_fields(operations, context, put):
    await put((-1, '{"kept":1}'))
    await put((-2 * 86_400_000, '{"expired":1}'), stream="old")
    await put((-1, '{"deleted":1}'), stream="t")
    await operations.delete_log_stream(context, log_group_name="/app", log_stream_name="t")
    await operations.put_retention_policy(context, log_group_name="/app", retention_in_days=1)
    assert await fields(operations, context) == {**SYSTEM, "kept": 100}
    assert await fields(operations, context, time=NOW_S - 2 * 86_400) == {}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (REPORT, {"@type", "@requestId", "@duration", "@billedDuration", "@memorySize"}),
        ("2 123456789010 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK", {"srcAddr", "action", "logStatus"}),
    ],
)
async def test_other_formats_have_their_fields(operations, context, put, message, expected):
    await put((-1, message))
    assert expected <= set(await fields(operations, context))


async def test_of_many_events_some_are_read(operations, context, put, monkeypatch):
    monkeypatch.setattr(field_census, "MAX_EVENTS", 50)
    await put(*[(-n, json.dumps({"n": n} if n % 2 else {"m": n})) for n in range(1, 1_001)])
    found = await fields(operations, context)
    assert found["n"] + found["m"] in {99, 100, 101}
    assert 20 < found["n"] < 80


async def test_a_group_must_be_named_and_allowed(operations, context):
    with pytest.raises(ServiceError, match="does not exist"):
        await fields(operations, context)
    checks = logs_access("GetLogGroupFields", {"logGroupName": "/app"}, context)
    resource = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app:log-stream:"
    assert [(check.action, check.resource) for check in checks] == [("logs:GetLogGroupFields", resource)]
