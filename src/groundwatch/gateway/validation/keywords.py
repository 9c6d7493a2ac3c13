"""The keywords of JSON Schema draft 4 that take no more time than the body and the schema are long.

Regular expressions run on RE2, equal values are found by hashing, and every keyword that is tried is counted with what
it reads: schemas that refer to themselves, branch at each level or say one thing a thousand times could otherwise run
for ever.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from jsonschema import Draft4Validator, ValidationError, validators
from jsonschema.exceptions import FormatError

from groundwatch.gateway.mapping.regex import Regex
from groundwatch.gateway.mapping.values import is_number
from groundwatch.gateway.validation.messages import shown

_REGEX_COST_PER_STEP = 15
_VALUES_PER_STEP = 8
"""How many values a keyword goes through in a step, that is in some ten microseconds."""
_BYTES_PER_STEP = 256
"""How much is written for comparison in a step."""
_CHARACTERS_PER_STEP = 1024
"""How much of a text a format is looked for in a step."""
_LONG_URI = 2048
_ITERATING = frozenset({"items", "additionalItems", "additionalProperties", "patternProperties", "uniqueItems"})
"""The keywords that go through what a value holds."""
_ROOM_FRAMES = 30
"""How many calls deep the look-up of a reference goes, and some more."""
_HOST_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,12})?(Z|[+-]\d\d:?\d\d)")
_LONG_URI_FORM = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors | None]


class BudgetError(Exception):
    """A body or a schema takes more steps to check than it may."""


class Run:
    """One check of one body. It goes with the validator wherever that descends, in the place of the format checker."""

    def __init__(self, regexes: Mapping[str, Regex], max_steps: int) -> None:
        self._regexes = regexes
        self._steps_left = max_steps
        self._enumerations: dict[int, frozenset[bytes]] = {}
        """By the identity of the list in the schema, which outlives the check."""

    def spend(self, steps: int) -> None:
        """Count steps; raises BudgetError when there are too many."""
        self._steps_left -= steps
        if self._steps_left < 0:
            raise BudgetError

    def matches(self, pattern: str, text: str) -> bool:
        """Tell whether a pattern of the schema matches anywhere in a text."""
        regex = self._regexes[pattern]
        cost = regex.cost(text)
        self.spend(1 + cost // _REGEX_COST_PER_STEP)
        return regex.search(text, cost)

    def check(self, instance: object, format: str) -> None:  # noqa: A002 -- the name in the base class
        """Raise FormatError for a text without the format; unknown formats do not matter, as in the service."""
        known = _FORMATS.get(format)
        if known is None or not isinstance(instance, str):
            return
        self.spend(len(instance) // _CHARACTERS_PER_STEP)
        if not known(instance):
            raise FormatError(f"is no {format}")

    def canonical(self, value: object) -> bytes:
        """Return a text that is the same for equal values only."""
        text = msgspec.json.encode(_normal(value), order="deterministic")
        self.spend(len(text) // _BYTES_PER_STEP)
        return text

    def listed(self, values: list[Any]) -> frozenset[bytes]:
        """Return the values of a list of the schema in canonical form."""
        found = self._enumerations.get(id(values))
        if found is None:
            found = self._enumerations[id(values)] = frozenset(map(self.canonical, values))
        return found


def _run(validator: Any) -> Run:  # noqa: ANN401 -- the validator's class is made at run time
    return cast(Run, validator.format_checker)


def _counted(name: str, keyword: Keyword) -> Keyword:
    iterates = name in _ITERATING

    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Errors | None:  # noqa: ANN401
        # Lists and maps of a schema are gone through as a whole.
        steps = 1 + (len(value) if isinstance(value, list | dict) else 0)
        if iterates and isinstance(instance, list | dict):
            steps += len(instance) // _VALUES_PER_STEP
        _run(validator).spend(steps)
        return keyword(validator, value, instance, schema)

    return counted


def _ref(validator: Any, target: str, instance: Any, schema: Any) -> Errors:  # noqa: ANN401
    _leave_room(_ROOM_FRAMES)
    yield from Draft4Validator.VALIDATORS["$ref"](validator, target, instance, schema)


def _leave_room(frames: int) -> None:
    """Raise RecursionError unless so many calls fit in: the registry is written in Rust, which panics instead."""
    if frames:
        _leave_room(frames - 1)


def _pattern(validator: Any, pattern: str, instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    if isinstance(instance, str) and not _run(validator).matches(pattern, instance):
        yield ValidationError("")


def _pattern_properties(validator: Any, patterns: dict[str, Any], instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    if not isinstance(instance, dict):
        return
    for pattern, schema in patterns.items():
        for name, value in instance.items():
            if _run(validator).matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Errors:  # noqa: ANN401
    if not isinstance(instance, dict) or allowed is True:
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    run = _run(validator)
    extra = [
        name for name in instance if name not in known and not any(run.matches(pattern, name) for pattern in patterns)
    ]
    if isinstance(allowed, dict):
        for name in extra:
            yield from validator.descend(instance[name], allowed, path=name)
    elif extra:
        yield ValidationError(f"object instance has properties which are not allowed by the schema: {shown(extra)}")


def _unique_items(validator: Any, wanted: Any, instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    if wanted and isinstance(instance, list):
        run = _run(validator)
        run.spend(len(instance))
        if len({run.canonical(item) for item in instance}) < len(instance):
            yield ValidationError("array must not contain duplicate elements")


def _enum(validator: Any, values: list[Any], instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    run = _run(validator)
    if run.canonical(instance) not in run.listed(values):
        yield ValidationError("")


def _normal(value: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """Return a value in which equal numbers are written alike."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    return value


def _multiple_of(_validator: Any, factor: float, instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    # Exactly, as Java's BigDecimal: in doubles 0.3 is no multiple of 0.1, and a large quotient is infinite.
    if is_number(instance) and Fraction(str(instance)) % Fraction(str(factor)):
        yield ValidationError("")


def _required(_validator: Any, names: list[str], instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    if isinstance(instance, dict):
        missing = [name for name in names if name not in instance]
        if missing:
            yield ValidationError(f"object has missing required properties ({shown(missing)})")


def _dependencies(validator: Any, dependencies: dict[str, Any], instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    if not isinstance(instance, dict):
        return
    for name, wanted in dependencies.items():
        if name not in instance:
            continue
        if isinstance(wanted, dict):
            yield from validator.descend(instance, wanted, schema_path=name)
            continue
        missing = [other for other in wanted if other not in instance]
        if missing:
            yield ValidationError(
                f"property {shown(name)} of object has missing property dependencies "
                f"(schema requires {shown(wanted)}; missing: {shown(missing)})"
            )


def _fitting(validator: Any, schemas: list[Any], instance: Any) -> int:  # noqa: ANN401
    return sum(validator.evolve(schema=schema).is_valid(instance) for schema in schemas)


def _all_of(validator: Any, schemas: list[Any], instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    found = _fitting(validator, schemas, instance)
    if found < len(schemas):
        yield ValidationError(
            f"instance failed to match all required schemas (matched only {found} out of {len(schemas)})"
        )


def _one_of(validator: Any, schemas: list[Any], instance: Any, _schema: Any) -> Errors:  # noqa: ANN401
    found = _fitting(validator, schemas, instance)
    if found != 1:
        yield ValidationError(f"instance failed to match exactly one schema (matched {found} out of {len(schemas)})")


def _is_date_time(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 -- only the form matters
    except ValueError:
        return False
    return True


def _is_address(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return True

    return check


def _is_uri(text: str) -> bool:
    if len(text) > _LONG_URI:
        # The library remembers what it has split.
        return _LONG_URI_FORM.fullmatch(text) is not None
    try:
        return bool(urlsplit(text).scheme) and not re.search(r"\s", text)
    except ValueError:
        return False


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "date-time": _is_date_time,
    "email": lambda text: _EMAIL.fullmatch(text) is not None,
    "hostname": lambda text: len(text) <= 253 and all(_HOST_LABEL.fullmatch(label) for label in text.split(".")),
    "ipv4": _is_address(ipaddress.IPv4Address),
    "ipv6": _is_address(ipaddress.IPv6Address),
    "uri": _is_uri,
}
_OWN: Mapping[str, Keyword] = {
    "$ref": _ref,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "enum": _enum,
    "multipleOf": _multiple_of,
    "required": _required,
    "dependencies": _dependencies,
    "allOf": _all_of,
    "oneOf": _one_of,
}

BoundedValidator = validators.extend(
    Draft4Validator,
    {name: _counted(name, _OWN.get(name, keyword)) for name, keyword in Draft4Validator.VALIDATORS.items()},
)
"""Draft 4 with the keywords of this module. Its format checker must be a `Run`."""


class _SchemaRun(Run):
    """One check of one schema, whose formats do not matter."""

    def __init__(self, max_steps: int) -> None:
        super().__init__({}, max_steps)

    def check(self, instance: object, format: str) -> None:  # noqa: A002 -- the name in the base class
        """Take any text."""


def schema_faults(schema: object, max_steps: int) -> Errors:
    """Yield what is wrong with a schema of draft 4; raises BudgetError when finding out takes more steps than this."""
    # Not by the library's own check, which compares every value of an `enum` with every other one.
    validator = BoundedValidator(Draft4Validator.META_SCHEMA, format_checker=_SchemaRun(max_steps))
    yield from validator.iter_errors(schema)
