"""StartQuery, GetQueryResults, StopQuery, DescribeQueries, ListLogGroupsForQuery."""

import json

import pytest
from tests.logs.conftest import make_room
from tests.refusals import refusal

from groundwatch.logs.access import logs_access
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.operations import LogsOperations
from groundwatch.logs.pointers import parse_pointer

NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1_000
RANGE = {"start_time": NOW_S - 3_600, "end_time": NOW_S}


@pytest.fixture
def put(operations, context):
    async def put(group: str, messages, stream: str = "s1") -> None:
        place = {"log_group_name": group, "log_stream_name": stream}
        await operations.create_log_group(context, log_group_name=group)
        await operations.create_log_stream(context, **place)
        events = [{"timestamp": NOW_MS - 1_000 + n, "message": message} for n, message in enumerate(messages)]
        await operations.put_log_events(context, **place, log_events=events)

    return put


async def run(operations, context, query, **members):
    started = await operations.start_query(context, query_string=query, **{**RANGE, **members})
    await operations._room.queries.finished(started["queryId"])
    return started["queryId"], await operations.get_query_results(context, query_id=started["queryId"])


@pytest.mark.parametrize(
    ("query", "members", "said"),
    [
        ("fields a | pattern @message", {"log_group_name": "/cheap"}, "pattern is not supported for log groups"),
        ("diff", {"log_group_names": ["/app", "/cheap"]}, "diff is not supported for log groups"),
        ("filterIndex a = 1", {"log_group_name": "/cheap"}, "filterIndex is not supported"),
        ("SOURCE logGroups(class: ['INFREQUENT_ACCESS']) | diff", {}, "diff is not supported"),
        ("filter a in (SOURCE '/cheap' | filterIndex b = 1 | fields b)", {"log_group_name": "/app"}, "filterIndex"),
        (" | ".join(["stats count(*) as a"] * 3), {"log_group_name": "/cheap"}, "more than 2 stats commands are not"),
        ("SELECT a FROM `/cheap`", {"query_language": "SQL"}, "queries in SQL are not supported for log groups of"),
        ("fields unmask(@message)", {"log_group_name": "/cheap"}, "unmask is not supported"),
        ("fields a", {"query_language": "PPL", "log_group_name": "/cheap"}, "queries in PPL are not supported"),
        # What stays.
        ("stats count(*) as a | stats count(*) as b", {"log_group_name": "/cheap"}, None),
        ("filter a in (SOURCE '/cheap' | fields b) | filterIndex c = 1", {"log_group_name": "/app"}, None),
    ],
)  # fmt: skip
async def test_groups_of_the_cheap_class_lack_commands(operations, context, query, members, said):
    await operations.create_log_group(context, log_group_name="/app")
    await operations.create_log_group(context, log_group_name="/cheap", log_group_class="INFREQUENT_ACCESS")
    started = operations.start_query(context, query_string=query, **RANGE, **members)
    if said is None:
        assert await started
    else:
        code, message = await refusal(started)
        assert (code, message[: len(said)]) == ("MalformedQueryException", said)


async def test_a_query_gives_rows_statistics_and_pointers(operations, context, put):
    await put("/app", ['{"n":1}', '{"n":2}', "plain"])
    _, answer = await run(operations, context, "fields n | filter n > 1", log_group_name="/app")
    pointer = answer["results"][0][-1]
    assert answer == {
        "queryLanguage": "CWLI",
        "status": "Complete",
        "results": [[{"field": "n", "value": "2"}, pointer]],
        "statistics": {
            "recordsMatched": 1.0,
            "recordsScanned": 3.0,
            "estimatedRecordsSkipped": 0.0,
            "bytesScanned": 19.0,
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": 1.0,
            "resultCount": 1.0,
        },
    }
    assert pointer["field"] == "@ptr"
    record = await operations.get_log_record(context, log_record_pointer=pointer["value"])
    assert record["logRecord"]["n"] == "2"


@pytest.mark.parametrize(
    ("query", "since_s", "scanned"),
    [
        ("stats count(*)", 3_600, (4, 2 + 6 + 3 + 1)),
        ("stats count(*)", 70, (3, 6 + 3 + 1)),
        ("filter @message like /b/", 30, (2, 3 + 1)),
        # The same time before counts as well.
        ("diff", 30, (3, 6 + 3 + 1)),
    ],
    ids=["whole streams", "a part", "filtered", "compared"],
)
async def test_statistics_are_of_the_events_of_the_range(operations, context, query, since_s, scanned):
    await operations.create_log_group(context, log_group_name="/app")
    for stream, events in {"long": [(90, "xx"), (50, "äöü"), (20, "abc")], "short": [(10, "x")]}.items():
        place = {"log_group_name": "/app", "log_stream_name": stream}
        await operations.create_log_stream(context, **place)
        put = [{"timestamp": NOW_MS - age_s * 1_000, "message": message} for age_s, message in events]
        await operations.put_log_events(context, **place, log_events=put)
    _, answer = await run(operations, context, query, log_group_name="/app", start_time=NOW_S - since_s)
    found = answer["statistics"]
    assert (answer["status"], found["recordsScanned"], found["bytesScanned"]) == ("Complete", *scanned)


async def test_a_stream_is_gone_from_queries_with_its_deletion(operations, context, put):
    await put("/app", ["one", "two"], stream="gone")
    found = []
    for _ in range(2):
        _, answer = await run(operations, context, "fields @message", log_group_name="/app")
        found.append([[pair["field"] for pair in row] for row in answer["results"]])
        if len(found) == 1:
            await operations.delete_log_stream(context, log_group_name="/app", log_stream_name="gone")
    assert found == [[["@message", "@ptr"]] * 2, []]


async def test_several_groups_are_told_apart(operations, context, put):
    await put("/a", ["one"], stream="x")
    await put("/b", ["two", "three"], stream="y")
    arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/b"
    query = "stats count(*) as c by @log, @logStream | sort c"
    query_id, answer = await run(operations, context, query, log_group_identifiers=["/a", arn])
    rows = [[pair["value"] for pair in row] for row in answer["results"]]
    assert rows == [[f"{context.account_id}:/a", "x", "1"], [f"{context.account_id}:/b", "y", "2"]]
    groups = await operations.list_log_groups_for_query(context, query_id=query_id)
    assert groups == {"logGroupIdentifiers": [arn.replace("/b", "/a"), arn]}
    pointer = (await run(operations, context, "limit 1", log_group_names=["/a", "/b"]))[1]["results"][0][-1]
    assert parse_pointer(pointer["value"]).group == "/b"


async def test_the_range_has_both_its_ends(operations, context, put):
    await put("/app", [str(n) for n in range(1_002)])
    second = {"start_time": NOW_S - 1, "end_time": NOW_S - 1}
    _, answer = await run(operations, context, "stats count(*)", log_group_name="/app", **second)
    assert answer["results"] == [[{"field": "count(*)", "value": "1000"}]]
    assert answer["statistics"]["recordsMatched"] == 1_000


async def test_deleted_streams_and_expired_events_are_gone(operations, context, put):
    await put("/app", ["x", "y"])
    await operations.delete_log_stream(context, log_group_name="/app", log_stream_name="s1")
    _, answer = await run(operations, context, "stats count(*)", log_group_name="/app")
    assert answer["results"] == []
    await put("/old", ["x"])
    await operations.put_retention_policy(context, log_group_name="/old", retention_in_days=1)
    week = {"start_time": NOW_S - 7 * 86_400, "end_time": NOW_S - 2 * 86_400}
    query = operations.start_query(context, query_string="fields a", log_group_name="/old", **week)
    assert (await refusal(query))[0] == "MalformedQueryException"


async def test_results_come_in_pages(operations, context, put):
    await put("/app", [str(n) for n in range(1_900)])
    query_id, whole = await run(operations, context, "fields @message | sort @message", log_group_name="/app")
    pages, token = [], {}
    while True:
        page = await operations.get_query_results(context, query_id=query_id, max_items=999, **token)
        pages += page["results"]
        if "nextToken" not in page:
            break
        token = {"next_token": page["nextToken"]}
    assert pages == whole["results"]
    assert [row[0]["value"] for row in pages] == [str(n) for n in range(1_900)]


@pytest.mark.parametrize(
    ("members", "query", "rows"), [({}, "limit 7", 7), ({"limit": 5}, "limit 7", 7), ({"limit": 5}, "fields a", 5)]
)
async def test_the_limit_of_the_query_wins(operations, context, put, members, query, rows):
    await put("/app", ["x"] * 20)
    _, answer = await run(operations, context, query, log_group_name="/app", **members)
    assert (len(answer["results"]), answer["statistics"]["recordsMatched"]) == (rows, 20)


@pytest.mark.parametrize(
    ("query", "rows", "matched"),
    [
        ("filter @message < 5 | limit 7", 5, 5),
        ("filter @message < 5 | sort @message | limit 5", 5, 5),
        ("filter @message < 15 | limit 7", 7, 15),
        ("filter @message < 15 | limit 9 | limit 12", 9, 15),
        ("filter @message < 15 | limit 9 | filter @message > 12", 2, 15),
        ("filter @message < 15 | dedup @logStream", 1, 15),
        ("filter @message < 15 | stats count(*) by @logStream", 1, 15),
    ],
)
async def test_what_matched_is_what_passed_the_filters_at_first(operations, context, put, query, rows, matched):
    await put("/app", [str(n) for n in range(20)])
    _, answer = await run(operations, context, query, log_group_name="/app")
    assert (len(answer["results"]), answer["statistics"]["recordsMatched"]) == (rows, matched)


async def test_rows_that_ppl_drops_as_doubles_have_matched(operations, context, put):
    await put("/app", [str(n) for n in range(20)])
    query = "source = `/app` | where @message < 15 | dedup 2 @logStream"
    _, answer = await run(operations, context, query, query_language="PPL")
    assert (len(answer["results"]), answer["statistics"]["recordsMatched"]) == (2, 15)


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({}, "InvalidParameterException", "Exactly one of logGroupName"),
        ({"log_group_name": "/app", "log_group_names": ["/app"]}, "InvalidParameterException", "Exactly one of"),
        ({"log_group_names": [f"g{n}" for n in range(51)]}, "InvalidParameterException", "up to 50 log groups"),
        ({"log_group_name": "/none"}, "ResourceNotFoundException", "Log group '/none' does not exist for account ID"),
        ({"log_group_name": "/app", "start_time": NOW_S + 1}, "InvalidParameterException", "after its end time"),
        ({"log_group_name": "/app", "query_string": "fieldz a"}, "MalformedQueryException", "did you mean fields?"),
    ],
)
async def test_what_cannot_be_run_is_refused_at_once(operations, context, put, members, code, said):
    await put("/app", ["x"])
    found = await refusal(operations.start_query(context, **{"query_string": "fields a", **RANGE, **members}))
    assert found[0] == code
    assert said in found[1]


async def test_queries_are_listed_the_newest_first(operations, context, put, clock):
    await put("/app", ["x"])
    first, _ = await run(operations, context, "fields a", log_group_name="/app")
    clock.now_ms += 1
    later = type(context)(
        **{name: getattr(context, name) for name in context.__struct_fields__} | {"received_ms": clock.now_ms}
    )
    second, _ = await run(operations, later, "fields b", log_group_name="/app")
    page = await operations.describe_queries(context, max_results=1)
    rest = await operations.describe_queries(context, max_results=1, next_token=page["nextToken"])
    assert [page["queries"][0]["queryId"], rest["queries"][0]["queryId"]] == [second, first]
    assert rest["queries"][0] == {
        "queryLanguage": "CWLI",
        "queryId": first,
        "queryString": f'SOURCE "/app" START={NOW_S - 3_600}000 END={NOW_S}999 | fields a',
        "status": "Complete",
        "createTime": NOW_MS,
        "logGroupName": "/app",
        "queryDuration": 0,
        "bytesScanned": 1.0,
        "userIdentity": context.principal.arn,
    }
    assert "nextToken" not in rest
    for members in ({"status": "Failed"}, {"log_group_name": "/other"}, {"query_language": "PPL"}):
        assert await operations.describe_queries(context, **members) == {"queries": []}


async def test_results_are_kept_for_seven_days_for_their_account(operations, context, make_context, put, clock):
    await put("/app", ["x"])
    query_id, _ = await run(operations, context, "fields a", log_group_name="/app")
    assert (await refusal(operations.get_query_results(make_context(), query_id=query_id)))[
        0
    ] == "ResourceNotFoundException"
    assert (await refusal(operations.stop_query(make_context(), query_id=query_id)))[0] == "ResourceNotFoundException"
    clock.now_ms += 7 * 86_400_000 + 1
    assert (await refusal(operations.get_query_results(context, query_id=query_id)))[0] == "ResourceNotFoundException"
    assert await operations.describe_queries(context) == {"queries": []}


@pytest.fixture
def room_with(event_database, sql_database, clock):
    def make(**limits) -> LogsOperations:
        return LogsOperations(make_room(event_database, sql_database, clock, 1_000_000, QueryLimits(**limits)))

    return make


async def test_a_stopped_query_ends_in_the_engine(operations, context, put, event_database):
    await put("/app", [json.dumps({"n": n}) for n in range(8_000)])
    queries = operations._room.queries
    heavy = (
        "fields @message"
        + "".join(f" | parse @message /(?<x{n}>.)/ as y{n} multi" for n in range(9))
        + " | stats count(*) by y1"
    )
    started = await operations.start_query(context, query_string=heavy, log_group_name="/app", **RANGE)
    query_id = started["queryId"]
    while (await operations.get_query_results(context, query_id=query_id))["status"] == "Scheduled":
        pass
    assert await operations.stop_query(context, query_id=query_id) == {"success": True}
    await queries.finished(query_id)
    assert (await operations.get_query_results(context, query_id=query_id))["status"] == "Cancelled"
    running = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = {id:String}"
    left = await event_database.run("read", lambda client: client.query(running, {"id": query_id}).result_rows)
    assert left == [(0,)]
    assert (await refusal(operations.stop_query(context, query_id=query_id)))[0] == "InvalidParameterException"


LETTERS = "parse @message /(?<x>.)/ multi"
EXPLODED = f"{LETTERS} | parse @message /(?<y>.)/ multi"


@pytest.mark.parametrize(
    ("limits", "query", "status"),
    [
        (
            {"memory_bytes": 50_000_000},
            f"{EXPLODED} | stats count(*) by x, y, sha256(concat(x, y, @message))",
            "Failed",
        ),
        ({"result_bytes": 100_000}, "fields @message", "Failed"),
        ({"time_s": 1}, f"{LETTERS} | filter {'sha256(' * 40}x{')' * 40} = 1", "Timeout"),
    ],
    ids=["memory", "result", "time"],
)
async def test_no_query_goes_beyond_its_limits(context, put, room_with, limits, query, status):
    await put("/app", [json.dumps({"n": n, "text": "x" * 80}) for n in range(8_000)])
    _, answer = await run(room_with(**limits), context, query, log_group_name="/app", end_time=NOW_S + 10)
    assert (answer["status"], answer["results"]) == (status, [])


async def test_one_query_too_many_is_refused(context, put, room_with):
    await put("/app", ["x"])
    call = room_with(active=0).start_query(context, query_string="fields a", log_group_name="/app", **RANGE)
    assert (await refusal(call))[0] == "LimitExceededException"


def test_every_group_of_a_query_is_authorized(context):
    groups = "arn:aws:logs:us-east-1:" + context.account_id + ":log-group:"
    for members in ({"logGroupNames": ["/a", "/b"]}, {"logGroupIdentifiers": ["/a", groups + "/b"]}):
        checks = logs_access("StartQuery", members, context)
        expected = [("logs:StartQuery", f"{groups}{name}:log-stream:") for name in ("/a", "/b")]
        assert [(check.action, check.resource) for check in checks] == expected
    assert [check.resource for check in logs_access("StartQuery", {"logGroupName": "/a"}, context)] == [
        f"{groups}/a:log-stream:"
    ]
    assert [check.resource for check in logs_access("StartQuery", {}, context)] == ["*"]
    assert [check.resource for check in logs_access("DescribeQueries", {"logGroupName": "/a"}, context)] == ["*"]
