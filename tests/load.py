"""Mixed load for durability tests: writers of a ledger, tails, searches, and groups that come and go."""

import itertools
import threading
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from tests.ledger import GROUP, NEEDLE, Ledger, StreamLedger

WRITE_PAUSE_S = 0.1
READ_PAUSE_S = 0.1


class Load:
    """Threads that use a server until `end`; what goes wrong while the server should be alive is in `problems`."""

    def __init__(self, server, ledger: Ledger, *, write_pause_s: float = WRITE_PAUSE_S) -> None:
        self.problems: list[str] = []
        self._server = server
        self._write_pause_s = write_pause_s
        self._ended = threading.Event()
        first = next(iter(ledger.streams.values()))
        works: list[Callable] = [
            lambda logs, stream=stream: self._write(logs, stream) for stream in ledger.streams.values()
        ]
        works += [lambda logs: self._tail(logs, first), self._search, self._describe, self._come_and_go]
        self._threads = [threading.Thread(target=self._repeat, args=(work,), daemon=True) for work in works]
        self._began = ledger.acknowledged
        self._ledger = ledger

    def start(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def wait_for_writes(self, deadline_s: float = 30) -> None:
        """Return when events were acknowledged."""
        deadline = time.monotonic() + deadline_s
        while self._ledger.acknowledged == self._began:
            assert time.monotonic() < deadline, f"nothing was acknowledged: {self.problems}"
            time.sleep(0.01)

    def run(self, seconds: float) -> None:
        """Go on for so long, or until something goes wrong."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.problems:
            time.sleep(0.05)

    def end(self) -> None:
        """Let errors be: the server is about to be killed or stopped."""
        self._ended.set()

    def join(self) -> None:
        """Return when all threads have ended, and fail for what went wrong before `end`."""
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a request got neither an answer nor an end"
        assert not self.problems, "\n".join(self.problems[:10])

    def _repeat(self, work: Callable) -> None:
        logs = self._server.client("logs")
        try:
            while not self._ended.is_set():
                work(logs)
        except (BotoCoreError, ClientError, AssertionError) as error:
            if not self._ended.is_set():
                self.problems.append(f"{type(error).__name__}: {error}")

    def _write(self, logs, stream: StreamLedger) -> None:
        batch = stream.next_batch()
        logs.put_log_events(logGroupName=GROUP, logStreamName=stream.name, logEvents=batch)
        stream.acknowledge(len(batch))
        self._ended.wait(self._write_pause_s)

    def _tail(self, logs, stream: StreamLedger) -> None:
        known = stream.acknowledged.rfind(1)
        events = logs.get_log_events(logGroupName=GROUP, logStreamName=stream.name, limit=100)["events"]
        numbers = [int(event["message"].split()[0]) for event in events]
        assert known < 0 or numbers[-1] >= known, f"the tail ends with {numbers[-1:]}, {known} is acknowledged"
        assert numbers == sorted(numbers), "the tail is out of order"
        self._ended.wait(READ_PAUSE_S)

    def _search(self, logs) -> None:
        found = logs.filter_log_events(logGroupName=GROUP, filterPattern=NEEDLE, limit=100)["events"]
        assert all(NEEDLE in event["message"] for event in found), "a search found what does not match"
        self._ended.wait(READ_PAUSE_S)

    def _describe(self, logs) -> None:
        logs.describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)
        self._ended.wait(READ_PAUSE_S)

    def _come_and_go(self, logs) -> None:
        name = f"/passing/{next(_PASSING)}"
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        event = {"timestamp": int(time.time() * 1000), "message": "soon gone"}
        logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[event])
        logs.delete_log_group(logGroupName=name)
        self._ended.wait(READ_PAUSE_S)


_PASSING = itertools.count(time.time_ns())
