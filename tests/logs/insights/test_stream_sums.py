"""Sums of streams that are remembered: the same as the engine's, and never those of before a write."""

from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.conftest import EventGroup

from groundwatch.logs.insights.compile import Group, Source, compile_query
from groundwatch.logs.insights.engine import QueryEngine
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.insights.run import STREAM_SUMS
from groundwatch.logs.insights.stream_sums import (
    CAPACITY,
    LIFE_MS,
    MOST_GROUPS,
    MOST_STREAMS,
    Counted,
    StreamSum,
    StreamSums,
)
from groundwatch.storage.errors import StorageError

NOW_MS = 1_790_000_000_000
RANGE = {"start_time": NOW_MS // 1_000 - 3_600, "end_time": NOW_MS // 1_000}


def batch(group: int) -> SimpleNamespace:
    return SimpleNamespace(group_id=group)


def stream(group: int, number: int = 1, events: int = 1, first_ms: int = 0, last_ms: int = 1) -> StreamSum:
    return StreamSum(group, number, events, 10, first_ms, last_ms)


def pass_by(clock, ms: int) -> None:
    clock.now_ms += ms


class Asked:
    """Answers for the engine, and keeps what it was asked."""

    def __init__(self, found=(), meanwhile=lambda: None) -> None:
        self.groups: list[list[int]] = []
        self._found, self._meanwhile = found, meanwhile

    async def __call__(self, groups):
        self.groups.append(list(groups))
        self._meanwhile()
        return [one for one in self._found if one.group in groups]


@pytest.mark.parametrize(
    ("happens", "asked"),
    [
        (lambda sums, clock: None, [[1, 2]]),
        (lambda sums, clock: sums.committed([batch(2), batch(3)]), [[1, 2], [2]]),
        (lambda sums, clock: sums.clear(), [[1, 2], [1, 2]]),
        (lambda sums, clock: pass_by(clock, LIFE_MS), [[1, 2], [1, 2]]),
        (lambda sums, clock: pass_by(clock, -1), [[1, 2], [1, 2]]),
    ],
    ids=["nothing", "write", "deletion", "age", "clock set back"],
)
async def test_the_engine_is_asked_again_for_what_has_changed(clock, happens, asked):
    sums, load = StreamSums(clock), Asked([stream(1), stream(2)])
    assert await sums.of_groups([1, 2], load) == [stream(1), stream(2)]
    happens(sums, clock)
    assert await sums.of_groups([1, 2], load) == [stream(1), stream(2)]
    assert load.groups == asked


@pytest.mark.parametrize("change", [lambda sums: sums.committed([batch(1)]), lambda sums: sums.clear()])
async def test_what_changes_while_the_engine_is_asked_is_not_remembered(clock, change):
    sums = StreamSums(clock)
    await sums.of_groups([1], Asked([stream(1)], meanwhile=lambda: change(sums)))
    after = Asked([stream(1, events=2)])
    assert await sums.of_groups([1], after) == [stream(1, events=2)]
    assert after.groups == [[1]]


LOOKED = Counted([1, 2], 10, 20, {1: 5}, frozenset(), 3)


@pytest.mark.parametrize(
    ("asked", "is_known"),
    [
        ({}, True),
        ({"groups": [2], "start_ms": 12, "end_ms": 19, "version": 2}, True),
        ({"groups": [1, 3]}, False),
        ({"start_ms": 9}, False),
        ({"start_ms": 5, "expired_before_ms": {1: 10, 2: 10}}, True),
        ({"end_ms": 21}, False),
        ({"version": 4}, False),
        ({"version": 0}, False),
    ],
)
def test_what_was_looked_at_is_known_for_what_lies_within(clock, asked, is_known):
    sums = StreamSums(clock)
    with sums.reading(LOOKED):
        pass
    assert sums.is_shredded(msgspec.structs.replace(LOOKED, **asked)) is is_known


CHANGES = pytest.mark.parametrize(
    "happens",
    [
        lambda sums, repairs: sums.beginning([batch(1)]),
        lambda sums, repairs: sums.committed([batch(2)]),
        lambda sums, repairs: sums.clear(),
        lambda sums, repairs: repairs.append(1),
    ],
    ids=["write begins", "write ends", "deletion", "repair"],
)


@CHANGES
@pytest.mark.parametrize("meanwhile", [True, False])
def test_what_was_looked_at_is_unknown_after_a_change(clock, happens, meanwhile):
    repairs: list[int] = []
    sums = StreamSums(clock, lambda: len(repairs))
    with sums.reading(LOOKED):
        if meanwhile:
            happens(sums, repairs)
    if not meanwhile:
        happens(sums, repairs)
    assert not sums.is_shredded(LOOKED)


@pytest.mark.parametrize(
    ("found", "asked", "is_whole"),
    [
        ([stream(1, first_ms=10, last_ms=20), stream(2, first_ms=10, last_ms=20)], {}, True),
        ([], {}, True),
        ([stream(1, first_ms=9, last_ms=20)], {}, False),
        ([stream(2, first_ms=10, last_ms=21)], {}, False),
        ([stream(2, 7, first_ms=1, last_ms=2)], {}, False),
        ([stream(2, 7, first_ms=1, last_ms=2)], {"deleted_streams": frozenset({7})}, True),
        ([stream(1, first_ms=12, last_ms=20)], {"expired_before_ms": {1: 12}}, True),
        ([stream(1, first_ms=11, last_ms=20)], {"expired_before_ms": {1: 12}}, False),
        ([], {"groups": [1, 2, 3]}, False),
    ],
)
async def test_a_range_is_whole_if_it_has_all_events(clock, found, asked, is_whole):
    sums = StreamSums(clock)
    counted = Counted([1, 2], 10, 20)
    assert not sums.is_whole(counted)
    await sums.of_groups([1, 2], Asked(found))
    assert sums.is_whole(msgspec.structs.replace(counted, **asked)) is is_whole


async def test_many_streams_are_never_known_to_be_whole(clock):
    sums = StreamSums(clock)
    await sums.of_groups([1], Asked([stream(1, number) for number in range(MOST_STREAMS + 1)]))
    assert not sums.is_whole(Counted([1], 0, 100))


@CHANGES
async def test_a_change_is_told_to_who_reads(clock, happens):
    repairs: list[int] = []
    sums = StreamSums(clock, lambda: len(repairs))
    await sums.of_groups([1, 2], Asked())
    with sums.reading(LOOKED) as still_known:
        assert still_known()
        assert sums.is_whole(LOOKED)
        happens(sums, repairs)
        assert not still_known()
    assert not sums.is_whole(LOOKED)


def test_nothing_is_known_while_events_are_written(clock):
    sums = StreamSums(clock)
    sums.beginning([batch(1)])
    with sums.reading(LOOKED):
        pass
    assert not sums.is_shredded(LOOKED)
    sums.committed([batch(1)])
    assert not sums.is_shredded(LOOKED)
    with sums.reading(LOOKED):
        pass
    assert sums.is_shredded(LOOKED)


def test_what_fails_to_be_looked_at_is_unknown(clock):
    sums = StreamSums(clock)
    with pytest.raises(StorageError), sums.reading(LOOKED):
        raise StorageError("an event waits")
    assert not sums.is_shredded(LOOKED)


async def test_many_streams_are_left_to_the_engine(clock):
    sums, load = StreamSums(clock), Asked([stream(1, number) for number in range(MOST_STREAMS + 1)])
    assert await sums.of_groups([1], load) is None
    sums.committed([batch(1)])
    assert await sums.of_groups([1], load) is None
    assert await sums.of_groups(list(range(MOST_GROUPS + 1)), load) is None
    assert load.groups == [[1]]


async def test_few_groups_are_remembered(clock):
    sums, load = StreamSums(clock), Asked()
    for group in range(CAPACITY + 1):
        await sums.of_groups([group], load)
    await sums.of_groups([CAPACITY], load)
    await sums.of_groups([0], load)
    assert load.groups[-2:] == [[CAPACITY], [0]]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    times=st.lists(st.lists(st.integers(10, 30), min_size=1, max_size=3), min_size=1, max_size=4),
    start_ms=st.integers(0, 35),
    range_ms=st.integers(0, 40),
    expired_before_ms=st.none() | st.integers(0, 35),
    deleted=st.sets(st.integers(0, 3)),
)
def test_sums_tell_what_the_engine_counts(event_database, times, start_ms, range_ms, expired_before_ms, deleted):
    group = EventGroup(event_database)
    group.put(
        {"timestamp": time, "message": "é" * number, "logStream": str(number)}
        for number, of_stream in enumerate(times)
        for time in of_stream
    )
    source = Source(
        "111122223333",
        [Group(group.number, "g", expired_before_ms)],
        Window(start_ms, start_ms + range_ms, 100),
        deleted_streams=[group.streams[str(number)] for number in deleted if number < len(times)],
    )
    compiled = compile_query("fields @message", source)
    asked = STREAM_SUMS.format(groups="{group_0:UInt64}")
    sums = [StreamSum(*row) for row in group.rows(asked, {"group_0": group.number})]
    counted = sorted(map(tuple, group.rows(compiled.scanned_sql, compiled.parameters)))
    assert compiled.counted is not None
    assert sorted(compiled.counted.rows(sums)) == counted


@pytest.mark.parametrize(
    ("query", "is_told"),
    [
        ("fields @message", True),
        ("stats count(*)", True),
        ("pattern @message | diff", False),
        ("fields @message | filter @message in (SOURCE logGroups() | fields @message)", False),
    ],
)
def test_only_one_range_is_counted_by_streams(query, is_told):
    counted = compile_query(query, Source("111122223333", [Group(1, "g")], Window(0, 10**12, 10**12))).counted
    assert (counted is not None) is is_told


async def test_times_are_compared_unless_the_range_has_all_events(operations, context, monkeypatch):
    compares, put_meanwhile = [], []
    real = QueryEngine.run

    async def run(engine, query_id, sql, *arguments, **more):
        if " AS out_0" in sql:
            compares.append("timestamp BETWEEN" in sql)
            if put_meanwhile:
                await put(put_meanwhile.pop())
        return await real(engine, query_id, sql, *arguments, **more)

    async def put(before_ms: int) -> None:
        event = {"timestamp": NOW_MS - before_ms, "message": "x"}
        await operations.put_log_events(context, **place, log_events=[event])

    async def answer() -> tuple[str, list[bool]]:
        compares.clear()
        members = {"query_string": "stats count(*)", "log_group_name": "/app", **RANGE}
        query_id = (await operations.start_query(context, **members))["queryId"]
        await operations._room.queries.finished(query_id)
        found = await operations.get_query_results(context, query_id=query_id)
        return found["results"][0][0]["value"], compares

    monkeypatch.setattr(QueryEngine, "run", run)
    place = {"log_group_name": "/app", "log_stream_name": "s"}
    await operations.create_log_group(context, log_group_name="/app")
    await operations.create_log_stream(context, **place)
    await put(1_000)
    assert await answer() == ("1", [True])
    assert await answer() == ("1", [False])
    await put(2_000)
    assert await answer() == ("2", [True])
    # What comes in beside a query may lie outside of its range.
    put_meanwhile.append(3_700_000)
    assert await answer() == ("2", [False, True])
    assert await answer() == ("2", [True])
    assert await answer() == ("2", [True])


async def test_a_query_counts_what_was_put_or_deleted_before_it(operations, context, monkeypatch):
    statements: list[str] = []
    real = QueryEngine.run

    async def run(engine, query_id, sql, parameters, **more):
        statements.append(sql)
        return await real(engine, query_id, sql, parameters, **more)

    async def scanned() -> float:
        members = {"query_string": "fields @message", "log_group_name": "/app", **RANGE}
        query_id = (await operations.start_query(context, **members))["queryId"]
        await operations._room.queries.finished(query_id)
        return (await operations.get_query_results(context, query_id=query_id))["statistics"]["recordsScanned"]

    monkeypatch.setattr(QueryEngine, "run", run)
    await operations.create_log_group(context, log_group_name="/app")
    for name in ("kept", "gone"):
        place = {"log_group_name": "/app", "log_stream_name": name}
        await operations.create_log_stream(context, **place)
        await operations.put_log_events(context, **place, log_events=[{"timestamp": NOW_MS - 1_000, "message": "x"}])
        found = await scanned()
        assert found == (1 if name == "kept" else 2)
    assert (await scanned(), sum("count()" in sql for sql in statements)) == (2, 2)
    await operations.delete_log_stream(context, log_group_name="/app", log_stream_name="gone")
    assert await scanned() == 1
    await operations._room.reclaimer.reclaim()
    assert await scanned() == 1
