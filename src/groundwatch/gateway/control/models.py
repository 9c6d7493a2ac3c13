"""Operations on models and request validators."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control import patch_tables, render, tree
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, conflict, require
from groundwatch.gateway.control.ids import SHORT, fresh_id
from groundwatch.gateway.control.model_samples import sample_template
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.definition import Model, RequestValidator, RestApi
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.store import UnknownApiError
from groundwatch.gateway.validation.flattening import flattened
from groundwatch.gateway.validation.schemas import Schema, foreign_references, model_prefix, read_schema, references

MAX_SCHEMA_BYTES = 400 * 1024
"""Of one model; the service's own limit."""
_MODEL_NAME = re.compile(r"[A-Za-z0-9]+")


class ModelOperations(ControlPlane):
    """Models and request validators."""

    # --- models ---

    async def create_model(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        name: str,
        content_type: str,
        description: str | None = None,
        schema: str | None = None,
    ) -> dict[str, Any]:
        """Add a model to an API."""

        def edit(api: RestApi) -> RestApi:
            if name in api.models:
                raise conflict("Model name already exists for this REST API")
            taken = {known.id for known in api.models.values()}
            model = Model(fresh_id(self._ids, SHORT, taken), name, content_type, schema, description)
            check_model(model)
            return replace(api, models={**api.models, name: model})

        api = await self._edit(context, rest_api_id, edit)
        return render.model(api.models[name])

    async def get_model(
        self, context: RequestContext, *, rest_api_id: str, model_name: str, flatten: bool | None = None
    ) -> dict[str, Any]:
        """Return a model; `flatten` puts the models that it refers to into its schema."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        model = _model_of(api, model_name)
        return render.model(replace(model, schema=await _made_of(api, model_name, flattened)) if flatten else model)

    async def get_model_template(self, context: RequestContext, *, rest_api_id: str, model_name: str) -> dict[str, Any]:
        """Return a sample mapping template that renders the form of a model."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        _model_of(api, model_name)
        return {"value": await _made_of(api, model_name, sample_template)}

    async def get_models(
        self, context: RequestContext, *, rest_api_id: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the models of an API in order of their names."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        return page_of(api.models.values(), position, limit, key=lambda model: model.name, render=render.model)

    async def update_model(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        model_name: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch a model."""

        def edit(api: RestApi) -> RestApi:
            model = apply_patch(patch_tables.MODEL, _model_of(api, model_name), patch_operations)
            check_model(model)
            return replace(api, models={**api.models, model_name: model})

        api = await self._edit(context, rest_api_id, edit)
        return render.model(api.models[model_name])

    async def delete_model(self, context: RequestContext, *, rest_api_id: str, model_name: str) -> None:
        """Remove a model that no method refers to."""

        def edit(api: RestApi) -> RestApi:
            _model_of(api, model_name)
            _check_unused(api, model_name)
            return replace(api, models=tree.without(api.models, model_name))

        await self._edit(context, rest_api_id, edit)

    # --- request validators ---

    async def create_request_validator(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        name: str | None = None,
        validate_request_body: bool | None = None,
        validate_request_parameters: bool | None = None,
    ) -> dict[str, Any]:
        """Add a request validator to an API."""

        def edit(api: RestApi) -> RestApi:
            validator = RequestValidator(
                id=fresh_id(self._ids, SHORT, api.request_validators),
                name=name or "",
                validate_request_body=bool(validate_request_body),
                validate_request_parameters=bool(validate_request_parameters),
            )
            return _with_validator(api, validator)

        try:
            api = await self._edit(context, rest_api_id, edit)
        except UnknownApiError as error:
            # The one operation that answers so; recorded.
            raise bad_request("Invalid REST API identifier specified") from error
        return render.request_validator(list(api.request_validators.values())[-1])

    async def get_request_validator(
        self, context: RequestContext, *, rest_api_id: str, request_validator_id: str
    ) -> dict[str, Any]:
        """Return a request validator."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        return render.request_validator(_validator_of(api, request_validator_id))

    async def get_request_validators(
        self, context: RequestContext, *, rest_api_id: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the request validators of an API in order of their ids."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        validators = api.request_validators.values()
        return page_of(validators, position, limit, render=render.request_validator)

    async def update_request_validator(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        request_validator_id: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch a request validator."""

        def edit(api: RestApi) -> RestApi:
            before = _validator_of(api, request_validator_id)
            return _with_validator(api, apply_patch(patch_tables.REQUEST_VALIDATOR, before, patch_operations))

        api = await self._edit(context, rest_api_id, edit)
        return render.request_validator(_validator_of(api, request_validator_id))

    async def delete_request_validator(
        self, context: RequestContext, *, rest_api_id: str, request_validator_id: str
    ) -> None:
        """Remove a request validator that no method refers to."""

        def edit(api: RestApi) -> RestApi:
            gone = _validator_of(api, request_validator_id)
            for place, method in tree.methods_of(api):
                if method.request_validator_id == gone.id:
                    raise conflict(f"Cannot delete request validator '{gone.name}', is referenced in method: {place}")
            return replace(api, request_validators=tree.without(api.request_validators, gone.id))

        await self._edit(context, rest_api_id, edit)


def check_model(model: Model) -> None:
    """Raise when a model's name or schema cannot be one."""
    if not model.name:
        raise bad_request("Model name must be non-empty")
    if not _MODEL_NAME.fullmatch(model.name):
        raise bad_request(f"Model name must be alphanumeric: {model.name}")
    if len((model.schema or "").encode("utf-8", "replace")) > MAX_SCHEMA_BYTES:
        raise _invalid_model(f"Model schema has more than {MAX_SCHEMA_BYTES} bytes")
    try:
        schema = read_schema(model)
    except MappingError as error:
        raise _invalid_model("Invalid model schema specified") from error
    if not schema:
        raise bad_request("Model schema must have at least 1 property or array items defined")
    if foreign_references(schema):
        raise _invalid_model("Model reference must be in canonical form")


def _invalid_model(reason: str) -> ServiceError:
    return bad_request(f"Invalid model specified: Validation Result: warnings : [], errors : [{reason}]")


async def _made_of(api: RestApi, name: str, make: Callable[[RestApi, str], str]) -> str:
    try:
        return await asyncio.to_thread(make, api, name)
    except RecursionError as error:
        raise bad_request(f"Model {name} is nested too deeply") from error


def _model_of(api: RestApi, name: str) -> Model:
    return require(api.models.get(name), f"Invalid model name specified: {name}")


def _check_unused(api: RestApi, model_name: str) -> None:
    for place, method in tree.methods_of(api):
        if model_name in method.request_models.values():
            raise conflict(f"Cannot delete model '{model_name}', is referenced in method request: {place}")
        if any(model_name in response.response_models.values() for response in method.responses.values()):
            raise conflict(f"Cannot delete model '{model_name}', is referenced in method response: {place}")
    address = model_prefix(api.id) + model_name
    for other in api.models.values():
        # A schema with a hole in it would fail every request that is checked against it.
        if other.name != model_name and any(_leads_to(target, address) for target in references(_kept_schema(other))):
            raise conflict(f"Cannot delete model '{model_name}', is referenced in model: {other.name}")


def _kept_schema(model: Model) -> Schema:
    # It was checked before it was kept, which takes a hundred times as long as reading it.
    schema: Schema = msgspec.json.decode(model.schema or "{}")
    return schema


def _leads_to(target: str, address: str) -> bool:
    return target.partition("#")[0] == address


def _validator_of(api: RestApi, validator_id: str) -> RequestValidator:
    return require(api.request_validators.get(validator_id), "Invalid Request Validator identifier specified")


def _with_validator(api: RestApi, validator: RequestValidator) -> RestApi:
    if not validator.name:
        raise bad_request("Request Validator name cannot be blank")
    return replace(api, request_validators={**api.request_validators, validator.id: validator})
