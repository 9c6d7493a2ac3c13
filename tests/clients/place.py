"""A place of a test's own on the shared server."""

import time
from dataclasses import dataclass, field
from typing import Any

POLL_S = 0.1


def now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Place:
    """A log group and a stream in it that no other test knows; `make()` creates both."""

    server: Any
    group: str
    stream: str = "stream"
    client: Any = field(repr=False, default=None)

    @property
    def names(self) -> dict[str, str]:
        return {"logGroupName": self.group, "logStreamName": self.stream}

    @property
    def words(self) -> tuple[str, ...]:
        """The same for command lines."""
        return ("--log-group-name", self.group, "--log-stream-name", self.stream)

    def make(self) -> "Place":
        self.client.create_log_group(logGroupName=self.group)
        self.client.create_log_stream(**self.names)
        return self

    def put(self, *messages: str, at_ms: int | None = None) -> dict:
        """Put messages a millisecond apart, the last one now."""
        first = (at_ms or now_ms()) - len(messages) + 1
        events = [{"timestamp": first + n, "message": message} for n, message in enumerate(messages)]
        return self.client.put_log_events(**self.names, logEvents=events)

    def messages(self, stream: str | None = None) -> list[str]:
        """Return everything that the stream holds."""
        names = self.names | ({"logStreamName": stream} if stream else {})
        page = self.client.get_log_events(**names, startFromHead=True)
        return [event["message"] for event in page["events"]]

    def await_messages(self, count: int, stream: str | None = None, timeout_s: float = 45) -> list[str]:
        """Return what the stream holds as soon as it is `count` messages."""
        deadline = time.monotonic() + timeout_s
        found: list[str] = []
        while len(found) < count and time.monotonic() < deadline:
            found = self.messages(stream)
            time.sleep(POLL_S)
        return found
