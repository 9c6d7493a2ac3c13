"""The generator repeats itself, and its events have the size and the shape that the figures speak of."""

import json
from datetime import datetime
from itertools import islice
from statistics import mean

import pytest
from benchmarks.chdb_alone import blocks_of
from benchmarks.events import EventSource, get_body, put_body
from benchmarks.prepared import Bodies, prepare

START_MS = 1_700_000_000_000
MAX_REQUEST_BYTES = 1_048_576


def test_a_batch_depends_on_seed_and_number_only():
    one, other = EventSource(START_MS), EventSource(START_MS)
    other.batch(0)
    assert one.batch(7) == other.batch(7)
    assert one.batch(7) != EventSource(START_MS, seed=1).batch(7)


def test_batches_follow_one_another_without_gap_or_overlap():
    batches = list(islice(EventSource(START_MS, batch_events=10).batches(), 3))
    assert [event.timestamp for batch in batches for event in batch] == list(range(START_MS, START_MS + 30))


def test_every_message_is_a_json_object_of_fourteen_fields_some_nested():
    for event in EventSource(START_MS).batch(0):
        fields = json.loads(event.message)
        stamp = datetime.fromisoformat(fields["timestamp"])
        assert len(fields) == 14
        assert {name for name, value in fields.items() if isinstance(value, dict)} == {"user", "http"}
        assert round(stamp.timestamp() * 1000) == event.timestamp


def test_messages_are_about_300_bytes_and_all_different():
    messages = [event.message for event in EventSource(START_MS).batch(3)]
    assert 290 < mean(map(len, messages)) < 350
    assert len(set(messages)) == len(messages)


def test_a_put_body_is_one_line_within_the_limit_of_a_request():
    body = put_body("/a", "b", EventSource(START_MS).batch(0))
    decoded = json.loads(body)
    assert b"\n" not in body
    assert len(body) < MAX_REQUEST_BYTES
    assert (decoded["logGroupName"], decoded["logStreamName"]) == ("/a", "b")
    assert decoded["logEvents"][0].keys() == {"timestamp", "message"}


def test_a_get_body_asks_for_the_newest_events():
    assert json.loads(get_body("/a", "b", 100)) == {"logGroupName": "/a", "logStreamName": "b", "limit": 100}


@pytest.fixture
def prepared(tmp_path):
    source = EventSource(START_MS, batch_events=4)
    bodies = Bodies(prepare(tmp_path, source, "/a", ["s0", "s1"], batches=5))
    yield source, bodies
    bodies.close()


def test_prepared_bodies_come_back_in_order_with_streams_in_turn(prepared):
    source, bodies = prepared
    expected = [put_body("/a", f"s{number % 2}", source.batch(number)) for number in range(5)]
    assert [bytes(view) for view in bodies.views] == expected


def test_the_engines_rows_are_those_of_the_bodies(prepared):
    source, bodies = prepared
    blocks = list(blocks_of(bodies.views, block_rows=8))
    events = [event for number in range(5) for event in source.batch(number)]
    assert [len(block[0]) for block in blocks] == [8, 8, 4]
    assert [stream for block in blocks for stream in block[1]] == [1] * 4 + [2] * 4 + [1] * 4 + [2] * 4 + [1] * 4
    assert [time_ms for block in blocks for time_ms in block[2]] == [event.timestamp for event in events]
    assert [place for block in blocks for place in block[5]] == [0, 1, 2, 3] * 5
    assert [message for block in blocks for message in block[6]] == [event.message for event in events]
