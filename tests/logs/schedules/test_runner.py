"""Runs of scheduled queries: when, how often, under which role, and where their results go."""

import asyncio
import gzip
import json
import zoneinfo

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.exports.buckets import BucketError
from groundwatch.logs.schedules import expression
from groundwatch.logs.schedules.store import CATCH_UP_MS, MAX_ATTEMPTS

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000
BUCKET = {"s3Configuration": {"destinationIdentifier": "s3://archive/daily/", "roleArn": "arn:aws:iam::1:role/out"}}


async def history(operations, context, identifier="errors", **members):
    call = {"start_time": 0, "end_time": NOW_MS * 2, **members}
    answer = await operations.get_scheduled_query_history(context, identifier=identifier, **call)
    return answer["triggerHistory"]


async def rows(operations, context, run):
    answer = await operations.get_query_results(context, query_id=run["queryId"])
    return [[pair["value"] for pair in row] for row in answer["results"]]


async def test_a_query_runs_over_the_range_before_each_time_it_is_due(operations, context, put, create, runner, clock):
    await put(NOW_MS, NOW_MS + 2 * MINUTE_MS, NOW_MS + 6 * MINUTE_MS)
    await create(start_time_offset=300)
    assert await runner.run_waiting() == 0
    # The server was late for the first time, and saw the second one as well.
    clock.now_ms += 11 * MINUTE_MS
    assert await runner.run_waiting() == 2
    assert await runner.run_waiting() == 0
    second, first = await history(operations, context)
    assert [run["triggeredTimestamp"] - NOW_MS for run in (first, second)] == [5 * MINUTE_MS, 10 * MINUTE_MS]
    assert [await rows(operations, context, run) for run in (first, second)] == [[["2"]], [["1"]]]
    found = await operations.get_scheduled_query(context, identifier="errors")
    assert (found["lastExecutionStatus"], found["lastTriggeredTime"]) == ("Complete", second["triggeredTimestamp"])


async def test_a_result_is_delivered_as_one_object(*, operations, context, put, create, runner, clock, bucket):
    await put(NOW_MS)
    arn = await create(destination_configuration=BUCKET, name="a/b")
    bucket.refusals = [BucketError("SlowDown", "slow", retryable=True)]
    clock.now_ms += 5 * MINUTE_MS
    await runner.run_waiting()
    (run,) = await history(operations, context, "a/b")
    key = "daily/a-b/2026/09/21/20260921T141820Z.json.gz"
    assert list(bucket.objects) == [key]
    document = json.loads(gzip.decompress(bucket.objects[key]))
    assert document == {
        "scheduledQueryArn": arn,
        "triggeredTimestamp": NOW_MS + 5 * MINUTE_MS,
        "queryId": run["queryId"],
        "queryLanguage": "CWLI",
        "status": "Complete",
        "results": [[{"field": "n", "value": "1"}]],
    }
    assert run["destinations"] == [
        {
            "destinationType": "S3",
            "destinationIdentifier": "s3://archive/daily/",
            "status": "COMPLETE",
            "processedIdentifier": f"s3://archive/{key}",
        }
    ]


@pytest.mark.parametrize(
    ("refusals", "bucket_name", "status", "said"),
    [
        ([BucketError("SlowDown", "slow", retryable=True)] * 3, "archive", "FAILED", "slow"),
        ([], "elsewhere", "CLIENT_ERROR", "NoSuchBucket"),
    ],
)
async def test_what_the_bucket_refuses_is_told(
    *, operations, context, put, create, runner, clock, bucket, refusals, bucket_name, status, said
):
    config = {"s3Configuration": {**BUCKET["s3Configuration"], "destinationIdentifier": f"s3://{bucket_name}"}}
    await create(destination_configuration=config)
    bucket.refusals = list(refusals)
    clock.now_ms += 5 * MINUTE_MS
    await runner.run_waiting()
    (run,) = await history(operations, context)
    assert run["executionStatus"] == "Complete"
    assert run["destinations"][0]["status"] == status
    assert said in run["destinations"][0]["errorMessage"]


@pytest.mark.parametrize("denied", ["trust", "query", "delivery"])
async def test_a_role_must_be_allowed_at_each_run(
    *, operations, context, put, create, runner, clock, bucket, identity, monkeypatch, denied
):
    await create(destination_configuration=BUCKET)
    refusal = ServiceError("AccessDeniedException", f"denied: {denied}")

    async def assume(role_arn, service, **members):
        raise refusal

    async def authorize(context, checks):
        actions = {"query": "logs:StartQuery", "delivery": "s3:PutObject"}
        if any(check.action == actions[denied] for check in checks):
            raise refusal

    if denied == "trust":
        monkeypatch.setattr(identity, "assume_for_service", assume)
    else:
        monkeypatch.setattr(identity, "authorize", authorize)
    clock.now_ms += 5 * MINUTE_MS
    await runner.run_waiting()
    (run,) = await history(operations, context)
    if denied == "delivery":
        assert (run["executionStatus"], run["destinations"][0]["status"]) == ("Complete", "CLIENT_ERROR")
    else:
        assert (run["executionStatus"], run["errorMessage"]) == ("Failed", f"denied: {denied}")
    assert bucket.objects == {}


async def test_a_stopped_run_is_begun_again_and_not_doubled(
    *, operations, context, put, create, runner, clock, room, monkeypatch
):
    await put(NOW_MS)
    await create()
    clock.now_ms += 5 * MINUTE_MS
    reached = asyncio.Event()
    real = room.queries.finished

    async def hang(query_id):
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(type(room.queries), "finished", lambda self, query_id: hang(query_id))
    runner.start()
    await reached.wait()
    await runner.stop()
    monkeypatch.undo()
    (run,) = await history(operations, context)
    assert run["executionStatus"] == "Running"
    await real(run["queryId"])
    assert await runner.run_waiting() == 1
    (again,) = await history(operations, context)
    assert (again["executionStatus"], again["triggeredTimestamp"]) == ("Complete", run["triggeredTimestamp"])
    assert again["queryId"] != run["queryId"]


async def test_a_run_that_kills_its_server_is_given_up(operations, context, create, room, clock):
    await create()
    clock.now_ms += 5 * MINUTE_MS
    for _ in range(MAX_ATTEMPTS):
        assert await room.schedules.claim(1_000, CATCH_UP_MS) is not None
        await room.schedules.release_all()
    assert await room.schedules.claim(1_000, CATCH_UP_MS) is None
    (run,) = await history(operations, context)
    assert (run["executionStatus"], "never came to its end" in run["errorMessage"]) == ("Failed", True)


async def test_nobody_else_takes_a_run_that_is_held(create, room, clock):
    await create()
    clock.now_ms += 5 * MINUTE_MS
    run = await room.schedules.claim(1_000, CATCH_UP_MS)
    assert await room.schedules.claim(1_000, CATCH_UP_MS) is None
    clock.now_ms += 1_000
    later = await room.schedules.claim(1_000, CATCH_UP_MS)
    assert later.triggered_ms == run.triggered_ms
    assert await room.schedules.note(run, status="Complete") is False
    assert await room.schedules.note(later, status="Complete") is True


async def test_after_a_long_stop_only_the_last_day_is_made_up_for(operations, context, put, create, runner, clock):
    await create(schedule_expression="rate(1 hour)")
    clock.now_ms += 30 * 86_400_000
    assert await runner.run_waiting() == 24
    assert len(await history(operations, context)) == 24


@pytest.mark.parametrize(
    ("members", "runs"),
    [
        ({"state": "DISABLED"}, 0),
        ({"schedule_start_time": (NOW_MS + 12 * MINUTE_MS) // 1_000}, 2),
        ({"schedule_end_time": NOW_MS + 6 * MINUTE_MS}, 1),
        ({}, 4),
    ],
    ids=["disabled", "not before", "not after", "free"],
)
async def test_a_schedule_has_a_beginning_an_end_and_a_switch(put, create, runner, clock, members, runs):
    await create(**members)
    clock.now_ms += 20 * MINUTE_MS
    assert await runner.run_waiting() == runs


async def test_a_query_waits_for_the_quota_of_its_account(
    *, operations, context, put, create, runner, clock, monkeypatch
):
    await create()
    clock.now_ms += 5 * MINUTE_MS
    refusals = [ServiceError("LimitExceededException", "too many")] * 3
    real = type(operations).start_query

    async def start(self, context, **members):
        if refusals:
            raise refusals.pop()
        return await real(self, context, **members)

    monkeypatch.setattr(type(operations), "start_query", start)
    await runner.run_waiting()
    (run,) = await history(operations, context)
    assert run["executionStatus"] == "Complete"


async def test_a_run_that_a_store_interrupts_is_begun_again_soon(
    *, operations, context, put, create, runner, clock, monkeypatch
):
    await create()
    clock.now_ms += 5 * MINUTE_MS
    with monkeypatch.context() as broken:

        async def start(_self, _context, **_members):
            raise OSError("the disk is full")

        broken.setattr(type(operations), "start_query", start)
        assert await runner.run_waiting() == 1
    assert await runner.run_waiting() == 0
    clock.now_ms += MINUTE_MS
    assert await runner.run_waiting() == 1
    (run,) = await history(operations, context)
    assert run["executionStatus"] == "Complete"


async def test_a_group_that_has_gone_fails_the_run(operations, context, create, runner, clock):
    await create(log_group_identifiers=["/gone"])
    clock.now_ms += 5 * MINUTE_MS
    await runner.run_waiting()
    (run,) = await history(operations, context)
    assert run["executionStatus"] == "Failed"
    assert "/gone" in run["errorMessage"]


async def test_a_time_zone_that_has_gone_stops_one_schedule_alone(put, create, runner, clock, monkeypatch):
    await create(name="gone", timezone="Europe/Berlin", schedule_expression="* * * * *")
    await create(name="there")

    def missing(name):
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(expression.zoneinfo, "ZoneInfo", missing)
    clock.now_ms += 10 * MINUTE_MS
    assert await runner.run_waiting() == 1 + 2
