"""The Java methods that templates may call, by the type of the value: these tables are the whole of what is reachable.

A method that is not listed is refused, so reflection (`.getClass()…`) has nowhere to start. Every function takes the
evaluation and the receiver first; what would make a string or list longer is charged before it is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.mapping.collection_methods import LIST_METHODS, MAP_METHODS
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.evaluation import COMMON, Evaluation
from groundwatch.gateway.mapping.string_methods import STRING_METHODS
from groundwatch.gateway.mapping.values import Entry, Loop, Method, TemplateObject, VtlValue, compare


def _parse_int(_run: Evaluation, _receiver: VtlValue, text: VtlValue) -> int:
    try:
        if isinstance(text, str) and text.isascii() and len(text) <= 20 and text.strip() == text:
            return int(text)
    except ValueError:
        pass
    raise MappingError("parseInt needs a text of digits")


def _parse_double(_run: Evaluation, _receiver: VtlValue, text: VtlValue) -> float:
    try:
        if isinstance(text, str) and len(text) <= 40:
            return float(text)
    except ValueError:
        pass
    raise MappingError("parseDouble needs the text of a number")


def _int_value(_run: Evaluation, number: float) -> int:
    try:
        return int(number)
    except (ValueError, OverflowError) as error:
        raise MappingError("a number without integer value") from error


def _double_value(_run: Evaluation, number: float) -> float:
    try:
        return float(number)
    except OverflowError as error:
        raise MappingError("a number too large for a double") from error


def _number_compare(_run: Evaluation, number: float, other: VtlValue) -> int | None:
    return compare(number, other)


def _entry_key(_run: Evaluation, entry: Entry) -> VtlValue:
    return entry.key


def _entry_value(_run: Evaluation, entry: Entry) -> VtlValue:
    return entry.value


_NUMBER: Mapping[str, Method] = {
    **COMMON,
    "intValue": Method(_int_value, 0, 0),
    "longValue": Method(_int_value, 0, 0),
    "doubleValue": Method(_double_value, 0, 0),
    "compareTo": Method(_number_compare, 1, 1),
    "parseInt": Method(_parse_int, 1, 1),
    "parseLong": Method(_parse_int, 1, 1),
    "parseDouble": Method(_parse_double, 1, 1),
}
_ENTRY: Mapping[str, Method] = {**COMMON, "getKey": Method(_entry_key, 0, 0), "getValue": Method(_entry_value, 0, 0)}

_BY_TYPE: tuple[tuple[type, Mapping[str, Method]], ...] = (
    (str, STRING_METHODS),
    (dict, MAP_METHODS),
    (list, LIST_METHODS),
    (bool, COMMON),
    (int, _NUMBER),
    (float, _NUMBER),
    (Entry, _ENTRY),
    (Loop, {}),
)


def find_method(value: VtlValue, name: str) -> Method:
    """Return the method that a template means by `value.name(…)`.

    Raises:
        MappingError: when templates may not call it.
    """
    methods = value.methods if isinstance(value, TemplateObject) else _methods_of(value)
    method = methods.get(name)
    if method is None:
        raise MappingError(f"method {name}() is not available")
    return method


def _methods_of(value: VtlValue) -> Mapping[str, Method]:
    return next((methods for kind, methods in _BY_TYPE if isinstance(value, kind)), {})
