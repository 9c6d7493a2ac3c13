"""Operations on gateway responses: an API's own form of the gateway's own errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render, tree
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, invalid_mapping, not_found
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.definition import GatewayResponse, RestApi

DEFAULT_TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
DEFAULT_STATUS: Mapping[str, str | None] = {
    "ACCESS_DENIED": "403",
    "API_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_FAILURE": "500",
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "EXPIRED_TOKEN": "403",
    "INTEGRATION_FAILURE": "504",
    "INTEGRATION_TIMEOUT": "504",
    "INVALID_API_KEY": "403",
    "INVALID_SIGNATURE": "403",
    "MISSING_AUTHENTICATION_TOKEN": "403",
    "QUOTA_EXCEEDED": "429",
    "REQUEST_TOO_LARGE": "413",
    "RESOURCE_NOT_FOUND": "404",
    "THROTTLED": "429",
    "UNAUTHORIZED": "401",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "WAF_FILTERED": "403",
}
"""The status of every gateway response type that is not customised; the fallbacks have none of their own."""
_TARGET = re.compile(r"gatewayresponse\.header\.[a-zA-Z0-9._$-]+")
_SOURCE = re.compile(
    r"'[^']*'|context\.[a-zA-Z0-9._$-]+|stageVariables\.[a-zA-Z0-9._$-]+"
    r"|method\.request\.(header|querystring|path)\.[a-zA-Z0-9._$-]+"
)


class GatewayResponseOperations(ControlPlane):
    """Gateway responses."""

    async def put_gateway_response(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        response_type: str,
        status_code: str | None = None,
        response_parameters: Mapping[str, str] | None = None,
        response_templates: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Customise one type of response; what is left out is the type's default."""
        response = GatewayResponse(
            response_type=response_type,
            status_code=status_code,
            response_parameters=dict(response_parameters or {}),
            response_templates=dict(response_templates or {}),
        )
        api = await self._edit(context, rest_api_id, lambda api: with_gateway_response(api, response))
        return _shown(api, response_type)

    async def get_gateway_response(
        self, context: RequestContext, *, rest_api_id: str, response_type: str
    ) -> dict[str, Any]:
        """Return one type of response, customised or not."""
        return _shown(await self._store.get_api(place_of(context), rest_api_id), response_type)

    async def get_gateway_responses(
        self, context: RequestContext, *, rest_api_id: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List every type of response, customised or not."""
        api = await self._store.get_api(place_of(context), rest_api_id)
        return page_of(DEFAULT_STATUS, position, limit, key=str, render=lambda kind: _shown(api, kind))

    async def update_gateway_response(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        response_type: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch one type of response; the first patch customises it."""

        def edit(api: RestApi) -> RestApi:
            # The default has a template that can be replaced, though nobody has put it.
            before = api.gateway_responses.get(response_type) or _default(response_type)
            after = apply_patch(patch_tables.GATEWAY_RESPONSE, before, patch_operations)
            return with_gateway_response(api, after)

        return _shown(await self._edit(context, rest_api_id, edit), response_type)

    async def delete_gateway_response(self, context: RequestContext, *, rest_api_id: str, response_type: str) -> None:
        """Return one type of response to its default."""

        def edit(api: RestApi) -> RestApi:
            if response_type not in api.gateway_responses:
                raise not_found("Gateway response type not defined on api")
            return replace(api, gateway_responses=tree.without(api.gateway_responses, response_type))

        await self._edit(context, rest_api_id, edit)


def with_gateway_response(api: RestApi, response: GatewayResponse) -> RestApi:
    """Return the API with one customised response; raises for unknown types, statuses and mappings."""
    if response.response_type not in DEFAULT_STATUS:
        raise bad_request(f"Invalid response type specified: {response.response_type}")
    # The service model checks the status of a Put, but that of a patch is any text.
    if response.status_code is not None and not re.fullmatch(r"[1-5]\d\d", response.status_code):
        message = (
            f"1 validation error detected: Value '{response.status_code}' at 'statusCode' failed to satisfy "
            r"constraint: Member must satisfy regular expression pattern: [1-5]\d\d"
        )
        raise bad_request(message)
    for target, source in response.response_parameters.items():
        if not _TARGET.fullmatch(target):
            raise invalid_mapping(f"Invalid mapping expression parameter specified: {target}")
        if not _SOURCE.fullmatch(source):
            raise invalid_mapping(f"Invalid mapping expression specified: {source}")
    return replace(api, gateway_responses={**api.gateway_responses, response.response_type: response})


def _default(response_type: str) -> GatewayResponse:
    return GatewayResponse(response_type, response_templates=dict(DEFAULT_TEMPLATES))


def _shown(api: RestApi, response_type: str) -> dict[str, Any]:
    # What a client would get, so a type that is not customised shows what it inherits from its group.
    custom = api.gateway_responses.get(response_type)
    status = DEFAULT_STATUS.get(response_type)
    fallback = api.gateway_responses.get(f"DEFAULT_{status[0]}XX") if status else None
    effective = custom or fallback or _default(response_type)
    shown = replace(
        effective,
        response_type=response_type,
        status_code=effective.status_code or status,
        response_templates=effective.response_templates or dict(DEFAULT_TEMPLATES),
    )
    return render.gateway_response(shown, is_default=custom is None)
