"""The one engine behind every Update operation: a list of patch operations, applied by a table of allowed paths.

A table says for one kind of resource which path pattern changes which attribute, how the value (always a string) is
read and which of `add`, `remove` and `replace` are allowed. Operations are applied in order to an immutable value, so a
list with an error in it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control.errors import bad_request, not_found

S = TypeVar("S", bound=msgspec.Struct)
Operations = Sequence[Mapping[str, Any]]
REPLACE = frozenset({"replace"})
ADD_REMOVE = frozenset({"add", "remove"})
ANY = ADD_REMOVE | REPLACE
MAX_OPERATIONS = 5000
"""Of one list: each copies what it changes, inside the transaction that everybody's writes wait for."""


class Step(msgspec.Struct, frozen=True):
    """One operation on one attribute, its path already matched."""

    op: str
    path: str
    key: str
    """The last variable segment of the path, unescaped; empty when the pattern has none."""
    value: str | None
    keys: tuple[str, ...] = ()
    """All variable segments."""


class Rule(msgspec.Struct, frozen=True):
    """What one path pattern, such as `/requestTemplates/{type}`, stands for.

    `{name...}` takes one segment or more, which clients write with and without escaping their slashes.
    """

    path: str
    attribute: str
    ops: frozenset[str]
    change: Callable[[Any, Step], Any]
    """(present attribute, step) → new attribute."""


class Table(msgspec.Struct, frozen=True):
    """The paths of one kind of resource."""

    rules: tuple[Rule, ...]
    not_built: tuple[str, ...] = ()
    """First segments of paths that the service has and this server has not (yet)."""
    unknown_path: str | None = None
    """Message for an unknown path, with `{path}`, where a kind has its own."""
    listings: Mapping[str, str] = {}
    """Operation → the paths that it takes as the service lists them, where its own order or spelling is known."""
    whole: Callable[[Any, Mapping[str, Any]], Any] | None = None
    """Tried first: applies an operation that concerns more than one attribute; None for one that is not its own."""


def apply_patch(table: Table, target: S, operations: Operations | None) -> S:
    """Return `target` with every operation applied; BadRequestException names the first that the table refuses."""
    if len(operations or ()) > MAX_OPERATIONS:
        raise bad_request(f"At most {MAX_OPERATIONS} patch operations can be specified")
    # On values, not in place: whatever an operation raises, the caller still has the untouched one.
    for operation in operations or ():
        whole = table.whole(target, operation) if table.whole is not None else None
        if whole is not None:
            target = whole
            continue
        rule, step = _match(table, operation)
        attribute = rule.change(getattr(target, rule.attribute), step)
        target = msgspec.structs.replace(target, **{rule.attribute: attribute})
    return target


# --- kinds of attributes ---


def text(path: str, attribute: str) -> Rule:
    """A string that may be emptied: no value or an empty one unsets it."""
    return Rule(path, attribute, REPLACE, lambda _, step: step.value or None)


def required_text(path: str, attribute: str) -> Rule:
    """A string that must not be emptied."""
    return Rule(path, attribute, REPLACE, lambda _, step: _given(step))


def choice(path: str, attribute: str, options: Sequence[str], *, optional: bool = False) -> Rule:
    """One of a few words."""

    def change(_: object, step: Step) -> str | None:
        if optional and not step.value:
            return None
        if step.value not in options:
            raise bad_request(
                f"Invalid value '{step.value}' specified for '{step.path}'. Must be one of: {_list(options)}"
            )
        return step.value

    return Rule(path, attribute, REPLACE, change)


def flag(path: str, attribute: str) -> Rule:
    """A boolean: everything but `true` is false, as in the service."""
    return Rule(path, attribute, REPLACE, lambda _, step: is_true(step))


def number(path: str, attribute: str, *, optional: bool = False, refusal: str | None = None) -> Rule:
    """A whole number; `refusal` is what the service says of anything else, where that is known."""

    def change(_: object, step: Step) -> int | None:
        if optional and not step.value:
            return None
        try:
            return int(step.value or "")
        except ValueError as error:
            message = f"Invalid value '{step.value}' specified for '{step.path}'. Must be an integer"
            raise bad_request(refusal or message) from error

    return Rule(path, attribute, REPLACE, change)


def entry(
    path: str,
    attribute: str,
    *,
    ops: frozenset[str] = ANY,
    read: Callable[[Step], Any] | None = None,
    replace_adds: bool = False,
) -> Rule:
    """A member of a map whose key is the last segment of the path.

    `replace` wants the member to be there, unless `replace_adds`.
    """
    reader = read or _given

    def change(present: Mapping[str, Any], step: Step) -> dict[str, Any]:
        if step.op == "remove" or (step.op == "replace" and not replace_adds):
            _require_present(step.key, present)
        if step.op != "remove":
            return {**present, step.key: reader(step)}
        return {name: value for name, value in present.items() if name != step.key}

    return Rule(path, attribute, ops, change)


def flag_entry(path: str, attribute: str, *, ops: frozenset[str] = ANY) -> Rule:
    """A boolean member of a map."""
    return entry(path, attribute, ops=ops, read=is_true)


def template_entry(path: str, attribute: str, *, empty: str | None = None) -> Rule:
    """A mapping template: an empty text, kept as `empty`, renders nothing; no text at all is an error."""
    read = read_template(attribute_name(attribute))
    return entry(path, attribute, read=lambda step: read(step) or empty)


def read_template(member: str) -> Callable[[Step], str]:
    """Return a reader that wants a value, be it empty."""

    def read(step: Step) -> str:
        if step.value is None:
            raise bad_request(f"Invalid null or empty value in {member}")
        return step.value

    return read


def item(path: str, attribute: str) -> Rule:
    """A member of a list that the path names: `add` appends it, `replace` appends the value in its stead."""

    def change(present: Sequence[str], step: Step) -> list[str]:
        if step.op == "add":
            return _with(present, step.key)
        _require_present(step.key, present)
        kept = [value for value in present if value != step.key]
        # Not in the old one's place: that is how the service does it.
        return kept if step.op == "remove" else _with(kept, _given(step))

    return Rule(path, attribute, ANY, change)


def value_item(path: str, attribute: str) -> Rule:
    """A member of a list that the value names."""

    def change(present: Sequence[str], step: Step) -> list[str]:
        value = _given(step)
        if step.op == "add":
            return _with(present, value)
        _require_present(value, present)
        return [other for other in present if other != value]

    return Rule(path, attribute, ADD_REMOVE, change)


def attribute_name(attribute: str) -> str:
    """Return the model's spelling of an attribute."""
    first, *rest = attribute.split("_")
    return first + "".join(word.capitalize() for word in rest)


# --- matching ---


def check_path(table: Table, operation: Mapping[str, Any]) -> None:
    """Raise for an operation that the table refuses, where there is no value to apply it to."""
    _match(table, operation)


def _match(table: Table, operation: Mapping[str, Any]) -> tuple[Rule, Step]:
    op, path = str(operation.get("op")), operation.get("path")
    if path is None:
        raise bad_request("Invalid patch path null")
    segments = [part.replace("~1", "/").replace("~0", "~") for part in path.removeprefix("/").split("/")]
    for rule in table.rules:
        keys = _keys(rule.path, segments) if path.startswith("/") else None
        # Two rules may have one path, such as one that sets an attribute and one that removes it.
        if keys is not None and op in rule.ops:
            return rule, Step(op, path, keys[-1] if keys else "", operation.get("value"), keys)
    if segments[0] in table.not_built:
        raise NotImplementedByServer(f"Patch operation '{op}' on '{path}'")
    raise bad_request(_refusal(table, op, path))


def _keys(pattern: str, segments: Sequence[str]) -> tuple[str, ...] | None:
    """Return the variable parts of a path that fits the pattern, or None."""
    wanted = pattern.removeprefix("/").split("/")
    surplus = len(segments) - len(wanted)
    greedy = next((place for place, name in enumerate(wanted) if name.endswith("...}")), None)
    if greedy is not None and surplus > 0:
        joined = "/".join(segments[greedy : greedy + surplus + 1])
        segments = [*segments[:greedy], joined, *segments[greedy + surplus + 1 :]]
    if len(wanted) != len(segments):
        return None
    pairs = list(zip(wanted, segments, strict=True))
    if any(expected != given for expected, given in pairs if not expected.startswith("{")):
        return None
    return tuple(given for expected, given in pairs if expected.startswith("{"))


def _refusal(table: Table, op: str, path: str) -> str:
    allowed = sorted({name for rule in table.rules for name in rule.ops})
    if op not in allowed:
        if op in ANY:
            return f"Invalid patch path  '{path}' specified for op '{op}'. Please choose supported operations"
        return f"Invalid patch operation specified. Must be one of: {_list(allowed)}"
    if table.unknown_path is not None:
        return table.unknown_path.replace("{path}", path)
    paths = table.listings.get(op) or _list([rule.path.replace("...", "") for rule in table.rules if op in rule.ops])
    # Two blanks: the service's own spelling, which scripts match on.
    return f"Invalid patch path  '{path}' specified for op '{op}'. Must be one of: {paths}"


def _given(step: Step) -> str:
    if not step.value:
        raise bad_request(f"Invalid null or empty value for patch path '{step.path}'")
    return step.value


def is_true(step: Step) -> bool:
    """Tell whether the value is `true`, in any case, as in Python's and Java's spellings."""
    return (step.value or "").lower() == "true"


def _with(present: Sequence[str], value: str) -> list[str]:
    return [*present, value] if value not in present else list(present)


def _require_present(key: str, present: Mapping[str, Any] | Sequence[str]) -> None:
    if key not in present:
        raise not_found("Invalid parameter name specified")


def _list(words: Sequence[str]) -> str:
    return f"[{', '.join(words)}]"
