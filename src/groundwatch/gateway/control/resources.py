"""Operations on the resources of an API, on their methods and on what those answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render, tree
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, conflict
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.rules import AUTHORIZER_TYPES, check_http_method, check_method, check_method_response
from groundwatch.gateway.definition import Method, MethodResponse, RestApi


class ResourceOperations(ControlPlane):
    """Resources, methods and method responses."""

    # --- resources ---

    async def create_resource(
        self, context: RequestContext, *, rest_api_id: str, parent_id: str, path_part: str
    ) -> dict[str, Any]:
        """Add a resource below another."""
        api = await self._edit_tree(
            context, rest_api_id, lambda api: tree.add_resource(api, parent_id, path_part, self._ids)
        )
        # Read back by its place: an edit returns the whole API, not what it made.
        created = tree.child_of(api, parent_id, path_part)
        return render.resource(created) if created is not None else {}

    async def get_resource(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, embed: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return a resource; `embed=methods` shows its methods in full."""
        api = await self._read_tree(context, rest_api_id)
        return render.resource(tree.resource_of(api, resource_id), embed_methods=_embeds_methods(embed))

    async def get_resources(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        position: str | None = None,
        limit: int | None = None,
        embed: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """List the resources of an API in order of their ids."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        in_full = _embeds_methods(embed)
        return page_of(
            api.resources.values(),
            position,
            limit,
            render=lambda resource: render.resource(resource, embed_methods=in_full),
        )

    async def update_resource(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Rename or move a resource; the paths below it follow."""

        def edit(api: RestApi) -> RestApi:
            before = tree.resource_of(api, resource_id)
            after = apply_patch(patch_tables.RESOURCE, before, patch_operations)
            return api if after == before else tree.move_resource(api, after)

        api = await self._edit_tree(context, rest_api_id, edit)
        return render.resource(tree.resource_of(api, resource_id))

    async def delete_resource(self, context: RequestContext, *, rest_api_id: str, resource_id: str) -> None:
        """Remove a resource with everything below it."""
        await self._edit_tree(context, rest_api_id, lambda api: tree.remove_resource(api, resource_id))

    # --- methods ---

    async def put_method(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        authorization_type: str,
        authorizer_id: str | None = None,
        api_key_required: bool | None = None,
        operation_name: str | None = None,
        request_parameters: Mapping[str, bool] | None = None,
        request_models: Mapping[str, str] | None = None,
        request_validator_id: str | None = None,
        authorization_scopes: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Add a method to a resource."""
        method = Method(
            http_method=check_http_method(http_method),
            authorization_type=authorization_type,
            authorizer_id=authorizer_id,
            api_key_required=bool(api_key_required),
            operation_name=operation_name,
            request_parameters=dict(request_parameters or {}),
            request_models=dict(request_models or {}),
            request_validator_id=request_validator_id,
            authorization_scopes=list(authorization_scopes or ()),
        )

        def edit(api: RestApi) -> RestApi:
            # Unlike an integration, a method is not put over another one.
            if method.http_method in tree.resource_of(api, resource_id).methods:
                raise conflict("Method already exists for this resource")
            check_method(api, method)
            return tree.with_method(api, resource_id, method)

        await self._edit_tree(context, rest_api_id, edit)
        return render.method(method)

    async def get_method(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str
    ) -> dict[str, Any]:
        """Return a method with its responses and its integration."""
        api = await self._read_tree(context, rest_api_id)
        return render.method(tree.method_of(api, resource_id, http_method))

    async def update_method(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch a method."""

        def edit(api: RestApi) -> RestApi:
            method = apply_patch(patch_tables.METHOD, tree.method_of(api, resource_id, http_method), patch_operations)
            if method.authorization_type not in AUTHORIZER_TYPES:
                # Else the authorizer could not be deleted, though nothing asks it.
                method = replace(method, authorizer_id=None)
            check_method(api, method)
            return tree.with_method(api, resource_id, method)

        api = await self._edit_tree(context, rest_api_id, edit)
        return render.method(tree.method_of(api, resource_id, http_method))

    async def delete_method(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str
    ) -> None:
        """Remove a method with its integration."""
        await self._edit_tree(context, rest_api_id, lambda api: tree.without_method(api, resource_id, http_method))

    # --- method responses ---

    async def put_method_response(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        status_code: str,
        response_parameters: Mapping[str, bool] | None = None,
        response_models: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Declare a status that a method may answer with."""
        response = MethodResponse(status_code, dict(response_parameters or {}), dict(response_models or {}))

        def edit(api: RestApi) -> RestApi:
            method = tree.method_of(api, resource_id, http_method)
            if status_code in method.responses:
                raise conflict("Response already exists for this resource")
            return _with_response(api, resource_id, method, response)

        await self._edit_tree(context, rest_api_id, edit)
        return render.method_response(response)

    async def get_method_response(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str, status_code: str
    ) -> dict[str, Any]:
        """Return a method response."""
        api = await self._read_tree(context, rest_api_id)
        method = tree.method_of(api, resource_id, http_method)
        return render.method_response(tree.response_of(method.responses, status_code))

    async def update_method_response(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        status_code: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch a method response."""

        def edit(api: RestApi) -> RestApi:
            method = tree.method_of(api, resource_id, http_method)
            before = tree.response_of(method.responses, status_code)
            after = apply_patch(patch_tables.METHOD_RESPONSE, before, patch_operations)
            return _with_response(api, resource_id, method, after)

        api = await self._edit_tree(context, rest_api_id, edit)
        return render.method_response(tree.method_of(api, resource_id, http_method).responses[status_code])

    async def delete_method_response(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str, status_code: str
    ) -> None:
        """Remove a method response."""

        def edit(method: Method) -> Method:
            tree.response_of(method.responses, status_code)
            return replace(method, responses=tree.without(method.responses, status_code))

        await self._edit_tree(context, rest_api_id, lambda api: tree.edit_method(api, resource_id, http_method, edit))


def _with_response(api: RestApi, resource_id: str, method: Method, response: MethodResponse) -> RestApi:
    check_method_response(api, response)
    responses = {**method.responses, response.status_code: response}
    return tree.with_method(api, resource_id, replace(method, responses=responses))


def _embeds_methods(embed: Sequence[str] | None) -> bool:
    unknown = [part for part in embed or () if part != "methods"]
    if unknown:
        raise bad_request(f"Invalid embed specified: {', '.join(unknown)}")
    return bool(embed)
