"""Whether a message matches a filter policy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from groundwatch.notifications.errors import invalid
from groundwatch.notifications.filters.conditions import Group, Scalar
from groundwatch.notifications.records import Message, MessageAttribute

MAX_LOOKED_AT = 100_000
"""How many values of one message all policies of a topic may look at together: some tenths of a second."""


class Candidate:
    """A message as filter policies see it; the body is read when a policy asks for it."""

    def __init__(self, message: Message, body: str) -> None:
        self._attributes = message.attributes
        self._text = body
        self._read: dict[str, Any] = {}
        self._looked_at = 0

    def matches(self, group: Group, scope: str) -> bool:
        """Tell whether the policy wants the message; `InvalidParameter` when finding out takes too long."""
        if scope not in self._read:
            self._read[scope] = _body(self._text) if scope == "MessageBody" else _values(self._attributes)
        read = self._read[scope]
        return read is not None and self._group(group, read)

    def _group(self, group: Group, value: Any) -> bool:  # noqa: ANN401 - any JSON
        if isinstance(value, list):
            # All keys of an object must match within one element.
            return any(self._group(group, item) for item in value if isinstance(item, dict))
        here: Mapping[str, Any] = value if isinstance(value, dict) else {}
        return (
            all(self._leaf(conditions, here.get(key, _MISSING)) for key, conditions in group.leaves.items())
            and all(self._group(inner, here.get(key, {})) for key, inner in group.objects.items())
            and all(any(self._group(choice, here) for choice in choices) for choices in group.alternatives)
        )

    def _leaf(self, conditions: Any, found: Any) -> bool:  # noqa: ANN401 - any JSON
        values = _leaves(found)
        self._looked_at += len(values) + 1
        if self._looked_at > MAX_LOOKED_AT:
            raise invalid("Message", "The message has too many values for the filter policies of the topic")
        if not values:
            return bool(conditions.absent)
        return any(conditions.hold(value) for value in values)


_MISSING: dict[str, object] = {}


def _leaves(found: Any) -> list[Scalar]:  # noqa: ANN401 - any JSON
    """Return what is tested: the value, or the elements of a list; objects are not leaves."""
    values = found if isinstance(found, list) else [found]
    return [value for value in values if not isinstance(value, dict | list)]


def _body(text: str) -> object:
    try:
        # Integers of any length become numbers that can be compared.
        read = json.loads(text, parse_int=float)
    # Brackets nested a hundred thousand deep exhaust the stack of the parser.
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _values(attributes: Mapping[str, MessageAttribute]) -> dict[str, object]:
    read = {name: _value(attribute) for name, attribute in attributes.items()}
    return {name: value for name, value in read.items() if value is not _MISSING}


def _value(attribute: MessageAttribute) -> object:
    kind = attribute.type.partition(".")[0]
    if kind == "Number":
        return float(attribute.value)
    if attribute.type == "String.Array":
        return json.loads(attribute.value, parse_int=float)
    return attribute.value if kind == "String" else _MISSING
