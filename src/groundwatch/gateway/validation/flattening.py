"""A model with everything that it refers to, as one schema that stands alone."""

from __future__ import annotations

from typing import Any

import msgspec

from groundwatch.gateway.definition import RestApi
from groundwatch.gateway.validation.schemas import model_prefix

Node = Any
"""A JSON value."""


def flattened(api: RestApi, name: str) -> str:
    """Return the schema of a model with the models that it needs as its `definitions`.

    References are kept as such, into the schema itself, since models may refer to themselves and to one another. A
    model that needs no other is returned as it is written.
    """
    root = _schema(api, name)
    names = _needed(api, name)
    if not names:
        return api.models[name].schema or "{}"
    own = root.get("definitions")
    definitions = dict(own) if isinstance(own, dict) else {}
    keys = {name: ""} | {needed: _free(needed, definitions) for needed in names}
    flat = {**root, "definitions": definitions}
    flat = _rewritten(flat, api, keys, "")
    for needed in names:
        flat["definitions"][keys[needed]] = _rewritten(_schema(api, needed), api, keys, keys[needed])
    return msgspec.json.encode(flat).decode()


def referred(api: RestApi, target: object) -> tuple[str, str] | None:
    """Return the model of the API and the pointer into it that a reference leads to, None for one within a model."""
    prefix = model_prefix(api.id)
    if not isinstance(target, str) or not target.startswith(prefix):
        return None
    name, _, pointer = target.removeprefix(prefix).partition("#")
    return (name, pointer) if name in api.models else None


def _schema(api: RestApi, name: str) -> Node:
    return msgspec.json.decode(api.models[name].schema or "{}")


def _needed(api: RestApi, name: str) -> list[str]:
    """Return the models that a model leads to, directly or not, without itself."""
    found = {name: None}
    waiting = [_schema(api, name)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            target = referred(api, value.get("$ref"))
            if target is not None and target[0] not in found:
                found[target[0]] = None
                waiting.append(_schema(api, target[0]))
    return list(found)[1:]


def _free(name: str, taken: Node) -> str:
    while name in taken:
        name += "_"
    return name


def _rewritten(value: Node, api: RestApi, keys: dict[str, str], key: str) -> Node:
    """Return a part of the model that is kept under `key`, the root under none, with its references moved."""
    if isinstance(value, list):
        return [_rewritten(held, api, keys, key) for held in value]
    if not isinstance(value, dict):
        return value
    moved = {name: _rewritten(held, api, keys, key) for name, held in value.items()}
    if isinstance(value.get("$ref"), str):
        moved["$ref"] = _moved(value["$ref"], api, keys, key)
    return moved


def _moved(target: str, api: RestApi, keys: dict[str, str], key: str) -> str:
    elsewhere = referred(api, target)
    if elsewhere is not None:
        return _place(keys[elsewhere[0]]) + elsewhere[1]
    return _place(key) + target[1:] if target.startswith("#") else target


def _place(key: str) -> str:
    return f"#/definitions/{key}" if key else "#"
