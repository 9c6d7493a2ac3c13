"""Copying streams between two ends in memory: what the target refuses, and what an interruption leaves."""

from __future__ import annotations

import pytest

from groundwatch.cli.migration.events import EventsCopy
from groundwatch.cli.migration.progress_file import ProgressFile

DAY_MS = 86_400_000
LONG = 100_000
"""Events, each of which is a batch of its own."""


class Logs:
    """The calls of a target."""

    class exceptions:  # noqa: N801 - as the SDK names it
        ResourceAlreadyExistsException = KeyError

    def __init__(self, end):
        self.end = end

    def create_log_stream(self, **_names):
        return None

    def put_log_events(self, *, logEvents, **_names):  # noqa: N803 - the member's name
        return self.end.take(logEvents)


class MemoryEnd:
    """One stream in memory that refuses what is older than `oldest`."""

    def __init__(self, *events, oldest=0):
        self.stored = list(events)
        self.oldest = oldest
        self.logs = Logs(self)
        self.broken_after = None

    def streams(self, _group):
        return [{"logStreamName": "s"}]

    def events(self, _group, _stream, since_ms, until_ms):
        yield from [event for event in self.stored if since_ms <= event["timestamp"] < until_ms]

    def take(self, events):
        if self.broken_after == 0:
            raise ConnectionError("gone")
        old = sum(event["timestamp"] < self.oldest for event in events)
        self.stored = sorted(self.stored + events[old:], key=lambda event: event["timestamp"])
        if self.broken_after is not None:
            self.broken_after -= 1
        return {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": old}} if old else {}


def event(time_ms, message="m"):
    return {"timestamp": time_ms, "message": message}


def run(source, target, path):
    with ProgressFile(path, "a", "b") as progress:
        copy = EventsCopy(source, target, progress, since_ms=0, until_ms=10**12)
        copy.copy("g", lambda _events, _size: None, in_flight=1)
        return copy


def test_what_is_refused_is_looked_at_again(tmp_path):
    source = MemoryEnd(event(1), event(5), event(9))
    target = MemoryEnd(oldest=5)
    copy = run(source, target, tmp_path / "p.db")
    assert copy.rejected == {"is older than 14 days": 1}
    assert (copy.copied, target.stored) == (2, [event(5), event(9)])
    target.oldest = 0
    again = run(source, target, tmp_path / "p.db")
    assert (again.copied, again.present, again.rejected) == (1, 2, {})
    assert target.stored == source.stored


def test_an_interruption_between_batches(tmp_path):
    # More than a day apart, so each is a batch of its own.
    source = MemoryEnd(*(event(number * 2 * DAY_MS) for number in range(5)))
    target = MemoryEnd()
    target.broken_after = 3
    with pytest.raises(ConnectionError):
        run(source, target, tmp_path / "p.db")
    target.broken_after = None
    copy = run(source, target, tmp_path / "p.db")
    assert target.stored == source.stored
    # The last one that was noted is compared again, those before it are not read at all.
    assert (copy.copied, copy.present) == (2, 1)


class TwoStreams(MemoryEnd):
    """One stream that the target will not take, and one that goes on for very long."""

    def __init__(self):
        super().__init__()
        self.read = 0

    def streams(self, _group):
        return [{"logStreamName": "refused"}, {"logStreamName": "long"}]

    def events(self, _group, stream, _since_ms, _until_ms):
        for number in range(1 if stream == "refused" else LONG):
            self.read += 1
            yield event(number * 2 * DAY_MS, stream)


class Refusing(MemoryEnd):
    def take(self, events):
        if events[0]["message"] == "refused":
            raise ConnectionError("gone")
        return {}


def test_what_ends_one_stream_ends_the_others(tmp_path):
    source = TwoStreams()
    with ProgressFile(tmp_path / "p.db", "a", "b") as progress:
        copy = EventsCopy(source, Refusing(), progress, since_ms=0, until_ms=LONG * 2 * DAY_MS)
        with pytest.raises(ConnectionError):
            copy.copy("g", lambda _events, _size: None, in_flight=2)
    assert source.read < LONG


def test_an_end_that_is_not_reached_twice(tmp_path):
    source, target = MemoryEnd(event(1)), MemoryEnd()
    run(source, target, tmp_path / "p.db")
    again = run(source, target, tmp_path / "p.db")
    assert (again.copied, again.present) == (0, 0)
