"""Event streams from the other side: botocore reads what this server frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from botocore.exceptions import EventStreamError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from tests.exchanges import Client

from groundwatch.aws.app import ServiceApp
from groundwatch.aws.authentication import UnverifiedAuthenticator
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.eventstream import (
    MAX_PAYLOAD_BYTES,
    encode_error,
    encode_event,
    encode_exception,
    encode_message,
)
from groundwatch.aws.http import WireStream
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.aws.streaming import StreamedEvent, StreamingOutput

PRINCIPAL = Principal("123456789012", "arn:aws:iam::123456789012:user/u", "User", "AIDA")
GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:g"
BODY = json.dumps({"logGroupIdentifiers": [GROUP]}).encode()
HEADERS = (("x-amz-target", "Logs_20140328.StartLiveTail"), ("content-type", "application/x-amz-json-1.1"))


def parse(*chunks: bytes) -> list[Any]:
    buffer = EventStreamBuffer()
    found = []
    for chunk in chunks:
        buffer.add_data(chunk)
        found += list(buffer)
    return found


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        pytest.param({}, b"", id="nothing at all"),
        pytest.param({":event-type": "x"}, b"", id="a header without payload"),
        pytest.param({}, b"payload", id="a payload without headers"),
        pytest.param({"n" * 255: "v"}, b"", id="the longest header name"),
        pytest.param({"n": "v" * 32767}, b"", id="the longest header value"),
        pytest.param({"n": ""}, b"", id="an empty header value"),
        pytest.param({"ü": "日本"}, "日本".encode(), id="text beyond ASCII"),
        pytest.param({f"header-{n}": str(n) for n in range(100)}, bytes(range(256)) * 100, id="much of everything"),
        pytest.param({}, b"x" * MAX_PAYLOAD_BYTES, id="the largest payload"),
    ],
)
def test_botocore_reads_a_message(headers, payload):
    (message,) = parse(encode_message(headers, payload))
    assert (message.headers, message.payload) == (headers, payload)


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        pytest.param({"": "v"}, b"", id="a header without name"),
        pytest.param({"n" * 256: "v"}, b"", id="a header name too long"),
        pytest.param({"ü" * 128: "v"}, b"", id="a header name too long in bytes"),
        pytest.param({"n": "v" * 32768}, b"", id="a header value too long"),
        pytest.param({str(n): "v" * 30000 for n in range(5)}, b"", id="headers too long together"),
        pytest.param({}, b"x" * (MAX_PAYLOAD_BYTES + 1), id="a payload too long"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(headers, payload):
    with pytest.raises(ValueError, match="message"):
        encode_message(headers, payload)


def test_messages_may_be_cut_anywhere():
    wire = encode_event("a", "application/json", b'{"n":1}') + encode_event("b", "application/json", b"{}")
    whole = parse(wire)
    assert [message.headers[":event-type"] for message in whole] == ["a", "b"]
    for cut in range(len(wire)):
        assert [m.payload for m in parse(wire[:cut], wire[cut:])] == [m.payload for m in whole]


def test_every_byte_is_covered_by_a_checksum():
    wire = encode_event("a", "application/json", b'{"n":1}')
    for at in range(8, len(wire)):
        with pytest.raises(ChecksumMismatch):
            parse(wire[:at] + bytes([wire[at] ^ 1]) + wire[at + 1 :])


@pytest.mark.parametrize(
    ("wire", "status", "body"),
    [
        pytest.param(encode_event("e", "application/json", b"{}"), 200, b"{}", id="event"),
        pytest.param(encode_exception("E", "application/json", b"{}"), 400, b"{}", id="exception"),
        pytest.param(encode_error("E", "text"), 400, b"", id="error"),
    ],
)
def test_botocore_knows_the_kind_of_a_message(wire, status, body):
    (message,) = parse(wire)
    answer = message.to_response_dict()
    assert (answer["status_code"], answer["body"]) == (status, body)


class Events:
    """A source that gives what it is told to, and then waits, ends or fails."""

    def __init__(self, *events: StreamedEvent, end: Exception | None = None) -> None:
        self.events = list(events)
        self.end = end
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self) -> StreamedEvent:
        if self.events:
            return self.events.pop(0)
        if self.end is None:
            await asyncio.Event().wait()
        raise self.end

    async def aclose(self) -> None:
        self.closed += 1


class Logs:
    source: Events
    calls = 0

    async def start_live_tail(self, context: RequestContext, log_group_identifiers: list[str]) -> StreamingOutput:
        self.calls += 1
        return StreamingOutput(self.source)


class Policies:
    async def authorize(self, context, checks) -> None: ...


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture
def port(logs) -> ServicePort:
    return ServicePort(
        [Service("logs", logs, lambda *_: ())],
        UnverifiedAuthenticator(PRINCIPAL, "us-east-1"),
        Policies(),
        default_region="us-east-1",
        clock_ms=lambda: 0,
    )


class RawStream:
    """What urllib3 would give botocore: the chunks of the body."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = frames

    def stream(self):
        yield from self.frames

    def close(self) -> None: ...


def read_as_client(status: int, headers: Mapping[str, str], frames: list[bytes]):
    """Return the events that botocore finds in an answer to StartLiveTail."""
    model = ServiceModel(Loader().load_service_model("logs", "service-2"), "logs").operation_model("StartLiveTail")
    answer = {"status_code": status, "headers": headers, "body": RawStream(frames), "context": {"operation_name": "x"}}
    return create_parser("json").parse(answer, model.output_shape)["responseStream"]


async def all_frames(stream: WireStream) -> list[bytes]:
    return [frame async for frame in stream.frames]


UPDATE = {
    "sessionMetadata": {"sampled": False},
    "sessionResults": [{"message": 'ä":null', "timestamp": 5, "logStreamName": None}],
}


async def test_botocore_reads_the_events_of_an_answer(port, logs, json_request):
    logs.source = Events(
        StreamedEvent("sessionStart", {"sessionId": "s"}),
        StreamedEvent("sessionUpdate", UPDATE),
        end=StopAsyncIteration(),
    )
    answer = await port.handle(json_request("StartLiveTail", BODY))
    assert isinstance(answer, WireStream)
    assert dict(answer.headers)["Content-Type"] == "application/vnd.amazon.eventstream"
    frames = await all_frames(answer)
    (initial,) = parse(frames[0])
    assert initial.headers == {
        ":message-type": "event",
        ":event-type": "initial-response",
        ":content-type": "application/x-amz-json-1.1",
    }
    assert list(read_as_client(answer.status, dict(answer.headers), frames)) == [
        {"sessionStart": {"sessionId": "s"}},
        {
            "sessionUpdate": {
                "sessionMetadata": {"sampled": False},
                "sessionResults": [{"message": 'ä":null', "timestamp": 5}],
            }
        },
    ]


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        pytest.param(
            ServiceError("SessionTimeoutException", "over"),
            "(SessionTimeoutException).*: over",
            id="modelled exception",
        ),
        pytest.param(ServiceError("Other", "text"), "(Other).*: text", id="error that the model does not know"),
        pytest.param(RuntimeError("a secret"), "(InternalFailure).*: An internal error occurred.", id="bug"),
    ],
)
async def test_a_failure_is_the_last_thing_in_the_stream(port, logs, json_request, failure, text):
    logs.source = Events(StreamedEvent("sessionStart", {}), end=failure)
    answer = await port.handle(json_request("StartLiveTail", BODY))
    frames = await all_frames(answer)
    events = iter(read_as_client(200, {}, frames))
    assert next(events) == {"sessionStart": {}}
    with pytest.raises(EventStreamError, match=text):
        next(events)
    assert (len(frames), logs.source.closed) == (3, 1)


async def test_an_event_that_the_model_lacks_is_a_bug_and_not_sent(port, logs, json_request, caplog):
    logs.source = Events(StreamedEvent("sessionPause", {}))
    frames = await all_frames(await port.handle(json_request("StartLiveTail", BODY)))
    assert parse(frames[-1])[0].headers[":error-code"] == "InternalFailure"
    assert "an event stream failed" in caplog.text


async def test_frames_closed_before_the_first_close_their_source(port, logs, json_request):
    logs.source = Events(StreamedEvent("sessionStart", {}))
    answer = await port.handle(json_request("StartLiveTail", BODY))
    await answer.frames.aclose()
    assert (await all_frames(answer), logs.source.closed) == ([], 1)


async def test_a_call_from_within_gets_no_stream_and_begins_none(port, logs, json_request):
    answer = await port.call("logs", json_request("StartLiveTail", BODY), PRINCIPAL, region="us-east-1")
    assert (answer.status, json.loads(answer.body)["__type"]) == (501, "NotImplementedException")
    # Whoever calls may have gone before there is a source to close.
    assert logs.calls == 0


async def test_an_operation_without_stream_in_the_model_cannot_answer_with_one(port, logs, json_request):
    class Mistaken:
        async def describe_log_groups(self, context: RequestContext) -> StreamingOutput:
            return StreamingOutput(Events())

    mistaken = ServicePort(
        [Service("logs", Mistaken(), lambda *_: ())],
        UnverifiedAuthenticator(PRINCIPAL, "us-east-1"),
        Policies(),
        default_region="us-east-1",
        clock_ms=lambda: 0,
    )
    assert (await mistaken.handle(json_request("DescribeLogGroups", b"{}"))).status == 500


class Tail(Client):
    """A client of an event stream that reads for a while and then leaves, or only reads no more, if told to."""

    def __init__(self, *, leaves_after: int | None = None, blocks_after: int | None = None) -> None:
        super().__init__("POST", "/", HEADERS)
        self.blocked = asyncio.Event()
        self.leaves_after = leaves_after
        self.blocks_after = blocks_after
        self.wire.write = self.read
        self.pieces: list[bytes] = []

    def read(self, data: bytes) -> None:
        self.pieces.append(data)
        self.wire.written += data
        if len(self.pieces) == self.blocks_after:
            self.flow.pause_writing()
            self.blocked.set()
        if len(self.pieces) == self.leaves_after:
            self.leave()

    async def run(self, port: ServicePort) -> None:
        await self.ask(ServiceApp(port, {}), BODY)


async def test_each_frame_is_sent_when_it_is_there_and_no_length(port, logs):
    logs.source = Events(StreamedEvent("sessionStart", {}), end=StopAsyncIteration())
    tail = Tail()
    await tail.run(port)
    assert tail.status == 200
    assert "content-length" not in tail.headers
    assert tail.headers["transfer-encoding"] == "chunked"
    assert len(tail.pieces) == 4, "the head, two frames and the end"
    assert len(parse(*tail.parts)) == 2
    assert logs.source.closed


@pytest.mark.parametrize(
    "client",
    [
        pytest.param({"leaves_after": 2}, id="while the source waits"),
        pytest.param({"leaves_after": 2, "blocks_after": 2}, id="while a frame cannot be sent"),
        pytest.param({"leaves_after": 1}, id="before the first frame"),
    ],
)
async def test_a_client_that_leaves_ends_the_source(port, logs, client):
    logs.source = Events(StreamedEvent("sessionStart", {}))
    await Tail(**client).run(port)
    assert logs.source.closed


async def test_a_cancelled_connection_ends_the_source(port, logs):
    logs.source = Events(StreamedEvent("sessionStart", {}))
    tail = Tail(blocks_after=3)
    running = asyncio.ensure_future(tail.run(port))
    await tail.blocked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert logs.source.closed
