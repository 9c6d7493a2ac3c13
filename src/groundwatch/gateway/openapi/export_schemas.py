"""Schemas of an exported document: models with their references to one another in the document's form."""

from __future__ import annotations

from typing import Any

import msgspec

from groundwatch.gateway.definition import Model
from groundwatch.gateway.openapi.dialects import mapping
from groundwatch.gateway.openapi.document import Tree

_MODELS = "https://apigateway.amazonaws.com/restapis/"


def exported_schema(model: Model, prefix: str, *, in_full: bool) -> Tree:
    """Return the schema of a model with its references below `prefix`.

    Without `in_full` the draft that the schema names is left out, which documents of either version do not know.
    """
    schema = mapping(_rewritten(msgspec.json.decode(model.schema or "{}"), model.name, prefix))
    if not in_full:
        schema.pop("$schema", None)
    return schema


def _rewritten(value: object, model: str, prefix: str) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, list):
        return [_rewritten(held, model, prefix) for held in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _reference(held, model, prefix)
        if key == "$ref" and isinstance(held, str)
        else _rewritten(held, model, prefix)
        for key, held in value.items()
    }


def _reference(target: str, model: str, prefix: str) -> str:
    if target.startswith("#"):
        # In a document `#` is its own root, no longer that of the model.
        return prefix + model + target[1:]
    if target.startswith(_MODELS) and "/models/" in target:
        name, _, pointer = target.partition("/models/")[2].partition("#")
        return prefix + name + pointer
    return target
