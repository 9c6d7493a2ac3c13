"""The server's own log and access log: readable lines on stderr, JSON events in log groups of this very server.

Records and access events wait in a bounded queue, from which a background task appends them to the event store; nobody
who logs ever waits for it. What the queue or the store cannot take is counted, and the count is reported in the log.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import json
import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TextIO

import msgspec
from rich.console import Console
from rich.text import Text

SERVER_GROUP = "/groundwatch/server"
ACCESS_GROUP = "/groundwatch/access"
QUEUE_EVENTS = 50_000
QUEUE_BYTES = 32 * 1024 * 1024
BATCH_EVENTS = 25_000
BATCH_BYTES = 8 * 1024 * 1024
EVENT_OVERHEAD_BYTES = 26
MESSAGE_CHARACTERS = 64 * 1024
DRAIN_INTERVAL_S = 1.0
FEW_EVENTS = 200
BUSY_WAITS = 3
"""For how many intervals more `FEW_EVENTS` wait for others: an insert, with its fsyncs and the merges to come, costs
the engine 20 ms however few events it has, and a microsecond an event."""
CLOSE_TIMEOUT_S = 5
ATTEMPTS = 3
OWN_PACKAGE = "groundwatch"
LEVEL_STYLES = {"ERROR": "bold red", "CRITICAL": "bold red", "WARNING": "yellow", "INFO": "green", "DEBUG": "dim"}
# Between name and value in headers, settings, JSON (within JSON, too), and what Python shows of mappings and pairs.
_BETWEEN = r"""(?:\\?["']?\s*[:=]|["'],)\s*(?:b(?=["']))?\\?["']?"""
SECRETS = re.compile(
    r"(\bSignature=|\bX-Amz-(?:Signature|Security-Token)=|\bBearer\s+|"
    rf"\bauthorization{_BETWEEN}Basic\s+|"
    rf"(?:x-amz-security-token|x-api-key|secret_?access_?key|session_?token|password){_BETWEEN})"
    r"""(?:[^\s"'&,;\\]|\\(?!["']))+""",
    re.IGNORECASE,
)
URL_PASSWORDS = re.compile(r"(?<=://)([^/\s:@\"]*):[^/\s\"]*@")
SECRET_HINTS = (
    *("signature=", "security-token", "bearer", "api-key", "access", "password", "://"),
    *("sessiontoken", "session_token", "authorization"),
)
own_logger = logging.getLogger(__name__)
# Set in the context of an append, so that other tasks' records are kept meanwhile.
_STORING: contextvars.ContextVar[bool] = contextvars.ContextVar("storing", default=False)


class EventSink(Protocol):
    """Where events go in the end; implemented by the log service's store."""

    async def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Store `(timestamp in ms, message)` events, in order of time; make the group and the stream when they lack."""


class _Event(msgspec.Struct, frozen=True):
    """One event on its way to the store."""

    group: str
    timestamp_ms: int
    message: str
    size_bytes: int
    """As the log service counts it."""


class _Queue:
    """A queue that refuses instead of growing; safe to use from any thread."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.dropped = 0
        self._events: collections.deque[_Event] = collections.deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._max_events = max_events
        self._max_bytes = max_bytes

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: _Event) -> None:
        """Take the event, or count it as dropped when the queue is full."""
        with self._lock:
            if len(self._events) >= self._max_events or self._bytes + event.size_bytes > self._max_bytes:
                self.dropped += 1
                return
            self._events.append(event)
            self._bytes += event.size_bytes

    def take(self) -> list[_Event]:
        """Remove and return the oldest events, at most one batch."""
        batch: list[_Event] = []
        taken_bytes = 0
        with self._lock:
            while self._events and len(batch) < BATCH_EVENTS:
                taken_bytes += self._events[0].size_bytes
                if batch and taken_bytes > BATCH_BYTES:
                    break
                batch.append(self._events.popleft())
                self._bytes -= batch[-1].size_bytes
        return batch

    def count_dropped(self, number: int) -> None:
        """Add events that were lost behind the queue."""
        with self._lock:
            self.dropped += number

    def may_gather(self) -> bool:
        """Tell whether there are enough events for waiting to be worth while, and room for as many again."""
        return FEW_EVENTS < len(self._events) < self._max_events // 2 and self._bytes < BATCH_BYTES // 2


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Journal:
    """Collects the server's log records and access events, shows the former and stores both.

    `install` from the start of the process; `start` once the event store is open; `close` before it closes.
    """

    def __init__(
        self,
        *,
        stream: str | None = None,
        output: TextIO | None = None,
        clock_ms: Callable[[], int] = now_ms,
        max_events: int = QUEUE_EVENTS,
        max_bytes: int = QUEUE_BYTES,
    ) -> None:
        self._stream = stream or _own_stream_name()
        self._clock_ms = clock_ms
        self._queue = _Queue(max_events, max_bytes)
        self._handler = _Handler(self._queue, output or sys.stderr)
        self._drain: _Drain | None = None
        self._installed_in: logging.Logger | None = None

    @property
    def dropped(self) -> int:
        """Events lost since the start of the process because the queue was full or the store refused them."""
        return self._queue.dropped

    def install(self, level: str, logger: logging.Logger | None = None) -> None:
        """Receive the server's records from `level` (`debug` … `error`) upwards, in place of other handlers.

        Libraries are heard from `warning` upwards whatever `level` says: below, some log statements with their
        parameters, secrets among them.
        """
        target = logger or logging.getLogger()
        target.handlers = [self._handler]
        target.setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
        logging.getLogger(OWN_PACKAGE).setLevel(level.upper())
        logging.captureWarnings(capture=True)
        self._installed_in = target

    def uninstall(self) -> None:
        """Undo `install`."""
        if self._installed_in is not None:
            self._installed_in.removeHandler(self._handler)
            logging.captureWarnings(capture=False)

    def access(self, event: Mapping[str, object] | msgspec.Struct) -> None:
        """Take one access event, such as `{"request_id": …, "ip": …, "status": 200}`; cheap, never blocks or raises."""
        self._queue.put(_event(ACCESS_GROUP, self._clock_ms(), redact(_json_line(event))))

    def start(self, sink: EventSink) -> None:
        """Begin to store what was collected and what comes; call it in the event loop."""
        self._drain = _Drain(self._queue, sink, self._stream, self._clock_ms)
        self._drain.start()

    async def flush(self) -> None:
        """Store what was collected so far, as far as the store takes it."""
        if self._drain is not None:
            await self._drain.flush()

    async def close(self) -> None:
        """Store what is left, for at most `CLOSE_TIMEOUT_S`, and stop; later records go to stderr alone."""
        if self._drain is not None:
            await self._drain.stop()
        self._handler.detach()


class _Drain:
    """Moves events from the queue to the sink, a batch at a time; a batch that the sink refuses is tried again."""

    def __init__(self, queue: _Queue, sink: EventSink, stream: str, clock_ms: Callable[[], int]) -> None:
        self._queue = queue
        self._sink = sink
        self._stream = stream
        self._clock_ms = clock_ms
        self._batches: collections.deque[tuple[str, list[_Event]]] = collections.deque()
        self._failures = 0
        self._reported = 0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()

    def start(self) -> None:
        """Begin to drain in the background."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="journal")

    async def stop(self) -> None:
        """Drain what is left, for at most `CLOSE_TIMEOUT_S`."""
        self._stopping.set()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                if self._task is not None:
                    await self._task
        except TimeoutError:
            own_logger.warning("cannot store the log: the store does not answer")

    async def flush(self) -> None:
        """Append what was collected so far, or as much of it as the sink takes."""
        async with self._flushing:
            self._report_dropped()
            # What comes meanwhile waits for company: under load, every insert would else be followed by one of the
            # few events that came while it ran, and inserts cost the engine by number.
            waiting = len(self._queue)
            while self._batches or waiting > 0:
                if not self._batches:
                    waiting -= self._fill()
                if not await self._append(*self._batches[0]):
                    return
                self._batches.popleft()

    async def _run(self) -> None:
        # Looking now and then costs nothing beside waking the loop for every record from every thread.
        while not self._stopping.is_set():
            await self._wait(DRAIN_INTERVAL_S * (1 + self._failures))
            for _ in range(BUSY_WAITS):
                if not self._queue.may_gather():
                    break
                await self._wait(DRAIN_INTERVAL_S)
            await self.flush()
        while self._batches or len(self._queue):
            await self.flush()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _fill(self) -> int:
        """Take the next batch out of the queue, and return how many events it has."""
        groups: dict[str, list[_Event]] = collections.defaultdict(list)
        taken = self._queue.take()
        for event in taken:
            groups[event.group].append(event)
        self._batches.extend(groups.items())
        return len(taken)

    async def _append(self, group: str, events: list[_Event]) -> bool:
        """Return whether the batch is done with: stored, or given up."""
        ordered = sorted(((event.timestamp_ms, event.message) for event in events), key=lambda pair: pair[0])
        token = _STORING.set(True)
        try:
            await self._sink.append(group, self._stream, ordered)
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the server goes on
            return self._give_up(group, events, error)
        finally:
            _STORING.reset(token)
        self._failures = 0
        return True

    def _give_up(self, group: str, events: list[_Event], error: Exception) -> bool:
        self._failures += 1
        if self._failures < ATTEMPTS:
            own_logger.warning("cannot store the log in %s, trying again: %s: %s", group, type(error).__name__, error)
            return False
        own_logger.error("cannot store the log in %s, giving up %d events", group, len(events), exc_info=error)
        self._failures = 0
        self._queue.count_dropped(len(events))
        return True

    def _report_dropped(self) -> None:
        lost = self._queue.dropped - self._reported
        if not lost:
            return
        self._reported += lost
        text = f"{lost} events of the server's logs were lost: more came than could be stored"
        own_logger.warning(text)
        record = {"timestamp_ms": self._clock_ms(), "level": "WARNING", "logger": own_logger.name, "message": text}
        self._batches.append((SERVER_GROUP, [_event(SERVER_GROUP, self._clock_ms(), _json_line(record))]))


class _Handler(logging.Handler):
    """Shows a record at once and queues it for the store."""

    def __init__(self, queue: _Queue, output: TextIO) -> None:
        super().__init__()
        self._queue: _Queue | None = queue
        self._output = output
        self._console = Console(file=output, highlight=False, soft_wrap=True) if output.isatty() else None

    def detach(self) -> None:
        """Show only, from now on."""
        self._queue = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show and queue the record; an error of its own is shown on stderr and goes no further."""
        try:
            message = redact(record.getMessage())
            exception = redact(_exception_text(record))
            self._show(record, message, exception)
            # Records about storing the log, or made while storing it, would come back for ever.
            if self._queue is not None and record.name != own_logger.name and not _STORING.get():
                line = _json_line(server_event(record, message, exception))
                self._queue.put(_event(SERVER_GROUP, int(record.created * 1000), line))
        except Exception:  # noqa: BLE001 - logging.Handler's contract: emit never raises
            self.handleError(record)

    def _show(self, record: logging.LogRecord, message: str, exception: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created)) + f".{int(record.msecs):03}"
        request_id = getattr(record, "request_id", None)
        tail = (f" [{request_id}]" if request_id else "") + (f"\n{exception}" if exception else "")
        if self._console is None:
            self._output.write(f"{clock} {record.levelname:<8} {record.name}: {message}{tail}\n")
            self._output.flush()
            return
        line = Text.assemble(
            (clock, "dim"),
            " ",
            (f"{record.levelname:<8}", LEVEL_STYLES.get(record.levelname, "")),
            (f" {record.name}: ", "cyan"),
            message,
            (tail, "dim"),
        )
        self._console.print(line)


def server_event(record: logging.LogRecord, message: str, exception: str) -> dict[str, object]:
    """Return the structured form of a record, as it is stored in `/groundwatch/server`."""
    event: dict[str, object] = {
        "timestamp_ms": int(record.created * 1000),
        "level": record.levelname,
        "logger": record.name,
        "message": message[:MESSAGE_CHARACTERS],
    }
    request_id = getattr(record, "request_id", None)
    if request_id:
        event["request_id"] = str(request_id)
    if exception:
        event["exception"] = exception[-MESSAGE_CHARACTERS:]
    return event


def redact(text: str) -> str:
    """Return the text with what looks like a signature, token, key or password replaced by `***`."""
    # Most texts hold none, and the search by pattern costs 20 µs where these cost one.
    lowered = text.lower()
    for hint in SECRET_HINTS:
        if hint in lowered:
            return URL_PASSWORDS.sub(r"\1:***@", SECRETS.sub(r"\1***", text))
    return text


def _event(group: str, timestamp_ms: int, message: str) -> _Event:
    size_bytes = len(message) if message.isascii() else len(message.encode())
    return _Event(group, timestamp_ms, message, size_bytes + EVENT_OVERHEAD_BYTES)


def _json_line(event: Mapping[str, object] | msgspec.Struct) -> str:
    try:
        return msgspec.json.encode(event).decode()
    except (TypeError, ValueError):
        # Lone surrogates, and values that have no JSON form, in text that came from outside.
        members = msgspec.to_builtins(event) if isinstance(event, msgspec.Struct) else event
        return json.dumps(members, default=str)


def _exception_text(record: logging.LogRecord) -> str:
    if not record.exc_info:
        return record.exc_text or ""
    return logging.Formatter().formatException(record.exc_info)


def _own_stream_name() -> str:
    # A stream's name may hold neither a colon nor an asterisk.
    return re.sub(r"[:*]", "_", socket.gethostname()) or "server"
