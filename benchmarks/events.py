"""The events that every benchmark uses: JSON log lines of about 300 bytes, the same ones on every run.

A batch depends on the seed and its own number only, so several processes can make the batches of one load, in any
order, and nothing larger than a batch is ever held in memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec

LEVELS = ("INFO", "INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR")
SERVICES = ("checkout", "catalog", "payments", "search", "gateway", "accounts", "shipping", "mailer")
PATHS = ("/v1/orders", "/v1/items", "/v1/carts", "/v1/users", "/v1/search", "/v1/payments", "/v1/login", "/healthz")
STATUSES = (200, 200, 200, 200, 200, 201, 204, 301, 304, 400, 401, 404, 404, 429, 500, 503)
METHODS = ("GET", "GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE")
AGENTS = ("curl/8.5.0", "Mozilla/5.0", "okhttp/4.12", "python-requests/2.32")
PLANS = ("free", "team", "pro", "enterprise")
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "ap-south-1")


class Event(msgspec.Struct, frozen=True):
    """One log event, with the member names of PutLogEvents."""

    timestamp: int
    """Milliseconds since the epoch."""
    message: str


class PutBody(msgspec.Struct, frozen=True):
    """The input of PutLogEvents, with the API's member names."""

    logGroupName: str  # noqa: N815 - the API's spelling
    logStreamName: str  # noqa: N815
    logEvents: list[Event]  # noqa: N815


class EventSource(msgspec.Struct, frozen=True):
    """An endless, repeatable sequence of events, one per millisecond from `start_ms` on."""

    start_ms: int
    seed: int = 20140328
    batch_events: int = 1000

    def batch(self, number: int) -> list[Event]:
        """Return batch `number` (from 0), its events in the order of their timestamps."""
        # Not a secret: the generator must repeat itself.
        bits = random.Random(f"{self.seed}:{number}").getrandbits
        first_ms = self.start_ms + number * self.batch_events
        return [
            Event(time_ms, _message(time_ms, bits(128))) for time_ms in range(first_ms, first_ms + self.batch_events)
        ]

    def batches(self) -> Iterator[list[Event]]:
        """Yield every batch from the first on, without end."""
        return map(self.batch, count())


def put_body(group: str, stream: str, events: list[Event]) -> bytes:
    """Return the body of a PutLogEvents request, as compact JSON on one line."""
    return msgspec.json.encode(PutBody(group, stream, events))


def get_body(group: str, stream: str, limit: int) -> bytes:
    """Return the body of a GetLogEvents request for the newest `limit` events."""
    members: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "limit": limit}
    return msgspec.json.encode(members)


def _message(time_ms: int, noise: int) -> str:
    """Return one JSON line of 14 fields; `noise` holds 128 random bits that decide the values."""
    low, high, request = noise & 0xFFFFFFFF, noise >> 32 & 0xFFFFFFFF, noise >> 64
    stamp = datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    # Formatted by hand: an encoder takes several times as long, and a million events stand before every clock.
    return (
        f'{{"timestamp":"{stamp}.{time_ms % 1000:03d}Z","level":"{LEVELS[low & 7]}",'
        f'"service":"{SERVICES[low >> 3 & 7]}","region":"{REGIONS[low >> 6 & 3]}",'
        f'"path":"{PATHS[low >> 8 & 7]}","status":{STATUSES[low >> 11 & 15]},'
        f'"latency_ms":{(high & 0xFFFF) / 100},"bytes":{high >> 16},"retries":{low >> 15 & 3},'
        f'"request_id":"{request:016x}","cached":{"true" if low >> 17 & 1 else "false"},'
        f'"user":{{"id":{low >> 18},"plan":"{PLANS[low >> 18 & 3]}"}},'
        f'"http":{{"method":"{METHODS[low >> 20 & 7]}","agent":"{AGENTS[low >> 23 & 3]}"}},'
        f'"message":"request finished"}}'
    )
