"""When each access key was last used: noted in memory with every request, written down now and then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.context import RequestContext
from groundwatch.identity.names import TEMPORARY_PREFIX
from groundwatch.identity.values import KeyUse

log = logging.getLogger(__name__)
WRITE_INTERVAL_S = 60.0


class KeyUses:
    """Remembers the last use of each long-term key until it is written down.

    For one event loop. A note costs less than a microsecond; what was noted in the last minute is lost with the process
    if it is killed, and a key that is used at every moment is written once a minute.
    """

    def __init__(self, write: Callable[[Mapping[str, KeyUse]], Awaitable[None]]) -> None:
        self._write = write
        self._noted: dict[str, tuple[int, str, str]] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, context: RequestContext, action: str) -> None:
        """Note that a request for this action was signed with the key of its principal."""
        key_id = context.principal.access_key_id
        if key_id is not None and not key_id.startswith(TEMPORARY_PREFIX):
            self._noted[key_id] = (context.received_ms, action, context.region)

    def noted(self, access_key_id: str) -> KeyUse | None:
        """Return a use that is not written down yet, or None."""
        known = self._noted.get(access_key_id)
        return None if known is None else KeyUse(known[0], known[1].partition(":")[0], known[2])

    async def flush(self) -> None:
        """Write down what was noted; on failure it is noted still, unless a later use is."""
        taken, self._noted = self._noted, {}
        if not taken:
            return
        uses = {
            key: KeyUse(used_ms, action.partition(":")[0], region) for key, (used_ms, action, region) in taken.items()
        }
        try:
            await self._write(uses)
        except SQLAlchemyError:
            self._noted = taken | self._noted
            raise

    def start(self) -> None:
        """Begin to write in the background."""
        self._task = asyncio.create_task(self._run(), name="key-uses")

    async def stop(self) -> None:
        """End the background work and write down what is left."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._try_flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(WRITE_INTERVAL_S)
            await self._try_flush()

    async def _try_flush(self) -> None:
        try:
            await self.flush()
        except SQLAlchemyError as error:
            # The next round tries again; requests must not fail for it.
            log.warning("cannot write down when access keys were used: %s", error)
