"""Lookup tables: create, update, get, describe, delete, and queries over them."""

import pytest
from tests.refusals import refusal

BODY = "id,team\na,red\nb,blue\n"


@pytest.fixture
def make(operations, context):
    async def make(name="users", body=BODY, **members) -> str:
        made = await operations.create_lookup_table(context, lookup_table_name=name, table_body=body, **members)
        return str(made["lookupTableArn"])

    return make


@pytest.fixture
def run(operations, context, clock):
    async def run(query, messages=('{"user":"a"}',)):
        place = {"log_group_name": "/app", "log_stream_name": "s"}
        now_s = clock.now_ms // 1_000
        await operations.create_log_group(context, log_group_name="/app")
        await operations.create_log_stream(context, **place)
        events = [{"timestamp": clock.now_ms - 1_000, "message": message} for message in messages]
        await operations.put_log_events(context, **place, log_events=events)
        return await ask(operations, context, query, now_s)

    return run


async def ask(operations, context, query, now_s):
    started = await operations.start_query(
        context, query_string=query, start_time=now_s - 60, end_time=now_s, log_group_name="/app"
    )
    await operations._room.queries.finished(started["queryId"])
    return started["queryId"], await operations.get_query_results(context, query_id=started["queryId"])


async def test_a_table_is_told_as_it_was_made(operations, context, clock, make):
    arn = await make(description="who is who")
    told = {
        "lookupTableArn": f"arn:aws:logs:us-east-1:{context.account_id}:lookup-table:users",
        "lookupTableName": "users",
        "description": "who is who",
        "sizeBytes": 21,
        "lastUpdatedTime": clock.now_ms,
    }
    assert await operations.get_lookup_table(context, lookup_table_arn=arn) == told | {"tableBody": BODY}
    described = await operations.describe_lookup_tables(context)
    assert described == {"lookupTables": [told | {"tableFields": ["id", "team"], "recordsCount": 2}]}


async def test_an_update_replaces_everything(operations, context, clock, make):
    arn = await make(description="old")
    changed = await operations.update_lookup_table(context, lookup_table_arn=arn, table_body="x\n1\n2\n\n")
    assert changed == {"lookupTableArn": arn, "lastUpdatedTime": clock.now_ms}
    (table,) = (await operations.describe_lookup_tables(context))["lookupTables"]
    assert (table["tableFields"], table["recordsCount"], table.get("description")) == (["x"], 2, None)


async def test_tables_are_listed_by_name_in_pages_and_by_prefix(operations, context, make_context, make):
    for name in ("b_1", "a", "b_2", "B"):
        await make(name)
    found, token = [], None
    while token or not found:
        page = await operations.describe_lookup_tables(context, max_results=2, next_token=token)
        found.append([table["lookupTableName"] for table in page["lookupTables"]])
        token = page.get("nextToken")
    assert found == [["B", "a"], ["b_1", "b_2"]]
    prefixed = await operations.describe_lookup_tables(context, lookup_table_name_prefix="b_")
    assert [table["lookupTableName"] for table in prefixed["lookupTables"]] == ["b_1", "b_2"]
    assert await operations.describe_lookup_tables(make_context()) == {"lookupTables": []}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("\n", "The first line of a lookup table has the names of its columns."),
        ("a,,b\n", "Every column of a lookup table has a name."),
        ("a,b,a\n", "The column a is there more than once."),
        ("a,b\n1,2\n1,2,3\n", "Line 3 has 3 values for 2 columns."),
        ('a,b\n1,"2\n', "Line 2 is not CSV"),
        ('a\n"b"c\n', "Line 2 is not CSV"),
        ("a\n" + "é" * (5 << 20), "The lookup table is larger than 10 MB."),
        (",".join(f"c{n}" for n in range(1_001)), "A lookup table has at most 1000 columns."),
    ],
)  # fmt: skip
async def test_what_is_no_table_is_refused(make, body, said):
    code, message = await refusal(make(body=body))
    assert (code, message[: len(said)]) == ("InvalidParameterException", said)


async def test_names_and_their_number_are_limited(operations, context, make):
    arn = await make("t0")
    assert (await refusal(make("t0")))[0] == "ResourceAlreadyExistsException"
    for number in range(1, 100):
        await make(f"t{number}", body="a")
    assert (await refusal(make("t100")))[0] == "LimitExceededException"
    await operations.delete_lookup_table(context, lookup_table_arn=arn)
    await make("t100")


async def test_tables_that_there_are_not(operations, context, make_context, make):
    arn = await make()
    for name in ("get_lookup_table", "delete_lookup_table"):
        call = getattr(operations, name)
        assert (await refusal(call(make_context(), lookup_table_arn=arn)))[0] == "ResourceNotFoundException"
        assert (await refusal(call(context, lookup_table_arn=f"{arn}x")))[0] == "ResourceNotFoundException"
        assert (await refusal(call(context, lookup_table_arn="users")))[0] == "InvalidParameterException"
    gone = operations.update_lookup_table(context, lookup_table_arn=f"{arn}x", table_body=BODY)
    assert (await refusal(gone))[0] == "ResourceNotFoundException"


async def test_the_rows_of_a_query_become_a_table(operations, context, make, run):
    query_id, _ = await run("fields user, 'x, \"y\"' as note | sort user", ['{"user":"a"}', '{"n":1}'])
    made = await operations.create_lookup_table(context, lookup_table_name="seen", query_id=query_id)
    found = await operations.get_lookup_table(context, lookup_table_arn=made["lookupTableArn"])
    assert found["tableBody"] == 'note,user\n"x, ""y""",\n"x, ""y""",a\n'
    said = "Exactly one of tableBody and queryId must be specified."
    both = operations.create_lookup_table(context, lookup_table_name="x", query_id=query_id, table_body=BODY)
    assert await refusal(both) == ("InvalidParameterException", said)
    neither = operations.create_lookup_table(context, lookup_table_name="x")
    assert await refusal(neither) == ("InvalidParameterException", said)


async def test_a_query_puts_columns_of_a_table_beside_its_rows(operations, context, make, run, event_database):
    await make()
    messages = ['{"user":"a"}', '{"user":"b"}', '{"user":"c"}']
    query = "lookup users id as user OUTPUT team | stats count(*) as n by team | sort team | display team, n"
    _, answer = await run(query, messages)
    rows = [[pair["value"] for pair in row] for row in answer["results"]]
    assert (answer["status"], rows) == ("Complete", [["1"], ["blue", "1"], ["red", "1"]])
    left = event_database.run_now(lambda client: client.query("SHOW TABLES LIKE 'query_list_%lookup%'").result_rows)
    assert left == []


async def test_a_query_over_a_deleted_table_is_refused(operations, context, clock, make, run):
    arn = await make()
    await run("lookup users id as user OUTPUT team")
    await operations.delete_lookup_table(context, lookup_table_arn=arn)
    again = ask(operations, context, "lookup users id as user OUTPUT team", clock.now_ms // 1_000)
    code, message = await refusal(again)
    assert (code, message.partition(" (")[0]) == (
        "MalformedQueryException",
        "there is no lookup table called users",
    )
