"""Whether the two engines answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.http import WireResponse
from groundwatch.begun import in_task
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError
from groundwatch.storage.sql import Database

log = logging.getLogger(__name__)
HEALTH_TIMEOUT_S = 5
HEALTH_KEPT_S = 1.0


class HealthDesk:
    """Answers 200 while both engines answer, else 503 with the one that does not. For one event loop.

    Anybody may ask, also on the public port, and asking the engines costs thirty times what another answer does: they
    are asked once for all who want to know at the same time, and what they say is kept for `HEALTH_KEPT_S`.
    """

    def __init__(
        self, events: EventDatabase, metadata: Database, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._metadata = metadata
        self._clock_s = clock_s
        self._asking: asyncio.Task[WireResponse] | None = None
        self._known: tuple[float, WireResponse] | None = None

    async def answer(self) -> WireResponse:
        """Return the answer to a request for the health."""
        if self._known is not None and self._clock_s() < self._known[0] + HEALTH_KEPT_S:
            return self._known[1]
        await in_task()
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="health")
        # Whoever leaves must not take the answer away from the others.
        return await asyncio.shield(self._asking)

    async def _ask(self) -> WireResponse:
        try:
            states = {
                "events": await _state(self._events.run("read", _ask_events)),
                "metadata": await _state(self._metadata.read(lambda connection: connection.execute(text("SELECT 1")))),
            }
            healthy = all(state == "ok" for state in states.values())
            body = msgspec.json.encode({"status": "ok" if healthy else "failing", **states})
            answer = WireResponse(200 if healthy else 503, (("Content-Type", "application/json"),), body)
            self._known = (self._clock_s(), answer)
            return answer
        finally:
            self._asking = None


def _ask_events(client: Client) -> object:
    return client.query("SELECT 1")


async def _state(asked: Awaitable[object]) -> str:
    await in_task()
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await asked
    except (StorageError, SQLAlchemyError, TimeoutError) as error:
        log.warning("health check: %s", error)
        return "failing"
    return "ok"
