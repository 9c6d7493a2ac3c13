"""Lines as programs without structured logging write them, the same ones on every run: some 110 bytes, few shapes.

What makes such logs small is that shapes repeat while addresses, numbers and identifiers differ; both are so here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path

SYSTEMS: dict[str, tuple[str, ...]] = {
    "access": (
        '10.{a}.{b}.{c} - - "GET /static/img/{n}.png HTTP/1.1" 200 {bytes} "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        '10.{a}.{b}.{c} - user{n} "POST /account/login HTTP/1.1" 302 {bytes} "https://shop.example/login" "curl/8.5.0"',
        '10.{a}.{b}.{c} - - "GET /items/{n}?ref={hex} HTTP/2.0" 404 {bytes} "-" "okhttp/4.12"',
    ),
    "login": (
        "gate-1 sshd[{n}]: Failed password for invalid user oracle from 172.16.{b}.{c} port {bytes} ssh2",
        "gate-1 sshd[{n}]: Accepted publickey for deploy from 172.16.{b}.{c} port {bytes} ssh2: ED25519 SHA256:{hex}",
        "gate-1 sshd[{n}]: Connection closed by 172.16.{b}.{c} [preauth]",
    ),
    "storage": (
        "INFO storage.BlockReceiver: received block blk_{hex} of size {bytes} from /10.{a}.{b}.{c}:50010",
        "INFO storage.Namesystem: block map updated: 10.{a}.{b}.{c}:50010 is added to blk_{hex} size {bytes}",
        "WARN storage.Balancer: block blk_{hex} has {n} of 3 replicas, scheduling replication to /10.{a}.{b}.{c}:50010",
    ),
    "worker": (
        "DEBUG [worker-{a}] jobs.Queue - leased job {hex} after {n} ms, {b} waiting",
        "INFO [worker-{a}] jobs.Runner - job {hex} finished in {n} ms with {bytes} bytes of output",
        "ERROR [worker-{a}] jobs.Runner - job {hex} failed: java.io.IOException: read timed out after {n} ms",
    ),
}
CURRENT = 50
"""How many jobs, blocks or keys a program has to do with at a time."""
LINES_EACH = 4
SIZES = (67_108_864, *(size * 37 for size in range(100, 400)))
START = datetime(2026, 3, 2, tzinfo=UTC)


def written_logs(streams: int, lines: int, seed: int = 20140328) -> Iterator[list[str]]:
    """Yield `streams` logs of `lines` lines each, of the systems in turn."""
    for number, shapes in zip(range(streams), _endlessly(list(SYSTEMS.values())), strict=False):
        # Not a secret: the generator must repeat itself.
        yield list(islice(_lines(shapes, random.Random(f"{seed}:{number}")), lines))


def repeated_logs(directory: Path, streams: int) -> Iterator[list[str]]:
    """Yield `streams` logs: the lines of the `*.log` files of a directory, in turn and again from the first.

    Raises `FileNotFoundError` when there is none.
    """
    logs = [_lines_of(path) for path in sorted(directory.glob("*.log"))]
    if not logs:
        raise FileNotFoundError(f"no *.log in {directory}")
    yield from islice(_endlessly(logs), streams)


def _endlessly(logs: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    return (logs[number % len(logs)] for number in count())


def _lines_of(path: Path) -> list[str]:
    # An event has at least one byte.
    return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line]


def _lines(shapes: Sequence[str], chance: random.Random) -> Iterator[str]:
    now = START
    current = [_identifier(chance) for _ in range(CURRENT)]
    while True:
        now += timedelta(milliseconds=chance.randrange(1500))
        # What a program is busy with shows in several lines, then never again.
        place = chance.randrange(CURRENT)
        if chance.randrange(LINES_EACH) == 0:
            current[place] = _identifier(chance)
        text = chance.choice(shapes).format(
            a=chance.randrange(4),
            b=chance.randrange(8),
            c=chance.randrange(64),
            n=chance.randrange(2000),
            bytes=chance.choice(SIZES),
            hex=current[place],
        )
        yield f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d} {text}"


def _identifier(chance: random.Random) -> str:
    return f"{chance.getrandbits(64):016x}"
