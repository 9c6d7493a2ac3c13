"""CreateScheduledQuery, GetScheduledQuery, UpdateScheduledQuery, DeleteScheduledQuery, and the lists."""

import pytest
from tests.refusals import refusal

from groundwatch.logs.access import logs_access

NOW_MS = 1_790_000_000_000


async def test_a_scheduled_query_is_got_by_name_and_by_arn(operations, context, create, role):
    arn = await create(description="d", timezone="Europe/Berlin", schedule_expression="cron(0 9 * * ? *)")
    found = await operations.get_scheduled_query(context, identifier=arn)
    assert found == await operations.get_scheduled_query(context, identifier="errors")
    assert found == {
        "scheduledQueryArn": arn,
        "name": "errors",
        "description": "d",
        "queryLanguage": "CWLI",
        "queryString": "stats count(*) as n",
        "logGroupIdentifiers": ["/app"],
        "scheduleExpression": "cron(0 9 * * ? *)",
        "timezone": "Europe/Berlin",
        "executionRoleArn": role,
        "state": "ENABLED",
        "scheduleType": "CUSTOMER_MANAGED",
        "creationTime": NOW_MS,
        "lastUpdatedTime": NOW_MS,
    }


def change(role):
    """Return the members of an update, without those that may be left out."""
    return {
        "identifier": "errors",
        "query_language": "CWLI",
        "query_string": "fields @message",
        "schedule_expression": "rate(1 hour)",
        "execution_role_arn": role,
        "log_group_identifiers": ["/b"],
    }


async def test_an_update_replaces_all_but_the_name(operations, context, create, role):
    arn = await create(description="old")
    changed = await operations.update_scheduled_query(context, **change(role), state="DISABLED")
    assert (changed["scheduledQueryArn"], changed["name"], changed["state"]) == (arn, "errors", "DISABLED")
    assert changed["queryString"] == "fields @message"
    assert "description" not in changed


async def test_an_update_of_what_is_deleted_meanwhile_is_no_success(operations, context, create, role, monkeypatch):
    await create()
    find = operations._room.schedules.find

    async def find_and_lose(tenant, identifier):
        found = await find(tenant, identifier)
        await operations._room.schedules.remove(found)
        return found

    monkeypatch.setattr(operations._room.schedules, "find", find_and_lose)
    update = operations.update_scheduled_query(context, **change(role))
    assert (await refusal(update))[0] == "ResourceNotFoundException"


async def test_names_are_taken_once_and_free_after_deletion(operations, context, make_context, create):
    await create()
    assert (await refusal(create()))[0] == "ConflictException"
    stranger = make_context()
    for call in (operations.get_scheduled_query, operations.delete_scheduled_query):
        assert (await refusal(call(stranger, identifier="errors")))[0] == "ResourceNotFoundException"
    assert await operations.delete_scheduled_query(context, identifier="errors") == {}
    assert (await refusal(operations.get_scheduled_query(context, identifier="errors")))[
        0
    ] == "ResourceNotFoundException"
    await create()


async def test_lists_come_in_pages_in_order_of_name(operations, context, create):
    for name in ("c", "a", "b"):
        await create(name=name, state="DISABLED" if name == "b" else "ENABLED")
    first = await operations.list_scheduled_queries(context, max_results=2)
    rest = await operations.list_scheduled_queries(context, max_results=2, next_token=first["nextToken"])
    listed = [item["name"] for page in (first, rest) for item in page["scheduledQueries"]]
    assert (listed, "nextToken" in rest) == (["a", "b", "c"], False)
    assert "queryString" not in first["scheduledQueries"][0]
    for members, names in (({"state": "DISABLED"}, ["b"]), ({"schedule_type": "AWS_MANAGED"}, [])):
        found = await operations.list_scheduled_queries(context, **members)
        assert [item["name"] for item in found["scheduledQueries"]] == names


async def test_history_comes_in_pages_of_a_range(operations, context, create, put, runner, clock):
    await create()
    clock.now_ms += 20 * 60_000
    assert await runner.run_waiting() == 4
    call = {"identifier": "errors", "start_time": NOW_MS // 1_000, "end_time": (NOW_MS + 15 * 60_000) // 1_000}
    first = await operations.get_scheduled_query_history(context, max_results=2, **call)
    rest = await operations.get_scheduled_query_history(context, next_token=first["nextToken"], **call)
    times = [run["triggeredTimestamp"] - NOW_MS for page in (first, rest) for run in page["triggerHistory"]]
    assert times == [900_000, 600_000, 300_000]
    none = await operations.get_scheduled_query_history(context, execution_statuses=["Failed"], **call)
    assert none["triggerHistory"] == []


S3 = {"destinationIdentifier": "s3://archive", "roleArn": "arn:aws:iam::1:role/out"}


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"schedule_expression": "daily"}, "ValidationException", "schedule expression is not valid"),
        ({"timezone": "Nowhere"}, "ValidationException", "time zone Nowhere"),
        ({"query_string": "fieldz a"}, "ValidationException", "The query is not valid"),
        ({"log_group_identifiers": None}, "ValidationException", "Log groups must be given"),
        ({"start_time_offset": 60, "end_time_offset": 120}, "ValidationException", "must not be later"),
        ({"start_time_offset": -1}, "ValidationException", "offsets are seconds"),
        ({"schedule_start_time": 2, "schedule_end_time": 1}, "ValidationException", "ends before it starts"),
        ({"schedule_start_time": 10**15}, "ValidationException", "beyond the year 9999"),
        ({"schedule_start_time": 2**63 - 1}, "ValidationException", "beyond the year 9999"),
        ({"execution_role_arn": "r"}, "ValidationException", "r is not the ARN of a role"),
        ({"name": "arn:x"}, "ValidationException", "must not begin like an ARN"),
        (
            {"destination_configuration": {"lookupTableConfiguration": {"tableName": "t", "roleArn": "r"}}},
            "NotImplementedException",
            "lookupTableConfiguration",
        ),
        (
            {"destination_configuration": {"s3Configuration": {**S3, "kmsKeyId": "k"}}},
            "NotImplementedException",
            "kmsKeyId",
        ),
    ],
)
async def test_what_cannot_be_scheduled_is_refused_at_once(create, members, code, said):
    found = await refusal(create(**members))
    assert found[0] == code
    assert said in found[1]


@pytest.mark.parametrize(
    ("language", "query"),
    [("PPL", "fields `@message` | head 5"), ("SQL", "SELECT `@message` FROM `/app`"), ("CWLI", "fields @message")],
)
async def test_a_query_may_be_in_every_language(*, operations, context, create, put, runner, clock, language, query):
    groups = None if language == "SQL" else ["/app"]
    await create(query_language=language, query_string=query, log_group_identifiers=groups)
    clock.now_ms += 5 * 60_000
    await runner.run_waiting()
    answer = await operations.get_scheduled_query_history(
        context, identifier="errors", start_time=0, end_time=NOW_MS * 2
    )
    assert answer["triggerHistory"][0]["executionStatus"] == "Complete", answer


async def test_a_query_may_name_its_groups_itself(create):
    assert await create(
        query_string="SOURCE logGroups(namePrefix: ['/a']) | fields @message", log_group_identifiers=None
    )


def test_roles_are_passed_and_schedules_are_resources(context):
    arn = f"arn:aws:logs:us-east-1:{context.account_id}:scheduled-query:"
    made = {"name": "n", "executionRoleArn": "r1", "destinationConfiguration": {"s3Configuration": {"roleArn": "r2"}}}
    checks = logs_access("CreateScheduledQuery", made, context)
    assert [(check.action, check.resource) for check in checks] == [
        ("logs:CreateScheduledQuery", f"{arn}*"),
        ("iam:PassRole", "r1"),
        ("iam:PassRole", "r2"),
    ]
    for identifier, resource in (("name", f"{arn}*"), (f"{arn}1", f"{arn}1")):
        checks = logs_access("GetScheduledQuery", {"identifier": identifier}, context)
        assert [check.resource for check in checks] == [resource]
