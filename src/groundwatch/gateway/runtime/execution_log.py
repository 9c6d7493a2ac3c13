"""The execution log of one request: lines in the service's words, kept for test invocations and stages that log."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from groundwatch.gateway.definition import ApiKey
from groundwatch.gateway.runtime.errors import GatewayError

_TRACED = (
    "Method request ", "Method response ", "Endpoint request ", "Endpoint response ", "Sending request ",
    "Authorizer result body ",
)  # fmt: skip
"""What lines with data of the request begin with: they are written only with data trace."""
_ANSWER = "Endpoint response "
_FAILURE = re.compile(r"Execution failed|API Key \S* exceeded |Unauthorized request|Authorizer[A-Za-z]+Exception$")
SECRET_HEADERS = frozenset(
    {"authorization", "x-api-key", "x-amz-security-token", "proxy-authorization", "cookie", "set-cookie"}
)
"""Headers whose values no log shows, in lower case."""
_SECRET_HEADER = re.compile(
    rf"(?P<name>[{{ ](?:{'|'.join(sorted(SECRET_HEADERS))})=)"
    r"(?P<value>.*?)(?=, [\w-]+=|\}$)",
    re.IGNORECASE | re.DOTALL,
)
KEPT_CHARACTERS = 1024
"""How much of a line is kept until it is written: no event shows more, and payloads have megabytes."""
SHOWN_CHARACTERS = 6
"""How much of a secret the service leaves readable, at its end."""


class ExecutionLog:
    """Drops every line; the base of logs that keep them."""

    __slots__ = ()
    enabled = False
    """Whether lines with the request's data are wanted, which cost something to build."""
    active = False
    """Whether any line is wanted."""

    def line(self, text: str) -> None:
        """Add a line; callers ask `enabled` before they build long ones."""

    def received(self, text: str) -> None:
        """Add the line about a backend's answer, which the service writes before what the answer held."""


class RecordedLog(ExecutionLog):
    """Keeps the lines of a test invocation, each with the time of `clock_ms`."""

    __slots__ = ("_clock_ms", "_lines")
    enabled = True
    active = True

    def __init__(self, request_id: str, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._lines = [f"Execution log for request {request_id}"]

    def line(self, text: str) -> None:
        """Add a line."""
        self._lines.append(self._dated(text))

    def received(self, text: str) -> None:
        """Add the line before those that begin with `Endpoint response`."""
        texts = [line.partition(" : ")[2] for line in self._lines]
        self._lines.insert(_place(texts), self._dated(text))

    def _dated(self, text: str) -> str:
        now = datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
        return f"{now:%a %b %d %H:%M:%S} UTC {now:%Y} : {text}"

    def text(self) -> str:
        """Return the whole log, ending in a newline."""
        return "\n".join([*self._lines, ""])


class StageLog(ExecutionLog):
    """The log of a request at the gateway port: drops every line until the method's settings ask for some."""

    __slots__ = ("_level", "active", "enabled", "lines")

    def __init__(self) -> None:
        self.enabled = False
        self.active = False
        self.lines: list[str] = []
        self._level = "OFF"

    def begin(self, level: str, *, data_trace: bool) -> None:
        """Keep lines from now on: all of them at `INFO`, failures at `ERROR`; with `data_trace` also the data."""
        self._level = level
        self.active = level != "OFF"
        self.enabled = level == "INFO" and data_trace

    def line(self, text: str) -> None:
        """Add a line, secrets in headers masked."""
        if not self.active:
            return
        if self._level == "ERROR" and _FAILURE.match(text) is None:
            return
        if text.startswith(_TRACED):
            if not self.enabled:
                return
            if "headers: {" in text[:60]:
                text = _SECRET_HEADER.sub(lambda found: found["name"] + masked(found["value"]), text)
        self.lines.append(text[:KEPT_CHARACTERS])

    def received(self, text: str) -> None:
        """Add the line before those that begin with `Endpoint response`, if steps are wanted."""
        if self._level == "INFO":
            self.lines.insert(_place(self.lines), text)


def _place(lines: Sequence[str]) -> int:
    return next((place for place, line in enumerate(lines) if line.startswith(_ANSWER)), len(lines))


def masked(secret: str) -> str:
    """Return what a log may show of a secret: its last characters, when there are enough others."""
    return "***" + (secret[-SHOWN_CHARACTERS:] if len(secret) > 2 * SHOWN_CHARACTERS else "")


def half_masked(secret: str) -> str:
    """Return what the lines of authorizers show of an identity: as many stars as it has other characters."""
    shown = min(SHOWN_CHARACTERS, len(secret) // 2)
    return "*" * (len(secret) - shown) + secret[len(secret) - shown :]


def masked_key(key: ApiKey | None) -> str:
    """Return what a log may show of a request's API key; nothing without one."""
    return "" if key is None else masked(key.value)


def java_map(pairs: Iterable[tuple[str, str]]) -> str:
    """Write names and values as Java prints a map."""
    return "{" + ", ".join(f"{name}={value}" for name, value in pairs) + "}"


def failure_lines(error: GatewayError, request_id: str) -> list[str]:
    """Return how a log tells of an error, in the service's words where these are known, and always why."""
    told = error.reason or error.message
    if error.response_type in ("THROTTLED", "QUOTA_EXCEEDED"):
        return [str(told)]
    if error.status == HTTPStatus.UNAUTHORIZED:
        return [f"Execution failed: {told}", f"Unauthorized request: {request_id}"]
    if error.response_type == "AUTHORIZER_FAILURE":
        return [f"Execution failed due to authorizer error: {told}", error.error_type]
    if error.response_type == "AUTHORIZER_CONFIGURATION_ERROR":
        return [f"Execution failed due to configuration error: {told}", error.error_type]
    due = " due to configuration error" if error.response_type == "API_CONFIGURATION_ERROR" else ""
    return [f"Execution failed{due}: {told}"]
