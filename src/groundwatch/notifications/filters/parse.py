"""Filter policies from their JSON text, with the refusals of the real service."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from math import prod
from typing import Any, Literal

from groundwatch.aws.errors import ServiceError
from groundwatch.notifications.errors import invalid
from groundwatch.notifications.filters.conditions import Bounds, Canonical, Conditions, Group, IpNetwork, canonical

Scope = Literal["MessageAttributes", "MessageBody"]
MAX_KEYS = 5
MAX_COMBINATIONS = 150
MAX_BYTES = 256 * 1024
MAX_NUMBER = 10**9
MAX_DEPTH = 150
"""Of a body policy, since each array counts as often as it is deep."""
OR = "$or"
CACHED_POLICIES, CACHED_CHARACTERS = 1024, 16 * 1024
"""Blanks make a policy as long as one likes; all of them together must not take the server's memory."""


def parse_filter(text: str, scope: Scope) -> Group:
    """Return a filter policy in its compiled form; raise `InvalidParameter` for anything that is none."""
    return _cached(text, scope) if len(text) <= CACHED_CHARACTERS else _parsed(text, scope)


def _parsed(text: str, scope: Scope) -> Group:
    if len(text.encode()) > MAX_BYTES:
        raise _refused("Filter policy is too complex")
    try:
        document = json.loads(text, parse_int=float)
    # Brackets nested a hundred thousand deep exhaust the stack of the parser.
    except (ValueError, RecursionError) as error:
        raise _refused("failed to parse JSON.") from error
    if not isinstance(document, dict):
        raise _refused("Filter policy must be a JSON object")
    keys = list(_leaf_keys(document))
    if len(set(keys)) > MAX_KEYS:
        raise _refused("Filter policy can not have more than 5 keys")
    if _combinations(document, 1, by_depth=scope == "MessageBody") > MAX_COMBINATIONS:
        raise _refused("Filter policy is too complex")
    return _group(document, nested=scope == "MessageBody")


_cached = lru_cache(maxsize=CACHED_POLICIES)(_parsed)


def _leaf_keys(document: Mapping[str, Any], path: tuple[str, ...] = (), depth: int = 1) -> Iterator[tuple[str, ...]]:
    if depth > MAX_DEPTH:
        raise _refused("Filter policy is too complex")
    for key, value in document.items():
        if key == OR and _is_choice(value):
            for choice in value:
                yield from _leaf_keys(choice, path, depth + 1)
        elif isinstance(value, dict):
            yield from _leaf_keys(value, (*path, key), depth + 1)
        else:
            yield (*path, key)


def _combinations(document: Mapping[str, Any], depth: int, *, by_depth: bool) -> int:
    def count(key: str, value: object) -> int:
        if key == OR and isinstance(value, list) and _is_choice(value):
            return sum(_combinations(choice, depth, by_depth=by_depth) for choice in value)
        if isinstance(value, dict):
            return _combinations(value, depth + 1, by_depth=by_depth)
        length = len(value) if isinstance(value, list) else 1
        return max(1, length) * (depth if by_depth else 1)

    return prod(count(key, value) for key, value in document.items())


def _is_choice(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(item, dict) for item in value)


def _group(document: Mapping[str, Any], *, nested: bool) -> Group:
    leaves: dict[str, Conditions] = {}
    objects: dict[str, Group] = {}
    choices: list[tuple[Group, ...]] = []
    for key, value in document.items():
        if key == OR and _is_choice(value):
            choices.append(tuple(_group(choice, nested=nested) for choice in value))
        elif isinstance(value, list):
            leaves[key] = _conditions(value)
        elif isinstance(value, dict) and nested and value:
            objects[key] = _group(value, nested=nested)
        elif isinstance(value, dict) and value:
            raise _refused("Filter policy scope MessageAttributes does not support nested filter policy")
        else:
            raise _refused(f'"{key}" must be an object or an array')
    return Group(leaves, objects, tuple(choices))


def _conditions(elements: list[Any]) -> Conditions:
    if not elements:
        raise _refused("Empty arrays are not allowed")
    found: dict[str, list[Any]] = {}
    for element in elements:
        if isinstance(element, dict):
            name, value = _expression(element)
            found.setdefault(name, []).append(value)
        else:
            found.setdefault("equal", []).append(_literal(element))
    return Conditions(
        equal=frozenset(found.get("equal", ())),
        prefixes=tuple(found.get("prefixes", ())),
        suffixes=tuple(found.get("suffixes", ())),
        ignoring_case=frozenset(found.get("ignoring_case", ())),
        ranges=tuple(found.get("ranges", ())),
        networks=tuple(found.get("networks", ())),
        none_of=tuple(found.get("none_of", ())),
        no_prefix=tuple(found.get("no_prefix", ())),
        present=True in found.get("exists", ()),
        absent=False in found.get("exists", ()),
    )


def _literal(element: object) -> Canonical:
    if isinstance(element, list):
        raise _refused("Match value must be String, number, true, false, or null")
    if isinstance(element, float):
        return canonical(_number(element))
    return canonical(element)  # type: ignore[arg-type] # what JSON has besides lists, objects and numbers


def _expression(element: Mapping[str, Any]) -> tuple[str, Any]:
    if len(element) != 1:
        raise _refused("Only one key allowed in match expression")
    ((name, value),) = element.items()
    read = _EXPRESSIONS.get(name)
    if read is None:
        raise _refused(f"Unrecognized match type {name}")
    return read(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _refused(f"{name} match pattern must be a string")
    return value


def _prefix(value: object) -> tuple[str, Any]:
    return "prefixes", _text("prefix", value)


def _suffix(value: object) -> tuple[str, Any]:
    return "suffixes", _text("suffix", value)


def _ignoring_case(value: object) -> tuple[str, Any]:
    return "ignoring_case", _text("equals-ignore-case", value).casefold()


def _exists(value: object) -> tuple[str, Any]:
    if not isinstance(value, bool):
        raise _refused("exists match pattern must be either true or false.")
    return "exists", value


def _cidr(value: object) -> tuple[str, Any]:
    try:
        network: IpNetwork = ipaddress.ip_network(_text("cidr", value), strict=False)
    except ValueError as error:
        raise _refused("Malformed CIDR, one '/' required" if "/" not in str(value) else "Malformed CIDR") from error
    return "networks", network


def _anything_but(value: object) -> tuple[str, Any]:
    if isinstance(value, dict):
        if len(value) != 1:
            raise _refused("Only one key allowed in match expression")
        ((name, inner),) = value.items()
        if name != "prefix":
            raise _refused(f"Unsupported anything-but pattern: {name}")
        prefixes = inner if isinstance(inner, list) and inner else [inner]
        return "no_prefix", tuple(_text("prefix", prefix) for prefix in prefixes)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise _refused("Empty arrays are not allowed")
    return "none_of", frozenset(map(_excluded, values))


def _excluded(item: object) -> Canonical:
    if isinstance(item, str):
        return canonical(item)
    if isinstance(item, float):
        return canonical(_number(item))
    raise _refused("Inside anything-but list, string or numbers are allowed")


def _numeric(value: object) -> tuple[str, Any]:
    if not isinstance(value, list) or not value:
        raise _refused("Value of numeric must be an array.")
    operator = value[0]
    if operator not in ("=", "<", "<=", ">", ">="):
        raise _refused(f"Unrecognized numeric range operator: {operator}")
    number = _operand(value, 1)
    if len(value) == 2:
        return "ranges", _bounds(operator, number)
    if operator not in (">", ">=") or value[2] not in ("<", "<="):
        raise _refused(f"Bad numeric range operator: {value[2]}")
    top = _operand(value, 3)
    if len(value) > 4:
        raise _refused("Too many terms in numeric range expression")
    if number >= top:
        raise _refused("Bottom must be less than top")
    return "ranges", Bounds(number, top, with_low=operator == ">=", with_high=value[2] == "<=")


def _operand(value: list[Any], position: int) -> float:
    number = value[position] if len(value) > position else None
    if not isinstance(number, float):
        raise _refused(f"Value of {value[position - 1]} must be numeric")
    return _number(number)


def _bounds(operator: str, number: float) -> Bounds:
    if operator == "=":
        return Bounds(number, number)
    if operator.startswith("<"):
        return Bounds(high=number, with_high=operator == "<=")
    return Bounds(low=number, with_low=operator == ">=")


def _number(value: float) -> float:
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise _refused(f"Value must be between -{MAX_NUMBER} and {MAX_NUMBER}, inclusive")
    return float(value)


_EXPRESSIONS: Mapping[str, Callable[[object], tuple[str, Any]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "exists": _exists,
    "cidr": _cidr,
    "anything-but": _anything_but,
    "numeric": _numeric,
}


def _refused(reason: str) -> ServiceError:
    return invalid("Attributes", f"FilterPolicy: {reason}")
