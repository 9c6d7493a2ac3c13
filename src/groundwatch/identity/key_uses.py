"""When each access key was last used: noted in memory with every request, written down now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.exc import SQLAlchemyError

from groundwatch.aws.context import RequestContext
from groundwatch.background import WriteBehind
from groundwatch.identity.names import TEMPORARY_PREFIX
from groundwatch.identity.values import KeyUse

WRITE_INTERVAL_S = 60.0


class KeyUses(WriteBehind):
    """Remembers the last use of each long-term key until it is written down.

    For one event loop. A note costs less than a microsecond; what was noted in the last minute is lost with the process
    if it is killed, and a key that is used at every moment is written once a minute.
    """

    def __init__(self, write: Callable[[Mapping[str, KeyUse]], Awaitable[None]]) -> None:
        super().__init__("last uses of access keys", interval_s=WRITE_INTERVAL_S)
        self._write = write
        self._noted: dict[str, tuple[int, str, str]] = {}

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
            # What was noted meanwhile is later, and wins.
            self._noted = taken | self._noted
            raise
