"""Live tails that keep up: one process reads any number of sessions and notes when each event arrived.

Run as a process of its own (`python -m benchmarks.tail_client`): it takes a `Job` as a line of JSON, says `ready` when
all sessions have started, reads until its input is closed, and prints what it saw. Times are those of `time.monotonic`,
one clock for all processes of a machine.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import msgspec
import uvloop

from benchmarks.client import LoadError, Request
from benchmarks.servers import Server

STREAM_LIMIT_BYTES = 32 * 1024 * 1024
READY = b"ready\n"
PRELUDE_BYTES, CHECKSUM_BYTES = 12, 4
END_TIMEOUT_S = 30


class Job(msgspec.Struct, frozen=True):
    """Where to connect to, and the request of each session."""

    host: str
    port: int
    sessions: list[tuple[str, str]]
    """Head and body of a signed StartLiveTail."""


class Sighting(msgspec.Struct, frozen=True):
    """One update of a session."""

    arrived_s: float
    timestamps: list[int]
    """Those of its events."""
    sampled: bool


class _Event(msgspec.Struct, frozen=True):
    timestamp: int


class _Metadata(msgspec.Struct, frozen=True):
    sampled: bool


class _Update(msgspec.Struct, frozen=True, rename="camel"):
    session_metadata: _Metadata
    session_results: list[_Event]


class Tails:
    """A client process, from the side of its parent."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def finish(self) -> list[list[Sighting]]:
        """Let the sessions end and return what each has seen. Raises `LoadError` when one ended before."""
        try:
            output, _ = self._process.communicate(timeout=END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise LoadError("the live-tail client did not end") from None
        if self._process.returncode:
            raise LoadError("a live tail failed: see the output of its client above")
        return msgspec.json.decode(output, type=list[list[Sighting]])


@contextmanager
def open_tails(server: Server, members: Sequence[dict[str, object]]) -> Iterator[Tails]:
    """Run a client with a session for each input of StartLiveTail; all have started when the block begins."""
    signer = server.signer()
    requests = [signer.request("StartLiveTail", msgspec.json.encode(each)) for each in members]
    job = Job(server.service.host, server.service.port, [_text(request) for request in requests])
    command = [sys.executable, "-m", "benchmarks.tail_client"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            _pipe(process.stdin).write(msgspec.json.encode(job) + b"\n")
            _pipe(process.stdin).flush()
            if _pipe(process.stdout).readline() != READY:
                raise LoadError("the live tails did not start: see the output of their client above")
            yield Tails(process)
        finally:
            process.kill()


class FrameReader:
    """Takes the bytes of an event stream and returns the messages that are complete, as headers and payload."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return what was completed by these bytes. Checksums are not looked at: the connection has its own."""
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= PRELUDE_BYTES:
            total_bytes = int.from_bytes(buffer[start : start + 4], "big")
            if len(buffer) - start < total_bytes:
                break
            headers = start + PRELUDE_BYTES
            payload = headers + int.from_bytes(buffer[start + 4 : start + 8], "big")
            start += total_bytes
            frames.append((bytes(buffer[headers:payload]), bytes(buffer[payload : start - CHECKSUM_BYTES])))
        del buffer[:start]
        return frames


class _Session:
    """One connection: sends its request, then reads until it is cancelled."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.seen: list[Sighting] = []
        self._frames = FrameReader()

    async def read(self, job: Job, head: str, body: str) -> None:
        reader, writer = await asyncio.open_connection(job.host, job.port, limit=STREAM_LIMIT_BYTES)
        writer.write(f"{head}{body}".encode("latin-1"))
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise LoadError(f"StartLiveTail: {answer!r} {await reader.read(1000)!r}")
        while size := int(await reader.readline(), 16):
            data = await reader.readexactly(size + 2)
            self._take(data[:-2], time.monotonic())
        raise LoadError("the server ended a live tail")

    def _take(self, data: bytes, now_s: float) -> None:
        for headers, payload in self._frames.feed(data):
            if b"sessionUpdate" in headers:
                update = msgspec.json.decode(payload, type=_Update)
                timestamps = [event.timestamp for event in update.session_results]
                self.seen.append(Sighting(now_s, timestamps, update.session_metadata.sampled))
            elif b"sessionStart" in headers:
                self.started.set()
            elif b"initial-response" not in headers:
                raise LoadError(f"a live tail sent {headers!r} {payload!r}")


async def _run(job: Job) -> list[list[Sighting]]:
    sessions = [_Session() for _ in job.sessions]
    async with asyncio.TaskGroup() as group:
        reads = [
            group.create_task(each.read(job, *request)) for each, request in zip(sessions, job.sessions, strict=True)
        ]
        for session in sessions:
            await session.started.wait()
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()
        await asyncio.to_thread(sys.stdin.buffer.read)
        for read in reads:
            read.cancel()
    return [session.seen for session in sessions]


def _text(request: Request) -> tuple[str, str]:
    return request.head.decode("latin-1"), bytes(request.body).decode("latin-1")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise LoadError("the live-tail client has no pipe")
    return pipe


def main() -> None:
    """Read the job from the input and run it."""
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.buffer.write(msgspec.json.encode(runner.run(_run(job))))


if __name__ == "__main__":
    main()
