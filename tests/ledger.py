"""The checker of durability tests: knows every event that was sent, and compares a server with it.

An acknowledged event must be there once, unchanged, in its place. One whose answer never came may be there or not, but
neither twice nor changed. Messages follow from stream and number, so that a ledger of millions of events is small.
"""

import hashlib
import random
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping

GROUP = "/ledger"
NEEDLE = "needle"
NEEDLE_EVERY = 97
LATE_MS = 3_600_000
PROBLEMS_SHOWN = 5

Held = Mapping[str, bytes]
"""By stream: for each number whether the event was acknowledged at some moment."""


def message_of(stream: str, number: int) -> str:
    digest = hashlib.sha256(f"{stream}/{number}".encode()).hexdigest()
    word = f"{NEEDLE} " if number % NEEDLE_EVERY == 0 else ""
    return f'{number} {word}{{"stream":"{stream}","digest":"{digest * (number % 5)}"}}'


class StreamLedger:
    """What one writer sent to its stream, by number from 0. One thread writes, others may read."""

    def __init__(self, name: str, *, late: bool) -> None:
        self.name = name
        self._late = late
        self.timestamps = array("q")
        self.acknowledged = bytearray()

    def next_batch(self) -> list[dict]:
        """Return events for PutLogEvents that are sent but not acknowledged so far."""
        first, count = len(self.timestamps), random.randint(1, 60)
        now_ms = int(time.time() * 1000)
        if self._late and random.random() < 0.1:
            now_ms -= random.randint(0, LATE_MS)
        timestamps = sorted(now_ms - random.randint(0, 3) for _ in range(count))
        if not self._late:
            timestamps = [max(now_ms, self.timestamps[-1] if first else 0)] * count
        self.acknowledged += bytes(count)
        self.timestamps.extend(timestamps)
        return [{"timestamp": at, "message": message_of(self.name, first + n)} for n, at in enumerate(timestamps)]

    def acknowledge(self, count: int) -> None:
        """Note that the last batch, of `count` events, was acknowledged."""
        self.acknowledged[-count:] = b"\1" * count

    def check(self, events: Iterator[dict], held: bytes | None = None) -> list[str]:
        """Return what is wrong with all events of the stream, in the order in which the server gives them."""
        must = bytes(self.acknowledged) if held is None else held
        seen, last, problems = bytearray(len(self.timestamps)), (-1, -1), []
        for event in events:
            number = self._number_of(event)
            if number is None:
                problems.append(f"{self.name} holds what was never sent: {event['message'][:80]!r}")
                continue
            if seen[number]:
                problems.append(f"{self.name} holds {number} twice")
            seen[number] = 1
            place = (event["timestamp"], number)
            if place < last:
                problems.append(f"{self.name} shows {place} after {last}")
            last = place
        lost = [number for number, wanted in enumerate(must) if wanted and not seen[number]]
        if lost:
            problems.append(f"{self.name} lost {len(lost)} of {sum(must)}: {lost[:PROBLEMS_SHOWN]} …")
        return problems

    def _number_of(self, event: dict) -> int | None:
        text = event["message"].partition(" ")[0]
        if not text.isdecimal() or int(text) >= len(self.timestamps):
            return None
        number = int(text)
        same = event["message"] == message_of(self.name, number) and event["timestamp"] == self.timestamps[number]
        return number if same else None


class Ledger:
    """Every event that was sent to a group of a server."""

    def __init__(self, streams: int) -> None:
        # The first stream gets no late events, so that its newest event is its last one.
        self.streams = {f"writer-{n}": StreamLedger(f"writer-{n}", late=n > 0) for n in range(streams)}

    def create(self, logs) -> None:
        """Make the group and its streams."""
        logs.create_log_group(logGroupName=GROUP)
        for stream in self.streams:
            logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)

    def held(self) -> Held:
        """Return what is acknowledged now: what a backup that begins now must hold."""
        return {name: bytes(stream.acknowledged) for name, stream in self.streams.items()}

    @property
    def acknowledged(self) -> int:
        return sum(sum(stream.acknowledged) for stream in self.streams.values())

    def check(self, logs, held: Held | None = None) -> None:
        """Compare everything, read stream by stream and searched, with what was sent; fails with what is wrong."""
        problems = []
        for name, stream in self.streams.items():
            problems += stream.check(stored_events(logs, name), None if held is None else held[name])
        problems += self._check_search(logs, self.held() if held is None else held)
        assert not problems, "\n".join(problems[: PROBLEMS_SHOWN * 4])

    def _check_search(self, logs, must: Held) -> list[str]:
        found = [(event["logStreamName"], int(event["message"].split()[0])) for event in searched(logs, NEEDLE)]
        wanted = {
            (name, number)
            for name, held in must.items()
            for number in range(0, len(held), NEEDLE_EVERY)
            if held[number]
        }
        problems = [f"the search found {one} twice" for one, times in Counter(found).items() if times > 1]
        return problems + [f"the search did not find {one}" for one in sorted(wanted - set(found))]


def stored_events(logs, stream: str, group: str = GROUP) -> Iterator[dict]:
    """Yield all events of a stream, oldest first."""
    token = None
    while True:
        more = {"nextToken": token} if token else {"startFromHead": True}
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, **more)
        yield from page["events"]
        if page["nextForwardToken"] == token:
            return
        token = page["nextForwardToken"]


def searched(logs, pattern: str) -> Iterator[dict]:
    """Yield all events of the group that match, oldest first."""
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern=pattern):
        yield from page["events"]
