"""Runs of queries: what they show meanwhile, how they end, and what they leave."""

import asyncio
import threading

import pytest
from sqlalchemy.exc import OperationalError
from tests.logs.conftest import make_room
from tests.refusals import refusal

from groundwatch.begun import Begun
from groundwatch.logs.insights import queries, side_tables
from groundwatch.logs.insights import run as runs
from groundwatch.logs.insights.engine import QueryEngine
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.insights.queries import QueryStore, moment_s
from groundwatch.logs.insights.run import part_sizes
from groundwatch.logs.insights.side_tables import PREFIX, SideTables, drop_left_tables
from groundwatch.logs.operations import LogsOperations
from groundwatch.logs.operations.room import tenant_of
from groundwatch.storage.errors import StorageError

NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1_000
RANGE = {"start_time": NOW_S - 3_600, "end_time": NOW_S}


@pytest.fixture
def put(operations, context):
    async def put(group: str, messages, *streams: str) -> None:
        await operations.create_log_group(context, log_group_name=group)
        for stream in streams or ("s1",):
            place = {"log_group_name": group, "log_stream_name": stream}
            await operations.create_log_stream(context, **place)
            events = [{"timestamp": NOW_MS - 10_000 + n, "message": message} for n, message in enumerate(messages)]
            await operations.put_log_events(context, **place, log_events=events)

    return put


class Gate:
    """Holds each query's main statement until it is opened."""

    def __init__(self, monkeypatch) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        real = QueryEngine.run

        async def run(engine, query_id, sql, parameters, **members):
            if " AS out_0" in sql and members.get("max_read_rows") is None:
                self.reached.set()
                await self.open.wait()
            return await real(engine, query_id, sql, parameters, **members)

        monkeypatch.setattr(QueryEngine, "run", run)


@pytest.fixture
def gate(monkeypatch) -> Gate:
    monkeypatch.setattr(runs, "FIRST_PART_EVENTS", 5)
    return Gate(monkeypatch)


@pytest.mark.parametrize(
    ("query", "first", "counts_itself"),
    [("fields @message | filter @message > 0", "399", True), ("stats max(@message), count(*)", "399", False)],
)
async def test_the_newest_part_is_shown_meanwhile(operations, context, put, gate, *, query, first, counts_itself):
    await put("/app", [str(n) for n in range(400)])
    started = await operations.start_query(context, query_string=query, log_group_name="/app", **RANGE)
    await gate.reached.wait()
    answer = await operations.get_query_results(context, query_id=started["queryId"])
    assert answer["status"] == "Running"
    assert answer["results"][0][0]["value"] == first
    assert "nextToken" not in answer
    statistics = answer["statistics"]
    assert 0 < statistics["recordsScanned"] < 400
    assert 0 < statistics["bytesScanned"] < 1_090
    assert statistics["logGroupsScanned"] == 1
    assert (statistics["recordsMatched"] > 0) is counts_itself
    gate.open.set()
    await operations._room.queries.finished(started["queryId"])
    whole = await operations.get_query_results(context, query_id=started["queryId"])
    assert (whole["status"], whole["statistics"]["recordsScanned"]) == ("Complete", 400)


async def test_a_stopped_query_keeps_what_was_shown(operations, context, put, gate):
    await put("/app", [str(n) for n in range(400)])
    members = {"query_string": "fields @message", "log_group_name": "/app", **RANGE}
    query_id = (await operations.start_query(context, **members))["queryId"]
    await gate.reached.wait()
    shown = await operations.get_query_results(context, query_id=query_id)
    stopping = asyncio.create_task(operations.stop_query(context, query_id=query_id))
    gate.open.set()
    assert await stopping == {"success": True}
    kept = await operations.get_query_results(context, query_id=query_id)
    assert (kept["status"], kept["results"]) == ("Cancelled", shown["results"])
    assert kept["results"]


async def test_a_small_query_of_a_large_store_does_not_wait_for_its_statistics(operations, put, monkeypatch, members):
    begun, counts = asyncio.Event(), asyncio.Event()
    real = QueryEngine.run

    async def run(engine, query_id, sql, parameters, **more):
        if " AS out_0" in sql:
            begun.set()
        elif "SELECT 1, count()" in sql:
            await counts.wait()
        return await real(engine, query_id, sql, parameters, **more)

    monkeypatch.setattr(runs, "FIRST_PART_EVENTS", 1)
    monkeypatch.setattr(QueryEngine, "run", run)
    await put("/large", [str(n) for n in range(100)])
    await put("/app", ["new"])
    old = [{"timestamp": NOW_MS - 60_000, "message": "old"}]
    place = {"log_group_name": "/app", "log_stream_name": "s1"}
    await operations.put_log_events(members["context"], **place, log_events=old)
    # The stream reaches beyond the range.
    started = await operations.start_query(**members | {"start_time": NOW_S - 30})
    await begun.wait()
    counts.set()
    await operations._room.queries.finished(started["queryId"])
    answer = await operations.get_query_results(members["context"], query_id=started["queryId"])
    assert (answer["status"], answer["statistics"]["recordsScanned"]) == ("Complete", 1)


@pytest.mark.parametrize(("passed_ms", "waited_s"), [(-9, 0.016), (0, 0.016), (6, 0.01), (15, 0.003), (9_000, 0.003)])
def test_a_first_answer_waits_for_the_end_as_long_as_it_may(passed_ms, waited_s):
    assert moment_s(passed_ms) == waited_s


async def test_whoever_asks_again_waits_longer(operations, context, put, gate, monkeypatch):
    waited = []

    async def happens(_event, within_s):
        waited.append(within_s)
        return False

    monkeypatch.setattr(queries, "happens", happens)
    await put("/app", [str(n) for n in range(400)])
    started = await operations.start_query(context, query_string="fields @message", log_group_name="/app", **RANGE)
    await gate.reached.wait()
    for _ in range(3):
        await operations.get_query_results(context, query_id=started["queryId"])
    assert waited[0] < waited[1] == waited[2] == 0.1
    gate.open.set()
    await operations._room.queries.finished(started["queryId"])


async def test_a_small_query_reads_nothing_twice():
    assert list(part_sizes(12_000_000)) == []
    assert list(part_sizes(110_000_000)) == [200_000, 1_600_000]


async def test_many_streams_do_not_make_a_statement_too_long(operations, context, put, monkeypatch, event_database):
    monkeypatch.setattr(runs, "MAX_LISTED", 1)
    await put("/many", ["x"], "a", "b", "c", "d")
    for stream in ("c", "d"):
        await operations.delete_log_stream(context, log_group_name="/many", log_stream_name=stream)
    members = {"query_string": "stats count(*) by @logStream | sort @logStream", "log_group_name": "/many", **RANGE}
    query_id = (await operations.start_query(context, **members))["queryId"]
    await operations._room.queries.finished(query_id)
    answer = await operations.get_query_results(context, query_id=query_id)
    assert [[pair["value"] for pair in row] for row in answer["results"]] == [["a", "1"], ["b", "1"]]
    assert await tables(event_database) == []


async def test_tables_that_cannot_be_dropped_are_told_of(event_database, monkeypatch, caplog):
    made = SideTables(event_database, "a-b")
    await made.numbers([1])

    def fail(*_):
        raise StorageError("the engine is away")

    with monkeypatch.context() as patched:
        patched.setattr(side_tables, "_drop", fail)
        await made.drop()
    assert f"{PREFIX}a_b_numbers may be left until the next start: the engine is away" in caplog.text
    await event_database.run("read", lambda client: client.command(f"DROP TABLE {PREFIX}a_b_numbers"))


async def tables(event_database):
    found = "SELECT name FROM system.tables WHERE startsWith(name, {prefix:String})"
    return await event_database.run("read", lambda client: client.query(found, {"prefix": PREFIX}).result_rows)


async def test_tables_that_a_crash_left_are_dropped_at_the_start(event_database):
    await event_database.run(
        "read", lambda client: client.command(f"CREATE TABLE {PREFIX}x (number UInt64) ENGINE = Set")
    )
    # The rule compares whole seconds, and the clock is the engine's.
    while await tables(event_database):
        await drop_left_tables(event_database)


@pytest.mark.parametrize(
    ("limits", "query", "rows"),
    [
        ({"rows": 5}, "fields @message", 5),
        ({"rows": 200_000}, "fields @message | limit 150000", 20),
    ],
    ids=["fewer", "more"],
)
async def test_rows_are_limited_as_it_is_set(event_database, sql_database, clock, context, put, *, limits, query, rows):
    await put("/app", ["x"] * 20)
    operations = LogsOperations(make_room(event_database, sql_database, clock, 1_000_000, QueryLimits(**limits)))
    started = await operations.start_query(context, query_string=query, log_group_name="/app", **RANGE)
    await operations._room.queries.finished(started["queryId"])
    answer = await operations.get_query_results(context, query_id=started["queryId"])
    assert len(answer["results"]) == rows


@pytest.fixture
def members(context):
    return {"context": context, "query_string": "fields @message", "log_group_name": "/app", **RANGE}


@pytest.fixture
def disk(sql_database):
    """Hold up what is written to the metadata from `hold()` to `go_on()`."""

    class Disk:
        def __init__(self) -> None:
            self._free = threading.Event()

        def hold(self) -> None:
            self._held = asyncio.create_task(sql_database.write(lambda _: self._free.wait()))

        async def go_on(self) -> None:
            self._free.set()
            await self._held

    held = Disk()
    yield held
    held._free.set()


async def test_the_engine_works_while_the_query_is_being_stored(operations, put, gate, disk, members):
    await put("/app", ["x"])
    disk.hold()
    starting = asyncio.create_task(operations.start_query(**members))
    await gate.reached.wait()
    assert not starting.done()
    await disk.go_on()
    gate.open.set()
    await operations._room.queries.finished((await starting)["queryId"])


async def test_a_query_goes_on_without_the_request_that_started_it(operations, context, put, gate, disk, members):
    await put("/app", ["x"])
    disk.hold()
    starting = asyncio.create_task(operations.start_query(**members))
    await gate.reached.wait()
    (query_id,) = operations._room.queries._tasks
    starting.cancel()
    await disk.go_on()
    gate.open.set()
    await operations._room.queries.finished(query_id)
    assert (await operations.get_query_results(context, query_id=query_id))["status"] == "Complete"


async def test_a_result_is_told_before_it_is_synced(operations, put, gate, sql_database, monkeypatch, members):
    synced = asyncio.Event()
    monkeypatch.setattr(sql_database, "sync", synced.wait)
    await put("/app", ["x", "y"])
    asked = {"context": members["context"], "query_id": (await operations.start_query(**members))["queryId"]}
    gate.open.set()
    while (first := await operations.get_query_results(**asked, max_items=1))["status"] != "Complete":
        pass
    second = await operations.get_query_results(**asked, next_token=first["nextToken"])
    assert [row[0]["value"] for page in (first, second) for row in page["results"]] == ["y", "x"]
    assert (await refusal(operations.stop_query(**asked)))[0] == "InvalidParameterException"
    # Whatever looks into the database finds it there, also after a crash of the process.
    after = QueryStore(sql_database, lambda: NOW_MS)
    await after.give_up_all()
    assert [query.status for query in await page(after, members["context"])] == ["Complete"]
    assert await after.rows(asked["query_id"], 0, 9) == [
        [(pair["field"], pair["value"]) for pair in row] for answer in (first, second) for row in answer["results"]
    ]
    synced.set()
    await operations._room.queries.finished(asked["query_id"])
    assert await operations.get_query_results(**asked, max_items=1) == first


async def page(store: QueryStore, context):
    return await store.page(tenant_of(context), before=None, limit=10, status=None, group=None)


async def test_what_a_crash_left_running_has_failed(operations, put, gate, sql_database, members):
    await put("/app", ["x"])
    query_id = (await operations.start_query(**members))["queryId"]
    await gate.reached.wait()
    after = QueryStore(sql_database, lambda: NOW_MS)
    await after.give_up_all()
    found = await after.find(tenant_of(members["context"]), query_id)
    assert (found.status, await after.rows(query_id, 0, 10)) == ("Failed", [])
    gate.open.set()
    await operations._room.queries.finished(query_id)
    assert (await after.find(tenant_of(members["context"]), query_id)).status == "Failed"


@pytest.mark.parametrize(
    "error", [OperationalError("INSERT", {}, OSError("no space left on device")), TypeError("not encodable")], ids=type
)
async def test_a_result_that_cannot_be_stored_has_failed(operations, put, gate, monkeypatch, members, error):
    async def fail(*_):
        raise error

    await put("/app", ["x"])
    query_id = (await operations.start_query(**members))["queryId"]
    monkeypatch.setattr(QueryStore, "_write_end", fail)
    gate.open.set()
    await operations._room.queries.finished(query_id)
    answer = await operations.get_query_results(members["context"], query_id=query_id)
    assert (answer["status"], answer["results"]) == ("Failed", [])


async def test_the_server_stops_its_queries_also_where_it_cannot_say_so(operations, put, gate, monkeypatch, members):
    async def fail(*_):
        raise OperationalError("UPDATE", {}, OSError("no space left on device"))

    await put("/app", ["x"])
    for _ in range(2):
        await operations.start_query(**members)
    await gate.reached.wait()
    monkeypatch.setattr(QueryStore, "_write_end", fail)
    gate.open.set()
    await operations._room.queries.stop()
    assert operations._room.queries._tasks == {}


async def test_a_query_that_fails_in_an_unforeseen_way_has_failed(operations, put, monkeypatch, caplog, members):
    def fail(*_):
        raise KeyError("a stream")

    monkeypatch.setattr(runs, "result_rows", fail)
    await put("/app", ["x"])
    query_id = (await operations.start_query(**members))["queryId"]
    await operations._room.queries.finished(query_id)
    answer = await operations.get_query_results(members["context"], query_id=query_id)
    assert (answer["status"], answer["results"]) == ("Failed", [])
    assert "KeyError: 'a stream'" in caplog.text


async def test_a_refused_query_leaves_its_place(event_database, sql_database, clock, put, members):
    await put("/app", ["x"])
    room = make_room(event_database, sql_database, clock, 1_000_000, QueryLimits(active=0, parallel=1))
    for _ in range(3):
        assert (await refusal(LogsOperations(room).start_query(**members)))[0] == "LimitExceededException"
        # The next one would wait for ever for a place that is not freed.
        assert not room.queries._places.locked()


@pytest.fixture(params=[True, False], ids=["alone", "among nodes"])
def limited(request, event_database, sql_database, clock, monkeypatch) -> LogsOperations:
    limits = QueryLimits(active=2, active_other=1, parallel=1)
    room = make_room(event_database, sql_database, clock, 1_000_000, limits)
    monkeypatch.setattr(room.query_store, "_alone", request.param)
    return LogsOperations(room)


async def test_queries_that_wait_or_run_count(limited, put, gate, members):
    await put("/app", ["x"])
    other = members | {"query_string": "fields `@message`", "query_language": "PPL"}
    sql = members | {"query_string": "SELECT `@message` FROM `/app`", "query_language": "SQL", "log_group_name": None}
    started = [await limited.start_query(**one) for one in (members, members, other)]
    for one in (members, sql):
        assert (await refusal(limited.start_query(**one)))[0] == "LimitExceededException"
    gate.open.set()
    for one in started:
        await limited._room.queries.finished(one["queryId"])
        answer = await limited.get_query_results(members["context"], query_id=one["queryId"])
        assert (answer["status"], answer["results"][0][0]["value"]) == ("Complete", "x")
    assert await limited.start_query(**sql)
    assert await limited.start_query(**members)


async def test_a_query_whose_begin_cannot_be_stored_has_failed(limited, put, gate, monkeypatch, members):
    async def fail(*_):
        raise OperationalError("UPDATE", {}, OSError("no space left on device"))

    await put("/app", ["x"])
    _, second = [(await limited.start_query(**members))["queryId"] for _ in range(2)]
    monkeypatch.setattr(QueryStore, "begin", fail)
    gate.open.set()
    await limited._room.queries.finished(second)
    assert (await limited.get_query_results(members["context"], query_id=second))["status"] == "Failed"


async def test_a_query_that_waits_for_its_turn_is_stopped_at_once(limited, put, gate, members):
    await put("/app", ["x"])
    first, second = [(await limited.start_query(**members))["queryId"] for _ in range(2)]
    await gate.reached.wait()
    async with asyncio.timeout(10):
        assert await limited.stop_query(members["context"], query_id=second) == {"success": True}
    statuses = [
        (await limited.get_query_results(members["context"], query_id=one))["status"] for one in (first, second)
    ]
    assert statuses == ["Running", "Cancelled"]
    gate.open.set()
    await limited._room.queries.finished(first)
    # Its place is free again, and no other was taken.
    assert not limited._room.queries._places.locked()


async def test_a_request_without_a_task_waits_for_a_query(operations, put, gate, members):
    await put("/app", ["x"])
    query_id = (await operations.start_query(**members))["queryId"]
    asked = operations.get_query_results(members["context"], query_id=query_id)
    begun: asyncio.Future[Begun] = asyncio.get_running_loop().create_future()
    # As the ports begin requests: on the loop alone.
    asyncio.get_running_loop().call_soon(lambda: begun.set_result(Begun(asked)))
    assert (await (await begun))["status"] == "Running"
    gate.open.set()
    await operations._room.queries.finished(query_id)
