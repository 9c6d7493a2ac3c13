"""What columns of fields say is what the messages say, whichever a query reads."""

import asyncio
import json
import string

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.conftest import EventGroup

from groundwatch.logs.insights.compile import Group, Source, compile_query
from groundwatch.logs.insights.discovery import StoredFields
from groundwatch.logs.insights.engine import QueryEngine
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.shredding.columns import FieldColumn, add_columns
from groundwatch.logs.shredding.rewriting import rewriting
from groundwatch.storage.event_schema import WEEK_MS

END_MS = 2**43
START_MS = 3_000 * WEEK_MS
COLUMNS = (
    FieldColumn(1, ("level",), "word"),
    FieldColumn(2, ("level",), "integer"),
    FieldColumn(3, ("ms",), "double"),
    FieldColumn(4, ("ms",), "integer"),
    FieldColumn(5, ("user", "id"), "integer"),
    FieldColumn(6, ("user", "name"), "text"),
    FieldColumn(7, ("user", "address", "zip"), "text"),
    FieldColumn(8, ("ok",), "boolean"),
    FieldColumn(9, ("id",), "integer"),
    FieldColumn(10, ("s",), "text"),
    FieldColumn(11, ("dollar$ and space",), "word"),
    FieldColumn(12, ("action",), "word"),
    FieldColumn(13, ("bytes",), "integer"),
    FieldColumn(14, ("protocol",), "word"),
    FieldColumn(15, ("rate",), "double"),
)
COUNTS = "filter id = 5 | stats count(*) by level | display `count(*)`"
NAMES = ["level", "ms", "ok", "id", "s", "user.id", "user.name", "user.address.zip", "`dollar$ and space`"]
NAMES += ["action", "bytes", "protocol"]
QUERIES = (
    f"fields {', '.join(NAMES)}",
    "fields " + ", ".join(f"{name} * 2 as n{at}, ispresent({name}) as p{at}" for at, name in enumerate(NAMES)),
    "filter id = 5 or level = 'ERROR' or user.id > 3 or ms < 2 | display id, level, user.id, ms",
    # The last digits of a sum of any numbers depend on the order in which they are added.
    "stats count(*) as c, count_distinct(user.id) as u, max(ms) as m, max(level) as l by id | sort id, c, u, m, l",
    "stats count(*) as c, count_distinct(id) as i by level, ok | sort level, ok, c, i",
    "stats count(*) as c, sum(user.id) as s by id, user.id | sort id, user.id",
    "stats count(*) as c, sum(bytes) as b by action, bytes | sort action, bytes",
    "stats count(*) as c by id, bin(1w) as w | sort w desc, id desc",
    "stats count(id), count_distinct(id), pct(ms, 50), sum(ms), min(s), max(user.name)",
    "filter level = 'ERROR' | stats count(*) as c, sum(id) as i by ok, bin(1w) as w | sort ok, w",
    "filter id = 5 | stats count(*) as c, max(s) as s, max(ms) as m by user.id, ok | sort user.id, ok, c",
    "stats max(rate) as a, min(rate) as b, max(ms) as c, min(ms) as d, max(ok) as e by level | sort level",
    "stats count(rate) as a, count_distinct(rate) as b, count(ms) as c, count_distinct(ms) as d, count(ok) as e",
    "filter rate > 0.5 or rate <= -0.25 or ms >= 2 or ok >= 1 | display rate, ms, ok",
    "filter rate != 0 and not ispresent(ms) | sort rate desc, id asc | display rate, id",
    "fields rate > ms as x, rate = 0.0 as y, ms != ok as z, rate < '1' as v, rate >= 'a' as w | sort rate, ms, ok",
    "stats count(*) as c by rate | sort rate asc",
    "filter id >= 5 and id != 6 and user.id < 7 or ms > 1 or 0 = id or id = 5.0 | display id, user.id, ms",
    "filter level like /E/ or s like '1' or user.address.zip in ['1', 2] | sort id desc, s asc | display id, s, level",
    "fields `user.id`, level.x, user, ms.0, jsonParse(@message) as j | display user.id, level.x, user, ms.0, j.level",
)
MESSAGES = (
    '{"level":"INFO","ms":1.5,"user":{"id":5,"name":"Ann","address":{"zip":"01234"}},"ok":true,"id":5,"s":"x"}',
    '{"level":"ERROR","ms":2,"user":{"id":-7,"name":""},"ok":false,"id":6}',
    '{ "level" : "200" ,\n\t"ms" : 1.0 , "user" : { "id" : 0 } }',
    '{"ms":1e3,"id":9223372036854775807}',
    '{"ms":-0.0,"id":-0}',
    '{"ms":1e-7,"id":9223372036854775808}',
    '{"ms":123456789.125,"id":123456789012345678901234567890}',
    '{"ms":0.1,"id":9007199254740993}',
    '{"level":5,"ms":"12","id":"5","s":5,"ok":"true","user":{"id":"5","name":7}}',
    '{"level":null,"ms":null,"user":null,"ok":null,"id":null,"s":null}',
    '{"level":{"x":1},"ms":[1,2],"user":[5,6],"ok":[],"id":{},"s":[{"a":1}]}',
    '{"user":{"id":[1],"name":{"a":1},"address":["x"]}}',
    '{"user":{"id":{"id":1},"address":{"zip":{"a":1}}}}',
    '{"user":5,"level":true,"ms":true,"id":true}',
    '{"id":1,"id":2,"user":{"id":1},"user":{"id":2,"name":"b"}}',
    '{"user":{"id":1,"id":"x"},"level":"a","level":"b"}',
    '{"user.id":7,"user.name":"dotted","user.address.zip":"z"}',
    '{"user.id":7,"user":{"id":null,"name":"n"}}',
    '{"user.id":7,"user":{"name":"n"}}',
    '{"user.id":7,"user":{"id":{}}}',
    '{"user.id":7,"user":5}',
    '{"user":{"address.zip":"q"},"user.address":{"zip":"r"}}',
    '{"s":"2026-01-02","level":"2026-01-02T03:04:05Z"}',
    '{"s":"2026-01-02 03:04:05.678","level":"12:30"}',
    '{"s":"~tilde","level":"~"}',
    '{"s":"\\u00e9\\"\\\\ \\ud83d\\ude00","level":"\\u0041"}',
    '{"\\u0073":"escaped name","le\\u0076el":"x"}',
    '{"us\\u0065r":[9],"\\u0075ser":{"id":3}}',
    '{"s":"\\ud800"}',
    '{"s":"quote\\":\\"colon","level":"\\":"}',
    '{"a":[":",":"],"s":":"}',
    '{"a":["x",":"],":":1,"s":"y"}',
    '{"s":"1e5","level":"1.50","id":"007"}',
    '{"s":"nan","level":"inf","ms":"Infinity"}',
    '{"s":"","level":" 5","ms":5.0}',
    '{"dollar$ and space":"$","id":12}',
    '{"rate":-0.0,"id":1}',
    '{"rate":0.0,"id":2,"ms":0}',
    '{"rate":0.25,"ok":true,"ms":1}',
    '{"rate":-1.5,"ok":false,"ms":2}',
    '{"rate":1e-7}',
    '{"rate":null}',
    '{"rate":"0.5"}',
    '{"rate":12345678.5,"ms":3.5}',
    '{"action":"ACCEPT","bytes":6}',
    '{"action":"-","bytes":"6"}',
    '{"protocol":"TCP"}',
    '{"id":1e400}',
    '{"id":5}}',
    '{"id":5} x',
    ' {"id":5} ',
    '\ufeff{"id":5}',
    '[{"id":5},5]',
    '["a","b"]',
    '"text"',
    "5",
    "plain text with id=5",
    "{broken",
    "",
    "2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 5 6 ACCEPT OK",
    "1.0 2026-01-02T03:04:05.678Z Z123412341234 example.com A NOERROR UDP FRA6 10.0.0.1 10.0.0.0/24",
    '{"s":"tab\\tand\\u0000zero","level":"\\n"}',
    '{"id":5,"deep":{"a":{"b":{"c":{"d":1}}}}}',
)


def answers(group, stored: StoredFields, queries=QUERIES) -> list:
    found = []
    for query in queries:
        source = Source("111122223333", [Group(group.number, "g")], Window(0, END_MS, END_MS), (), {}, stored=stored)
        compiled = compile_query(query, source)
        found.append(group.rows(compiled.sql, compiled.parameters))
    return found


def shredded_rows(group) -> tuple[int, int]:
    """Return how many events the columns tell, and how many they do not."""
    sql = "SELECT countIf(shredded > 0), countIf(shredded < 0) FROM events WHERE group_id = {group:UInt64}"
    return group.rows(sql, {"group": group.number})[0]


def shred(group) -> None:
    shred_partition(group.database, str(START_MS // WEEK_MS))


def shred_partition(database, partition_id: str) -> None:
    statement = rewriting(COLUMNS, partition_id)

    def work(client) -> None:
        add_columns(client, COLUMNS)
        client.command(statement.sql, parameters=statement.parameters, settings={"mutations_sync": "1"})

    database.run_now(work)


def put(group, messages) -> None:
    group.put([{"timestamp": START_MS + at, "message": message} for at, message in enumerate(messages)])


def test_shredding_changes_no_answer(group):
    put(group, MESSAGES)
    before = answers(group, StoredFields())
    shred(group)
    assert answers(group, StoredFields(COLUMNS)) == before
    told, not_told = shredded_rows(group)
    # Most are ordinary enough, or the comparison would show nothing.
    assert told + not_told == len(MESSAGES)
    assert told > len(MESSAGES) / 2
    put(group, MESSAGES[:5])
    assert answers(group, StoredFields(COLUMNS)) == answers(group, StoredFields())


def test_where_columns_tell_all_the_messages_need_not_be_read(group, event_database):
    put(group, MESSAGES)
    shred(group)
    sql = "SELECT message FROM events WHERE group_id = {group:UInt64} AND shredded > 0 ORDER BY seq"
    plain = EventGroup(event_database)
    put(plain, [row[0] for row in group.rows(sql, {"group": group.number})])
    before = answers(plain, StoredFields())
    shred(plain)
    assert answers(plain, StoredFields(COLUMNS, complete=True)) == before


async def test_columns_are_read_alone_while_no_event_waits(operations, context, event_database, monkeypatch):
    looks, put_meanwhile = [], []
    real = QueryEngine.run

    async def run(engine, query_id, sql, *arguments, **members):
        if " AS out_0" not in sql:
            return await real(engine, query_id, sql, *arguments, **members)
        looks.append("throwIf" in sql)
        if put_meanwhile:
            await put(put_meanwhile.pop())
        return await real(engine, query_id, sql, *arguments, **members)

    async def put(event) -> None:
        await operations.put_log_events(context, **place, log_events=[event])

    async def answer() -> tuple:
        looks.clear()
        started = await operations.start_query(context, query_string=COUNTS, **members)
        await operations._room.queries.finished(started["queryId"])
        found = await operations.get_query_results(context, query_id=started["queryId"])
        return [row[0]["value"] for row in found["results"]], found["status"], looks

    now_ms = context.received_ms
    place = {"log_group_name": "/shredded", "log_stream_name": "s"}
    members = {"log_group_name": "/shredded", "start_time": now_ms // 1000 - 60, "end_time": now_ms // 1000}
    monkeypatch.setattr(QueryEngine, "run", run)
    queries = operations._room.queries
    beside = msgspec.structs.replace(queries._tools.beside, stored_fields=lambda: COLUMNS)
    monkeypatch.setattr(queries, "_tools", msgspec.structs.replace(queries._tools, beside=beside))
    event_database.run_now(lambda client: add_columns(client, COLUMNS))
    await operations.create_log_group(context, log_group_name="/shredded")
    await operations.create_log_stream(context, **place)
    event = {"timestamp": now_ms - 1_000, "message": '{"id":5,"level":"ERROR"}'}
    await put(event)
    assert await answer() == (["1"], "Complete", [True, False])
    partition_id = str(event["timestamp"] // WEEK_MS)
    await asyncio.to_thread(shred_partition, event_database, partition_id)
    assert await answer() == (["1"], "Complete", [True])
    # What has been looked at is not looked at again, until something comes in, before a query or beside it.
    assert await answer() == (["1"], "Complete", [False])
    put_meanwhile.append(event)
    assert await answer() == (["2"], "Complete", [False, True, False])
    assert await answer() == (["2"], "Complete", [True, False])


TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "5", "-1.50", "1e5", "true", "null", "2026-01-02", "12:30:00", "~", '"', '":"', "{", "é😀"]),
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-10, 10),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-10, 10, allow_nan=False).map(lambda number: round(number, 2)),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
MEMBER_NAMES = st.sampled_from(["level", "ms", "ok", "id", "s", "user", "name", "address", "zip", "user.id", "x", ":"])
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(MEMBER_NAMES, below, max_size=5)),
    max_leaves=10,
)


class Repeated(dict):
    """An object whose members may repeat a name."""

    def __init__(self, pairs) -> None:
        super().__init__({"": None})
        self._pairs = pairs

    def items(self):
        return self._pairs


OBJECTS = st.one_of(
    st.dictionaries(MEMBER_NAMES, VALUES, max_size=7),
    st.lists(st.tuples(MEMBER_NAMES, VALUES), max_size=5).map(Repeated),
    st.fixed_dictionaries(
        {},
        optional={
            "level": TEXTS,
            "ms": NUMBERS,
            "id": st.integers(-5, 5),
            "ok": st.booleans(),
            "user": st.fixed_dictionaries({"id": st.integers(), "name": TEXTS}),
        },
    ),
)
STYLES = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])
WRITTEN = st.one_of(
    st.builds(lambda document, style: json.dumps(document, **style), st.one_of(OBJECTS, OBJECTS, VALUES), STYLES),
    st.text(string.printable, max_size=30),
).filter(lambda message: message.isprintable() or message.isascii() or _is_text(message))


def _is_text(message: str) -> bool:
    return not any(0xD800 <= ord(character) < 0xE000 for character in message)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(WRITTEN, min_size=100, max_size=200))
def test_whatever_is_put_the_answers_are_the_same(event_database, messages):
    group = EventGroup(event_database)
    put(group, messages)
    before = answers(group, StoredFields(), QUERIES[:4])
    shred(group)
    assert answers(group, StoredFields(COLUMNS), QUERIES[:4]) == before
