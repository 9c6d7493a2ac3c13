"""Models as compiled schemas: JSON Schema draft 4, where `$ref` leads to the model itself and to models of the API.

Nothing is ever fetched: a reference to anything else makes the model unusable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
import referencing.exceptions
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from groundwatch.gateway.definition import Model, RestApi
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.regex import Regex
from groundwatch.gateway.mapping.text import MAX_VALUES
from groundwatch.gateway.validation.keywords import BoundedValidator, BudgetError, Run, schema_faults
from groundwatch.gateway.validation.messages import message_of

MAX_STEPS = 250_000
"""Keywords tried for one body: some seconds at worst."""
MAX_SCHEMA_STEPS = 5_000_000
"""Keywords tried for one schema: two seconds at worst."""
MAX_PROBLEMS = 20
"""Problems that are told; a body that has more is as invalid."""
UNREADABLE = "Unknown error parsing request body"
TOO_COMPLEX = "request body is too complex to be validated"

Schema = Mapping[str, Any]


def model_prefix(api_id: str) -> str:
    """Return what the name of a model is preceded by in references to it."""
    return f"https://apigateway.amazonaws.com/restapis/{api_id}/models/"


def read_schema(model: Model) -> Schema:
    """Return the schema of a model.

    Raises:
        MappingError: when the text is none of draft 4, or too complex to tell.
    """
    try:
        schema = msgspec.json.decode(model.schema or "{}")
        fault = next((error.message for error in schema_faults(schema, MAX_SCHEMA_STEPS)), None)
    except (msgspec.DecodeError, RecursionError) as error:
        fault = str(error)
    except BudgetError:
        fault = "it is too complex"
    if fault is not None:
        raise MappingError(f"model {model.name} has no valid schema: {fault[:200]}")
    if not isinstance(schema, dict):
        raise MappingError(f"model {model.name} has no valid schema: it is no object")
    return schema


def references(schema: Schema) -> list[str]:
    """Return where the references of a schema lead."""
    return [held for key, held in _members(schema) if key == "$ref" and isinstance(held, str)]


def foreign_references(schema: Schema) -> list[str]:
    """Return the references that lead neither into the schema nor to a model."""
    known = ("#", "https://apigateway.amazonaws.com/restapis/")
    return [target for target in references(schema) if not target.startswith(known)]


def compile_patterns(schema: Schema) -> dict[str, Regex]:
    """Return the regular expressions of a schema.

    Raises:
        MappingError: for one that cannot be run.
    """
    compiled: dict[str, Regex] = {}
    for key, held in _members(schema):
        patterns = [held] if key == "pattern" and isinstance(held, str) else []
        if key == "patternProperties" and isinstance(held, dict):
            patterns = list(held)
        for pattern in patterns:
            if pattern not in compiled:
                compiled[pattern] = Regex(pattern)
    return compiled


def _members(value: object) -> Iterator[tuple[str, Any]]:
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, dict):
            yield from current.items()
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)


class ModelSchema:
    """One model, ready to check bodies."""

    def __init__(self, url: str, registry: Registry[Schema], patterns: Mapping[str, Regex]) -> None:
        self._root = {"$ref": url}
        self._registry = registry
        self._patterns = patterns

    def problems(self, body: bytes, max_steps: int = MAX_STEPS) -> list[str]:
        """Return what is wrong with a body, nothing when it fits.

        Raises:
            BudgetError: when that takes more than `max_steps`.
            MappingError: when the schema refers to what there is not.
        """
        if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
            return [TOO_COMPLEX]
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return [UNREADABLE]
        validator = BoundedValidator(self._root, registry=self._registry, format_checker=Run(self._patterns, max_steps))
        errors: Iterator[ValidationError] = validator.iter_errors(document)
        try:
            return [message_of(error) for error in islice(errors, MAX_PROBLEMS)]
        except RecursionError:
            return [TOO_COMPLEX]
        except referencing.exceptions.Unresolvable as error:
            raise MappingError(f"the model refers to {error.ref}, which there is not") from error


class ApiSchemas:
    """The models of one API; read when the first body is checked, since most APIs check none.

    May be used from several threads: what two of them read at once is the same.
    """

    def __init__(self, api: RestApi) -> None:
        self._api = api
        self._registry: Registry[Schema] | None = None
        self._patterns: dict[str, Regex] = {}
        self._unusable: dict[str, MappingError] = {}
        self._compiled: dict[str, ModelSchema] = {}

    def known(self, name: str) -> ModelSchema | None:
        """Return the schema of a model that was got before."""
        return self._compiled.get(name)

    def get(self, name: str) -> ModelSchema:
        """Return the schema of a model. The first time takes as long as all models together are large.

        Raises:
            MappingError: when there is no such model or it cannot be used.
        """
        found = self._compiled.get(name)
        if found is None:
            model = self._api.models.get(name)
            if model is None:
                raise MappingError(f"model {name} does not exist")
            registry = self._all()
            if name in self._unusable:
                raise self._unusable[name]
            found = ModelSchema(model_prefix(self._api.id) + name, registry, self._patterns)
            self._compiled[name] = found
        return found

    def _all(self) -> Registry[Schema]:
        if self._registry is None:
            prefix = model_prefix(self._api.id)
            resources = [(prefix + name, self._resource(model)) for name, model in self._api.models.items()]
            self._registry = Registry[Schema]().with_resources([(url, held) for url, held in resources if held])
        return self._registry

    def _resource(self, model: Model) -> Resource[Schema] | None:
        # A model that cannot be used only matters to bodies that it is for.
        try:
            schema = read_schema(model)
            self._patterns |= compile_patterns(schema)
        except MappingError as error:
            self._unusable[model.name] = error
            return None
        return DRAFT4.create_resource(schema)
