"""The methods of java.util.List and java.util.Map that templates may call."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.evaluation import COMMON, Evaluation, integer, same, text_of
from groundwatch.gateway.mapping.values import Entry, Method, VtlList, VtlValue, is_number


def _size(_run: Evaluation, value: VtlValue) -> int:
    return len(value)


def _position(items: list[VtlValue], index: VtlValue) -> int:
    position = integer(index)
    if not 0 <= position < len(items):
        raise MappingError(f"index {position} of a list of {len(items)}")
    return position


def _list_get(_run: Evaluation, items: list[VtlValue], index: VtlValue) -> VtlValue:
    return items[_position(items, index)]


def _list_add(run: Evaluation, items: list[VtlValue], first: VtlValue, *second: VtlValue) -> VtlValue:
    run.budget.mutated = True
    if not second:
        items.append(first)
        return True
    run.budget.charge_text(len(items))
    position = integer(first)
    if not 0 <= position <= len(items):
        raise MappingError(f"index {position} of a list of {len(items)}")
    items.insert(position, second[0])
    return None


def _list_add_all(run: Evaluation, items: list[VtlValue], more: VtlValue) -> bool:
    if not isinstance(more, list):
        raise MappingError("addAll needs a list")
    run.budget.charge(1 + len(more))
    run.budget.mutated = True
    items.extend(list(more))
    return bool(more)


def _list_set(run: Evaluation, items: list[VtlValue], index: VtlValue, value: VtlValue) -> VtlValue:
    run.budget.mutated = True
    position = _position(items, index)
    previous, items[position] = items[position], value
    return previous


def _find(run: Evaluation, items: list[VtlValue], wanted: VtlValue) -> int:
    for position, item in enumerate(items):
        if same(run, item, wanted):
            return position
    return -1


def _list_remove(run: Evaluation, items: list[VtlValue], what: VtlValue) -> VtlValue:
    run.budget.mutated = True
    run.budget.charge_text(len(items))
    if is_number(what):
        return items.pop(_position(items, what))
    position = _find(run, items, what)
    if position >= 0:
        del items[position]
    return position >= 0


def _list_contains(run: Evaluation, items: list[VtlValue], wanted: VtlValue) -> bool:
    return _find(run, items, wanted) >= 0


def _sub_list(run: Evaluation, items: list[VtlValue], start: VtlValue, end: VtlValue) -> VtlList:
    first, last = integer(start), integer(end)
    if not 0 <= first <= last <= len(items):
        raise MappingError(f"subList({first}, {last}) of a list of {len(items)}")
    run.budget.charge(1 + last - first)
    return VtlList(items[first:last])


def _iterator(_run: Evaluation, items: list[VtlValue]) -> list[VtlValue]:
    return items


def map_key(run: Evaluation, key: VtlValue) -> VtlValue:
    """Return the form in which a key is kept: texts and numbers as they are, anything else as text."""
    return key if isinstance(key, str | int | float) else text_of(run, key)


def _map_get(run: Evaluation, mapping: dict[VtlValue, VtlValue], key: VtlValue) -> VtlValue:
    return mapping.get(map_key(run, key))


def _map_get_or_default(
    run: Evaluation, mapping: dict[VtlValue, VtlValue], key: VtlValue, default: VtlValue
) -> VtlValue:
    found = mapping.get(map_key(run, key))
    return default if found is None else found


def _map_put(run: Evaluation, mapping: dict[VtlValue, VtlValue], key: VtlValue, value: VtlValue) -> VtlValue:
    run.budget.mutated = True
    kept = map_key(run, key)
    previous = mapping.get(kept)
    mapping[kept] = value
    return previous


def _map_put_all(run: Evaluation, mapping: dict[VtlValue, VtlValue], more: VtlValue) -> None:
    if not isinstance(more, dict):
        raise MappingError("putAll needs a map")
    run.budget.charge(1 + len(more))
    run.budget.mutated = True
    for key in list(more):  # One by one, so that an override map sees every name.
        mapping[key] = more[key]


def _map_remove(run: Evaluation, mapping: dict[VtlValue, VtlValue], key: VtlValue) -> VtlValue:
    run.budget.mutated = True
    return mapping.pop(map_key(run, key), None)


def _contains_key(run: Evaluation, mapping: dict[VtlValue, VtlValue], key: VtlValue) -> bool:
    return map_key(run, key) in mapping


def _contains_value(run: Evaluation, mapping: dict[VtlValue, VtlValue], wanted: VtlValue) -> bool:
    return _find(run, _values(run, mapping), wanted) >= 0


def _key_set(run: Evaluation, mapping: dict[VtlValue, VtlValue]) -> VtlList:
    run.budget.charge(1 + len(mapping))
    return VtlList(mapping)


def _values(run: Evaluation, mapping: dict[VtlValue, VtlValue]) -> VtlList:
    run.budget.charge(1 + len(mapping))
    return VtlList(mapping.values())


def _entry_set(run: Evaluation, mapping: dict[VtlValue, VtlValue]) -> VtlList:
    run.budget.charge(1 + len(mapping))
    return VtlList(Entry(key, value) for key, value in mapping.items())


def _is_empty(_run: Evaluation, value: VtlValue) -> bool:
    return len(value) == 0


LIST_METHODS: Mapping[str, Method] = {
    **COMMON,
    "size": Method(_size, 0, 0),
    "get": Method(_list_get, 1, 1),
    "add": Method(_list_add, 1, 2),
    "addAll": Method(_list_add_all, 1, 1),
    "set": Method(_list_set, 2, 2),
    "remove": Method(_list_remove, 1, 1),
    "contains": Method(_list_contains, 1, 1),
    "indexOf": Method(_find, 1, 1),
    "isEmpty": Method(_is_empty, 0, 0),
    "subList": Method(_sub_list, 2, 2),
    "iterator": Method(_iterator, 0, 0),
}
MAP_METHODS: Mapping[str, Method] = {
    **COMMON,
    "size": Method(_size, 0, 0),
    "get": Method(_map_get, 1, 1),
    "getOrDefault": Method(_map_get_or_default, 2, 2),
    "put": Method(_map_put, 2, 2),
    "putAll": Method(_map_put_all, 1, 1),
    "remove": Method(_map_remove, 1, 1),
    "containsKey": Method(_contains_key, 1, 1),
    "containsValue": Method(_contains_value, 1, 1),
    "keySet": Method(_key_set, 0, 0),
    "values": Method(_values, 0, 0),
    "entrySet": Method(_entry_set, 0, 0),
    "isEmpty": Method(_is_empty, 0, 0),
}
