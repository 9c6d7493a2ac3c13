"""Whether the two engines answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

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


async def health(events: EventDatabase, metadata: Database) -> WireResponse:
    """Answer 200 while both engines answer, else 503 with the one that does not."""
    states = {
        "events": await _state(events.run("read", _ask_events)),
        "metadata": await _state(metadata.read(lambda connection: connection.execute(text("SELECT 1")))),
    }
    healthy = all(state == "ok" for state in states.values())
    body = msgspec.json.encode({"status": "ok" if healthy else "failing", **states})
    return WireResponse(200 if healthy else 503, (("Content-Type", "application/json"),), body)


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
