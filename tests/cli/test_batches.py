"""Batches keep the limits of PutLogEvents and lose nothing; its answer says what was rejected."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwatch.cli import batches as module
from groundwatch.cli.batches import BATCH_SPAN_MS, StampedEvent, batches, rejected_events
from groundwatch.cli.lines import BATCH_BYTES, Event

DAY = BATCH_SPAN_MS


def event(timestamp_ms=None, size_bytes=100, number=1):
    return Event("f", number, "m", size_bytes, timestamp_ms)


def sizes(events, clock_ms=lambda: 0):
    return [len(batch) for batch in batches(events, clock_ms)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([event()] * 10_000, [10_000], id="as many events as allowed"),
        pytest.param([event()] * 10_001, [10_000, 1], id="one event more"),
        pytest.param([event(size_bytes=BATCH_BYTES // 2)] * 2, [2], id="as many bytes as allowed"),
        pytest.param(
            [event(size_bytes=BATCH_BYTES // 2), event(size_bytes=BATCH_BYTES // 2 + 1)], [1, 1], id="a byte more"
        ),
        pytest.param([event(0), event(DAY)], [2], id="24 hours"),
        pytest.param([event(0), event(DAY + 1)], [1, 1], id="a millisecond more than 24 hours"),
        pytest.param([event(DAY + 1), event(0)], [1, 1], id="the same in the other order"),
        pytest.param([event(DAY), event(0), event(DAY)], [3], id="out of order within a day"),
    ],
)
def test_limits(events, expected):
    assert sizes(events) == expected


def test_a_batch_is_in_chronological_order_and_keeps_the_order_of_equal_times():
    events = [event(2, number=1), event(1, number=2), event(2, number=3), event(1, number=4)]
    (batch,) = batches(events, lambda: 0)
    assert [(one.timestamp_ms, one.event.line_number) for one in batch] == [(1, 2), (1, 4), (2, 1), (2, 3)]


def test_times_of_arrival_never_go_back_and_are_not_shared_between_batches(monkeypatch):
    monkeypatch.setattr(module, "BATCH_EVENTS", 2)
    clock = iter([50, 40, 50, 50, 50, 60, 60, 60])
    found = [[one.timestamp_ms for one in batch] for batch in batches([event() for _ in range(6)], lambda: next(clock))]
    assert found == [[50, 50], [51, 51], [60, 60]]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 5 * DAY)), st.integers(27, BATCH_BYTES)),
        max_size=60,
    )
)
def test_every_batch_keeps_every_limit_and_nothing_is_lost(rows):
    events = [event(timestamp_ms, size_bytes, number) for number, (timestamp_ms, size_bytes) in enumerate(rows)]
    ticks = itertools.count()
    found = list(batches(events, lambda: next(ticks) // 3))
    assert sorted(one.event.line_number for batch in found for one in batch) == list(range(len(rows)))
    for batch in found:
        times = [one.timestamp_ms for one in batch]
        assert batch
        assert len(batch) <= 10_000
        assert sum(one.event.size_bytes for one in batch) <= BATCH_BYTES
        assert times == sorted(times)
        assert times[-1] - times[0] <= DAY


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        pytest.param({}, {}, id="nothing rejected"),
        pytest.param({"tooOldLogEventEndIndex": 1}, {1: "is older than 14 days"}, id="too old: the end is exclusive"),
        pytest.param(
            {"tooNewLogEventStartIndex": 3},
            {4: "is more than 2 hours in the future"},
            id="too new: the start is inclusive",
        ),
        pytest.param({"expiredLogEventEndIndex": 1}, {1: "is older than the log group's retention"}, id="expired"),
        pytest.param(
            {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2},
            {1: "is older than 14 days", 2: "is older than the log group's retention"},
            id="both: an event counts once",
        ),
    ],
)
def test_rejected_events(info, expected):
    batch = [StampedEvent(number, event(number, number=number)) for number in (1, 2, 3, 4)]
    assert {one.line_number: one.reason for one in rejected_events(batch, info)} == expected
