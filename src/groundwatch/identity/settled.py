"""Checks that pass whatever else the request says: they are made again and again, while hardly anything changes."""

from __future__ import annotations

from groundwatch.aws.context import AccessCheck, Principal
from groundwatch.identity.values import Permissions

CAPACITY = 1024


class SettledDecisions:
    """Remembers what was allowed without a look at any condition key, by principal, action and resource.

    The walk over the policies is the same every time until it looks up its first key, so without one nothing of the
    request can change the decision. It holds for the very `Permissions` object that it was made with: the store makes
    a new one after every write and every two seconds. For one event loop.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._entries: dict[tuple[Principal, str, str], Permissions] = {}

    def find(self, principal: Principal, check: AccessCheck, permissions: Permissions) -> bool:
        """Tell whether these permissions are known to allow the check."""
        return self._entries.get((principal, check.action, check.resource)) is permissions

    def keep(self, principal: Principal, check: AccessCheck, permissions: Permissions) -> None:
        """Remember that these permissions allow the check; the oldest goes first."""
        key = (principal, check.action, check.resource)
        self._entries.pop(key, None)
        if len(self._entries) >= self._capacity:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = permissions
