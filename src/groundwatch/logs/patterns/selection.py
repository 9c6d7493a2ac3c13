"""What a selector finds in a JSON document."""

from __future__ import annotations

from collections.abc import Sequence

from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.document import JsonValue, RepeatedKeys


def select(steps: Sequence[nodes.Step], document: JsonValue) -> Sequence[JsonValue]:
    """Return the values that the steps lead to: several with a wildcard, none where a step has nowhere to go."""
    found: Sequence[JsonValue] = (document,)
    for step in steps:
        # Nearly always there is one parent, and nothing to flatten.
        if len(found) == 1:
            found = _taken(step, found[0])
            continue
        found = [value for parent in found for value in _taken(step, parent)]
    return found


def _taken(step: nodes.Step, parent: JsonValue) -> Sequence[JsonValue]:
    if isinstance(parent, dict):
        if isinstance(step, nodes.Member):
            return (parent[step.name],) if step.name in parent else ()
        if isinstance(step, nodes.AnyMember):
            return [value for _, value in parent.pairs] if isinstance(parent, RepeatedKeys) else list(parent.values())
    if isinstance(parent, list):
        if isinstance(step, nodes.Element):
            return parent[step.index : step.index + 1]
        if isinstance(step, nodes.AnyElement):
            return parent
    return ()
