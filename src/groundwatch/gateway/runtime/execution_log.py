"""The execution log of one request: lines in the service's words, kept for test invocations and dropped otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime


class ExecutionLog:
    """Drops every line; the base of logs that keep them."""

    enabled = False

    def line(self, text: str) -> None:
        """Add a line; callers ask `enabled` before they build long ones."""


class RecordedLog(ExecutionLog):
    """Keeps the lines of a test invocation, each with the time of `clock_ms`."""

    enabled = True

    def __init__(self, request_id: str, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._lines = [f"Execution log for request {request_id}"]

    def line(self, text: str) -> None:
        """Add a line."""
        now = datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
        self._lines.append(f"{now:%a %b %d %H:%M:%S} UTC {now:%Y} : {text}")

    def text(self) -> str:
        """Return the whole log, ending in a newline."""
        return "\n".join([*self._lines, ""])


def java_map(pairs: Iterable[tuple[str, str]]) -> str:
    """Write names and values as Java prints a map."""
    return "{" + ", ".join(f"{name}={value}" for name, value in pairs) + "}"
