"""A range of keys is the same range in the engine, however its bounds are written."""

from __future__ import annotations

from itertools import product

import pytest

from groundwatch.logs.events import EventKey
from groundwatch.logs.recent import Range
from groundwatch.logs.statements import FIRST, LAST, bounds, within

KEYS = [
    EventKey(ms, ingested, batch, seq)
    for ms, ingested, batch, seq in product((0, 5, 6, 7), (1, 2**62), (0, 7, 2**64 - 2), (0, 9))
]
VALUES = ", ".join(str(tuple(key)) for key in KEYS)
STORED = f"SELECT * FROM values('timestamp Int64, ingested Int64, batch UInt64, seq UInt16', {VALUES})"
BOUNDS = [
    pytest.param(EventKey(6, *FIRST), id="the beginning of a millisecond"),
    pytest.param(EventKey(6, *LAST), id="its end"),
    pytest.param(EventKey(6, 1, 7, 0), id="an event"),
    pytest.param(EventKey(-1, *FIRST), id="before all time"),
    pytest.param(EventKey(2**62, *FIRST), id="behind all time"),
]


@pytest.mark.parametrize("after", BOUNDS)
@pytest.mark.parametrize("before", BOUNDS)
def test_the_engine_finds_what_lies_within_a_range(event_database, after, before):
    wanted = Range(after, before)
    sql = f"SELECT timestamp, ingested, batch, seq FROM ({STORED}) WHERE {within(wanted)}"
    rows = event_database.run_now(lambda client: client.query(sql, parameters=bounds(wanted)).result_rows)
    assert sorted(EventKey(*row) for row in rows) == sorted(key for key in KEYS if after < key < before)


@pytest.mark.parametrize(
    ("after", "before", "compares_keys"),
    [
        (EventKey(5, *FIRST), EventKey(7, *FIRST), False),
        (EventKey(5, *LAST), EventKey(7, *LAST), False),
        (EventKey(5, 1, 2, 3), EventKey(7, *FIRST), True),
        (EventKey(5, *FIRST), EventKey(7, 1, 2, 3), True),
    ],
)
def test_instants_need_no_more_than_the_time(after, before, compares_keys):
    assert ("ingested" in within(Range(after, before))) == compares_keys
