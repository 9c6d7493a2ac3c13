"""Keys of `stats` in the form in which the engine groups by them: the same answers, whatever the range is."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.conftest import WINDOW, EventGroup

from groundwatch.logs.insights.compile import Group, Source, compile_query
from groundwatch.logs.insights.discovery import StoredFields
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.shredding.columns import FieldColumn

MONDAY_MS = 259_200_000
SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1_000, 60_000, 3_600_000, 86_400_000
LENGTHS = {
    "7ms": 7,
    "1s": SECOND_MS,
    "45s": 45 * SECOND_MS,
    "5m": 5 * MINUTE_MS,
    "7h": 7 * HOUR_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
}
RANGES = (1, 40 * SECOND_MS, 2**32 - 1, 2**32, 60 * DAY_MS, 4_000 * DAY_MS)
COLUMNS = (
    FieldColumn(1, ("level",), "word"),
    FieldColumn(2, ("status",), "integer"),
    FieldColumn(3, ("id",), "text"),
    FieldColumn(4, ("user",), "integer"),
)


def shown(time_ms: int) -> str:
    text = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{time_ms % 1000:03d}"


def statement(query: str, *, window: Window = WINDOW) -> str:
    stored = StoredFields(COLUMNS, complete=True)
    return compile_query(query, Source("111122223333", [Group(1, "g")], window, stored=stored)).sql


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    start_ms=st.sampled_from([0, 1_000, 1_767_225_600_000, 1_767_225_600_001, 1_790_000_000_123]),
    range_ms=st.sampled_from(RANGES),
    period=st.sampled_from(sorted(LENGTHS)),
    offset_s=st.sampled_from([0, 0, 1, 59]),
    places=st.lists(st.floats(0, 1), max_size=6),
)
def test_bins_are_where_they_begin(event_database, start_ms, range_ms, period, offset_s, places):
    group = EventGroup(event_database)
    window = Window(start_ms, start_ms + range_ms, start_ms + range_ms)
    times = [start_ms, start_ms + range_ms, *(start_ms + round(place * range_ms) for place in places)]
    outside = [window.end_ms + 1, *([start_ms - 1] if start_ms else [])]
    group.put([{"timestamp": time, "message": "x"} for time in [*times, *outside]])
    # Before the epoch the engine divides towards zero.
    offset_s = 0 if start_ms < offset_s * SECOND_MS else offset_s
    length, shift = LENGTHS[period], offset_s * SECOND_MS
    origin = shift - (MONDAY_MS if period.endswith("w") else 0)
    expected: dict[str, int] = {}
    for time in times:
        begin = (time - origin) // length * length + origin
        expected[shown(begin)] = expected.get(shown(begin), 0) + 1
    offset = f" offset {offset_s}s" if shift else ""
    found = group.run(f"stats count(*) as c by bin({period}) as t{offset} | sort t", window=window)
    assert [tuple(value for _, value in row) for row in found] == sorted((t, str(c)) for t, c in expected.items())


@pytest.mark.parametrize(
    ("period", "range_ms", "held"),
    [
        ("5m", DAY_MS, "toUInt16(intDiv(toUInt32("),
        ("1h", DAY_MS, "toUInt8(intDiv(toUInt32("),
        ("1h", 365 * DAY_MS, "toUInt16(intDiv(toUInt32("),
        ("7ms", 400, "toUInt8(intDiv(toUInt32("),
        ("1d", 20 * 365 * DAY_MS, "toUInt16(intDiv(toUInt32("),
        ("1s", DAY_MS, None),
        ("1mo", DAY_MS, None),
    ],
)
def test_few_bins_are_small_numbers(period, range_ms, held):
    start_ms = 1_790_000_000_123
    window = Window(start_ms, start_ms + range_ms, start_ms + range_ms)
    sql = statement(f"fields bin({period}) as t | stats count(*) by t", window=window)
    assert held in sql if held else "toUInt16(" not in sql


@pytest.mark.parametrize(
    "call", ["count_distinct(x)", "pct(x, 9)", "median(x)", "values(x)", "histogram(x, 5)", "avg(x), pct(x, 9)"]
)
def test_groups_that_grow_can_go_to_disk(call):
    window = Window(0, DAY_MS, DAY_MS)
    assert "toUInt16(intDiv(" in statement("stats avg(x) by bin(5m)", window=window)
    assert "toUInt16(intDiv(" not in statement(f"stats {call} by bin(5m)", window=window)


@pytest.mark.parametrize(
    ("query", "in_parts"),
    [
        ("stats count(*) by status", False),
        ("stats count(*) by status, level", False),
        ("stats count(*) by status, user", True),
        ("stats count(*) by status, bin(1w)", True),
        ("stats count(*) by status, @ingestionTime", False),
    ],
)
def test_integers_are_split_where_all_keys_are_numbers(query, in_parts):
    assert ("GROUP BY" in (sql := statement(query))) and (", isNull(c_" in sql) is in_parts


@pytest.mark.parametrize(
    ("query", "at_once"),
    [
        ("filter status = 500 | stats count(*) by bin(5m)", True),
        ("filter status >= 500 and status < 600 | fields @message", True),
        ("fields status * 2 as s | filter s > 800 | filter s < 1000", True),
        ("filter level = 'ERROR' | stats count(*) as c by level | filter c > 5", True),
        ("filter level = 'ERROR' and status = 500", False),
        ("filter level = 'ERROR' and status = 500 | stats count(*)", True),
        ("filter id = 'a'", False),
        ("filter @message like 'a'", False),
        ("filter status = 500 and @message like 'a'", False),
        ("filter unknown = 1", False),
        ("filter @logStream = 'a'", False),
        ("filter @timestamp > 5", False),
        ("stats count(*)", False),
    ],
)
def test_filters_of_small_columns_are_read_at_once(query, at_once):
    assert ("enable_multiple_prewhere_read_steps = 0" in statement(query)) is at_once


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("filter status = 500 | stats count(*) by bin(5m)", "timestamp"),
        ("filter status = 500 | stats count(*) by level", "shred_1"),
        ("filter status = 500 | stats max(user) by level, bin(1h)", "shred_1, shred_4, timestamp"),
        ("filter level = 'ERROR' | stats count(*) by level", None),
        ("filter level = 'ERROR' | stats count_distinct(id)", None),
        ("filter level = 'ERROR' | stats count_distinct(id) by status", "shred_2"),
        ("filter level = 'ERROR' and status = 500 | stats max(user)", "shred_4"),
        ("filter level = 'ERROR' | filter status = 500 | stats max(user) by bin(5m)", "shred_4, timestamp"),
        ("filter level = 'ERROR' and id = 'a' | stats max(user)", None),
        ("filter level = 'ERROR' and @message like 'a' | stats max(user)", None),
        ("filter level = 'ERROR' | fields status, user", None),
        ("stats max(user) by level", None),
    ],
)
def test_what_is_aggregated_is_read_with_the_small_columns_that_are_filtered_by(query, read):
    sql = statement(query)
    assert f" WHERE NOT ignore({read}) AND " in sql if read else "ignore(" not in sql


def test_a_statement_makes_only_what_it_needs():
    sql = statement("filter status = 500 and unknown = 1 | stats count(*), max(other)")
    assert [name in sql for name in ("toFloat64(shred_2)", "toString(shred_2)")] == [False, False]
    assert sql.count("AS field_") == 2
    assert "AS field_" not in statement("filter status = 500 | stats count(*) by level")


@pytest.mark.parametrize("keys", ["", " by n % 2 as k"])
@pytest.mark.parametrize(
    "call", ["sum(x)", "avg(x)", "min(x)", "max(x)", "stddev(x)", "variance(x)", "pct(x, 50)", "median(x)"]
)
def test_nothing_is_made_of_missing_values(group, call, keys):
    messages = ['{"n":1}', '{"n":2,"x":null}', '{"n":3,"y":5}']
    group.put([{"timestamp": 1_000 + at, "message": message} for at, message in enumerate(messages)])
    found = group.run(f"stats {call} as made, count(*) as c{keys} | display made, c | sort c")
    assert found == ([[("c", "1")], [("c", "2")]] if keys else [[("c", "3")]])
    assert group.run(f"filter n > 3 | stats {call} as made{keys}") == []
    assert group.run(f"stats {call.replace('(x', '(y')} as made")[0][0][1] in {"5", "0"}
