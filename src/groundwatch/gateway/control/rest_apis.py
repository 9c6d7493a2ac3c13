"""Operations on REST APIs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.access import pass_role_checks
from groundwatch.gateway.control import patch_tables, render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.cloning import cloned_into, handed_roles
from groundwatch.gateway.control.ids import LONG, SHORT, IdSource
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.policies import stored_policy
from groundwatch.gateway.control.rules import check_api
from groundwatch.gateway.control.tag_rules import with_tags
from groundwatch.gateway.definition import Model, Resource, RestApi
from groundwatch.gateway.documentation.parts import Part

_EMPTY_SCHEMA = """{
  "$schema": "http://json-schema.org/draft-04/schema#",
  "title" : "Empty Schema",
  "type" : "object"
}"""
_ERROR_SCHEMA = """{
  "$schema" : "http://json-schema.org/draft-04/schema#",
  "title" : "Error Schema",
  "type" : "object",
  "properties" : {
    "message" : { "type" : "string" }
  }
}"""


def new_api(context: RequestContext, ids: IdSource, name: str, now_ms: int) -> RestApi:
    """Return an API with nothing but its root resource."""
    root_id = ids.identifier(LONG)
    return RestApi(
        id=ids.identifier(LONG),
        name=name,
        account_id=context.account_id,
        region=context.region,
        root_resource_id=root_id,
        created_ms=now_ms,
        resources={root_id: Resource(id=root_id, path="/")},
    )


def with_endpoint(api: RestApi, configuration: Mapping[str, Any] | None) -> RestApi:
    """Return the API with an EndpointConfiguration as the model has it."""
    if not configuration:
        return api
    if configuration.get("vpcEndpointIds"):
        raise NotImplementedByServer("The endpoint configuration vpcEndpointIds")
    return replace(
        api,
        endpoint_types=list(configuration.get("types") or api.endpoint_types),
        ip_address_type=configuration.get("ipAddressType") or api.ip_address_type,
    )


class RestApiOperations(ControlPlane):
    """CreateRestApi and its kin."""

    async def create_rest_api(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        name: str,
        description: str | None = None,
        version: str | None = None,
        clone_from: str | None = None,
        binary_media_types: Sequence[str] | None = None,
        minimum_compression_size: int | None = None,
        api_key_source: Literal["HEADER", "AUTHORIZER"] | None = None,
        endpoint_configuration: Mapping[str, Any] | None = None,
        policy: str | None = None,
        tags: Mapping[str, str] | None = None,
        disable_execute_api_endpoint: bool | None = None,
    ) -> dict[str, Any]:
        """Create an API: with a root resource and the models Empty and Error, or with what another one defines.

        What is given here has precedence over what the other one says.
        """
        api = new_api(context, self._ids, name, self._clock_ms())
        parts: list[Part] = []
        if clone_from:
            api, parts = await self._clone(context, api, clone_from)
        else:
            api = replace(api, models=self._default_models())
        given = {
            "description": description,
            "version": version,
            "binary_media_types": None if binary_media_types is None else list(binary_media_types),
            "minimum_compression_size": minimum_compression_size,
            "api_key_source": api_key_source,
            "disable_execute_api_endpoint": disable_execute_api_endpoint,
        }
        api = replace(
            api,
            **{member: value for member, value in given.items() if value is not None},
            tags=with_tags({}, tags),
        )
        api = with_endpoint(api, endpoint_configuration)
        check_api(api)
        if policy or not clone_from:
            api = replace(api, policy=stored_policy(api, policy, self._policy_fault))
        return render.rest_api(await self._store.create_api(api, parts))

    async def _clone(self, context: RequestContext, api: RestApi, source_id: str) -> tuple[RestApi, list[Part]]:
        place = place_of(context)
        source = await self._store.get_api(place, source_id)
        # Whoever gets a copy may change what it does with the roles that it names.
        checks = pass_role_checks(handed_roles(source))
        if checks:
            await self._authorizer.authorize(context, checks)
        parts = await self._store.documentation.get_parts(place, source_id)
        return cloned_into(api, source, self._ids), parts

    async def get_rest_api(self, context: RequestContext, *, rest_api_id: str) -> dict[str, Any]:
        """Return an API."""
        return render.rest_api(await self._store.get_api(place_of(context), rest_api_id))

    async def get_rest_apis(
        self, context: RequestContext, *, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the APIs of the account and region."""
        fetch = partial(self._store.list_apis, place_of(context))
        return await fetch_page(position, limit, fetch, render=render.rest_api)

    async def update_rest_api(
        self, context: RequestContext, *, rest_api_id: str, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Patch the members of an API."""

        def edit(api: RestApi) -> RestApi:
            patched = apply_patch(patch_tables.REST_API, api, patch_operations)
            check_api(patched)
            if patched.policy != api.policy:
                patched = replace(patched, policy=stored_policy(api, patched.policy, self._policy_fault))
            return patched

        return render.rest_api(await self._edit(context, rest_api_id, edit), with_tags=True)

    async def delete_rest_api(self, context: RequestContext, *, rest_api_id: str) -> None:
        """Remove an API with everything under it."""
        await self._store.delete_api(place_of(context), rest_api_id)

    def _default_models(self) -> dict[str, Model]:
        return {
            name: Model(
                id=self._ids.identifier(SHORT),
                name=name,
                schema=schema,
                description=f"This is a default {name.lower()} schema model",
            )
            for name, schema in (("Empty", _EMPTY_SCHEMA), ("Error", _ERROR_SCHEMA))
        }
