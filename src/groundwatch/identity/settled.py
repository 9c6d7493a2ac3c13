"""Decisions that follow from who asks for what alone: asked again and again, while hardly anything changes."""

from __future__ import annotations

from groundwatch.aws.context import AccessCheck, Principal
from groundwatch.identity.policy.evaluate import Decision
from groundwatch.identity.values import Permissions

CAPACITY = 1024


class SettledDecisions:
    """Remembers decisions for which no condition key was looked up, by principal, action and resource.

    The walk over the policies is the same every time until it looks up its first key, so without one nothing of the
    request can change the decision. It stands for the very `Permissions` object that it was made with: the store makes
    a new one after every write and every two seconds. For one event loop.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._entries: dict[tuple[Principal, str, str], tuple[Permissions, Decision]] = {}

    def find(self, principal: Principal, check: AccessCheck, permissions: Permissions) -> Decision | None:
        """Return the decision, None when it was not made with these permissions."""
        entry = self._entries.get((principal, check.action, check.resource))
        return entry[1] if entry is not None and entry[0] is permissions else None

    def keep(self, principal: Principal, check: AccessCheck, permissions: Permissions, decision: Decision) -> None:
        """Remember a decision; the oldest goes first."""
        key = (principal, check.action, check.resource)
        self._entries.pop(key, None)
        if len(self._entries) >= self._capacity:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (permissions, decision)
