"""What the fan-out benchmark counts: the events that a filter must deliver, the frames of a live tail, the delays."""

import asyncio
import gzip
import json

import pytest
from benchmarks.client import LoadError
from benchmarks.events import EventSource
from benchmarks.fan_out import FILTERS, TAILED, delays_ms
from benchmarks.kinesis_sink import Sink, count_events
from benchmarks.paced import check_pace
from benchmarks.tail_client import FrameReader, Sighting
from botocore.eventstream import EventStreamBuffer

from groundwatch.aws.eventstream import encode_message
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import compile_predicate

START_MS = 1_700_000_000_000
SOURCE = EventSource(START_MS, batch_events=100)


@pytest.mark.parametrize("selection", [pytest.param(each, id=each.name) for each in (*FILTERS, TAILED)])
def test_the_expected_events_are_those_of_the_pattern(selection):
    messages = [event.message for number in range(20) for event in SOURCE.batch(number)]
    matches = compile_predicate(parse_pattern(selection.pattern))
    wanted = [message for message in messages if selection.selects(json.loads(message))]
    assert [message for message in messages if matches(message)] == wanted
    assert 0.01 < len(wanted) / len(messages) < 0.1


def document(group, name, events, kind="DATA_MESSAGE"):
    members = {"messageType": kind, "logGroup": group, "subscriptionFilters": [name], "logEvents": [{}] * events}
    return gzip.compress(json.dumps(members).encode())


def test_the_sink_counts_events_by_group_and_filter_without_control_messages():
    documents = [document("/a", "x", 2), document("/a", "x", 3), document("/b", "x", 1), document("", "", 1, "CONTROL")]
    assert count_events(documents) == {"/a, x": 5, "/b, x": 1}


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        pytest.param("POST", "/", '{"Records": [{"Data": ""}, {"Data": ""}]}', 2, id="an entry for each record"),
        pytest.param("GET", "/delivered", "", {}, id="nothing is delivered yet"),
    ],
)
def test_the_sink_answers(method, path, body, answer):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body.encode()}

    async def send(message):
        sent.append(message)

    asyncio.run(Sink()({"method": method, "path": path}, receive, send))
    got = json.loads(sent[-1]["body"])
    assert (len(got["Records"]) if method == "POST" else got) == answer


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
def test_frames_are_those_that_botocore_reads(piece_bytes):
    raw = b"".join(encode_message({":event-type": "e"}, payload) for payload in (b"{}", b"", b"x" * 500))
    reader, buffer = FrameReader(), EventStreamBuffer()
    buffer.add_data(raw)
    pieces = [raw[start : start + piece_bytes] for start in range(0, len(raw), piece_bytes)]
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    assert [payload for _, payload in frames] == [message.payload for message in buffer]
    assert all(b":event-type" in headers for headers, _ in frames)


def test_a_delay_counts_from_the_acknowledgement_of_the_batch_and_is_never_below_zero():
    seen = [Sighting(10.5, [START_MS, START_MS + 99, START_MS + 100], False), Sighting(11.0, [START_MS + 250], True)]
    assert delays_ms(seen, SOURCE, [10.25, 10.75, 9.0]) == [0, 250, 250, 2000]


def test_a_rate_that_was_not_kept_is_refused():
    check_pace(took_s=15, due_s=10)
    with pytest.raises(LoadError, match="the rate was not kept"):
        check_pace(took_s=15.1, due_s=10)
