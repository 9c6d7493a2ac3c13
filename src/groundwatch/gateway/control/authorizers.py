"""Operations on authorizers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render, tree
from groundwatch.gateway.control.authorizer_rules import with_authorizer, with_defaults
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import conflict, require
from groundwatch.gateway.control.ids import SHORT, fresh_id
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.definition import Authorizer, RestApi
from groundwatch.gateway.openapi.authorizers import read_jwt_configuration
from groundwatch.gateway.testing import test_request

AuthorizerType = Literal["TOKEN", "REQUEST", "COGNITO_USER_POOLS", "JWT"]


class AuthorizerOperations(ControlPlane):
    """CreateAuthorizer and its kin."""

    async def create_authorizer(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        name: str,
        type: AuthorizerType,  # noqa: A002 - the model's name
        provider_arns: Sequence[str] | None = None,
        auth_type: str | None = None,
        authorizer_uri: str | None = None,
        authorizer_credentials: str | None = None,
        identity_source: str | None = None,
        identity_validation_expression: str | None = None,
        authorizer_result_ttl_in_seconds: int | None = None,
        jwt_configuration: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Add an authorizer to an API."""
        wanted = Authorizer(
            id="",
            name=name,
            type=type,
            provider_arns=list(provider_arns or ()),
            auth_type=auth_type,
            authorizer_uri=authorizer_uri or None,
            authorizer_credentials=authorizer_credentials or None,
            identity_source=identity_source or None,
            identity_validation_expression=identity_validation_expression or None,
            authorizer_result_ttl_in_seconds=authorizer_result_ttl_in_seconds,
            jwt_configuration=read_jwt_configuration(jwt_configuration) if jwt_configuration else None,
        )

        def edit(api: RestApi) -> RestApi:
            made = with_defaults(replace(wanted, id=fresh_id(self._ids, SHORT, api.authorizers)))
            return replace(api, authorizers=with_authorizer(api, made))

        api = await self._edit(context, rest_api_id, edit)
        return render.authorizer(list(api.authorizers.values())[-1])

    async def get_authorizer(self, context: RequestContext, *, rest_api_id: str, authorizer_id: str) -> dict[str, Any]:
        """Return an authorizer."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        return render.authorizer(_authorizer_of(api, authorizer_id))

    async def get_authorizers(
        self, context: RequestContext, *, rest_api_id: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the authorizers of an API in order of their ids."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        return page_of(api.authorizers.values(), position, limit, key=lambda held: held.id, render=render.authorizer)

    async def update_authorizer(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        authorizer_id: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch an authorizer; takes effect with the next deployment."""

        def edit(api: RestApi) -> RestApi:
            before = _authorizer_of(api, authorizer_id)
            after = apply_patch(patch_tables.AUTHORIZER, before, patch_operations)
            if after.type != before.type:
                # A method of type CUSTOM must not end up with the keys of an issuer, nor the reverse.
                _check_unused(api, before, "change the type of")
            return replace(api, authorizers=with_authorizer(api, after))

        api = await self._edit(context, rest_api_id, edit)
        return render.authorizer(_authorizer_of(api, authorizer_id))

    async def delete_authorizer(self, context: RequestContext, *, rest_api_id: str, authorizer_id: str) -> None:
        """Remove an authorizer that no method names."""

        def edit(api: RestApi) -> RestApi:
            gone = _authorizer_of(api, authorizer_id)
            _check_unused(api, gone, "delete")
            return replace(api, authorizers=tree.without(api.authorizers, authorizer_id))

        await self._edit(context, rest_api_id, edit)

    async def test_invoke_authorizer(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        authorizer_id: str,
        headers: Mapping[str, str] | None = None,
        multi_value_headers: Mapping[str, Sequence[str]] | None = None,
        path_with_query_string: str | None = None,
        body: str | None = None,
        stage_variables: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask an authorizer as it is defined now about a request that the caller made up."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        authorizer = _authorizer_of(api, authorizer_id)
        request = test_request(path_with_query_string, body, headers, multi_value_headers, stage_variables)
        result = await self._test_invoker.test_authorizer(api, authorizer, request, context)
        return render.authorizer_test(result)


def _authorizer_of(api: RestApi, authorizer_id: str) -> Authorizer:
    return require(api.authorizers.get(authorizer_id), "Invalid Authorizer identifier specified")


def _check_unused(api: RestApi, authorizer: Authorizer, verb: str) -> None:
    for place, method in tree.methods_of(api):
        if method.authorizer_id == authorizer.id:
            raise conflict(f"Cannot {verb} authorizer '{authorizer.name}', is referenced in method: {place}")
