"""Operations on integrations, on their responses, and the test call of a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control import patch_tables, render, tree
from groundwatch.gateway.control.base import ControlPlane
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.rules import check_integration, check_integration_response
from groundwatch.gateway.definition import (
    ContentHandling,
    Integration,
    IntegrationResponse,
    IntegrationType,
    Method,
    RestApi,
)
from groundwatch.gateway.testing import test_request

DEFAULT_TIMEOUT_MS = 29_000


def stored_templates(templates: Mapping[str, str | None] | None) -> dict[str, str | None]:
    """Return mapping templates as they are kept: an empty one is null."""
    return {content_type: template or None for content_type, template in (templates or {}).items()}


class IntegrationOperations(ControlPlane):
    """Integrations, integration responses and TestInvokeMethod."""

    # --- integrations ---

    async def put_integration(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        type: IntegrationType,  # noqa: A002 - the model's name
        integration_http_method: str | None = None,
        uri: str | None = None,
        connection_type: Any = None,  # noqa: ANN401 - narrowed by the model's enumeration
        connection_id: str | None = None,
        credentials: str | None = None,
        request_parameters: Mapping[str, str] | None = None,
        request_templates: Mapping[str, str] | None = None,
        passthrough_behavior: Any = None,  # noqa: ANN401 - checked by `check_integration`
        cache_namespace: str | None = None,
        cache_key_parameters: Sequence[str] | None = None,
        content_handling: ContentHandling | None = None,
        timeout_in_millis: int | None = None,
        tls_config: Mapping[str, bool] | None = None,
    ) -> dict[str, Any]:
        """Set what a method calls; an earlier integration goes with its responses."""
        integration = Integration(
            type=type,
            http_method=integration_http_method,
            uri=uri,
            connection_type=connection_type or ("INTERNET" if type.startswith("HTTP") else None),
            connection_id=connection_id,
            # An empty string is none, as in the patch that unsets it.
            credentials=credentials or None,
            request_parameters=dict(request_parameters or {}),
            request_templates=stored_templates(request_templates),
            passthrough_behavior=passthrough_behavior or "WHEN_NO_MATCH",
            content_handling=content_handling,
            timeout_in_millis=DEFAULT_TIMEOUT_MS if timeout_in_millis is None else timeout_in_millis,
            # Integrations that name the same space share their answers; by default each resource has its own.
            cache_namespace=cache_namespace or resource_id,
            cache_key_parameters=list(cache_key_parameters or ()),
            insecure_skip_verification=bool((tls_config or {}).get("insecureSkipVerification")),
        )

        def edit(method: Method) -> Method:
            check_integration(method, integration, context.account_id)
            return replace(method, integration=integration)

        await self._edit_tree(context, rest_api_id, lambda api: tree.edit_method(api, resource_id, http_method, edit))
        return render.integration(integration)

    async def get_integration(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str
    ) -> dict[str, Any]:
        """Return an integration with its responses."""
        api = await self._read_tree(context, rest_api_id)
        return render.integration(tree.integration_of(api, resource_id, http_method))

    async def update_integration(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch an integration."""

        def edit(api: RestApi) -> RestApi:
            before = tree.integration_of(api, resource_id, http_method)
            after = apply_patch(patch_tables.INTEGRATION, before, patch_operations)
            method = tree.method_of(api, resource_id, http_method)
            check_integration(method, after, context.account_id)
            return tree.with_integration(api, resource_id, http_method, after)

        api = await self._edit_tree(context, rest_api_id, edit)
        return render.integration(tree.integration_of(api, resource_id, http_method))

    async def delete_integration(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str
    ) -> None:
        """Remove an integration with its responses."""

        def edit(api: RestApi) -> RestApi:
            tree.integration_of(api, resource_id, http_method)
            return tree.with_integration(api, resource_id, http_method, None)

        await self._edit_tree(context, rest_api_id, edit)

    # --- integration responses ---

    async def put_integration_response(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        status_code: str,
        selection_pattern: str | None = None,
        response_parameters: Mapping[str, str] | None = None,
        response_templates: Mapping[str, str] | None = None,
        content_handling: ContentHandling | None = None,
    ) -> dict[str, Any]:
        """Set how one class of backend answers becomes the answer with this status."""
        response = IntegrationResponse(
            status_code=status_code,
            selection_pattern=selection_pattern,
            response_parameters=dict(response_parameters or {}),
            response_templates=stored_templates(response_templates),
            content_handling=content_handling,
        )
        await self._edit_tree(context, rest_api_id, lambda api: _with_response(api, resource_id, http_method, response))
        return render.integration_response(response)

    async def get_integration_response(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str, status_code: str
    ) -> dict[str, Any]:
        """Return an integration response."""
        api = await self._read_tree(context, rest_api_id)
        integration = tree.integration_of(api, resource_id, http_method)
        return render.integration_response(tree.response_of(integration.responses, status_code))

    async def update_integration_response(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        status_code: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch an integration response."""

        def edit(api: RestApi) -> RestApi:
            integration = tree.integration_of(api, resource_id, http_method)
            before = tree.response_of(integration.responses, status_code)
            after = apply_patch(patch_tables.INTEGRATION_RESPONSE, before, patch_operations)
            return _with_response(api, resource_id, http_method, after)

        api = await self._edit_tree(context, rest_api_id, edit)
        integration = tree.integration_of(api, resource_id, http_method)
        return render.integration_response(integration.responses[status_code])

    async def delete_integration_response(
        self, context: RequestContext, *, rest_api_id: str, resource_id: str, http_method: str, status_code: str
    ) -> None:
        """Remove an integration response."""

        def edit(api: RestApi) -> RestApi:
            integration = tree.integration_of(api, resource_id, http_method)
            tree.response_of(integration.responses, status_code)
            kept = replace(integration, responses=tree.without(integration.responses, status_code))
            return tree.with_integration(api, resource_id, http_method, kept)

        await self._edit_tree(context, rest_api_id, edit)

    # --- test ---

    async def test_invoke_method(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        resource_id: str,
        http_method: str,
        path_with_query_string: str | None = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        multi_value_headers: Mapping[str, Sequence[str]] | None = None,
        stage_variables: Mapping[str, str] | None = None,
        client_certificate_id: str | None = None,
    ) -> dict[str, Any]:
        """Run a method as it is defined now."""
        api = await self._read_tree(context, rest_api_id)
        method = tree.method_of(api, resource_id, http_method)
        request = replace(
            test_request(path_with_query_string, body, headers, multi_value_headers, stage_variables),
            client_certificate_id=client_certificate_id or None,
        )
        resource = tree.resource_of(api, resource_id)
        result = await self._test_invoker.test_invoke(api, resource, method, request, context)
        return {
            "status": result.status,
            "body": result.body,
            "headers": result.headers,
            "multiValueHeaders": result.multi_value_headers,
            "log": result.log,
            "latency": result.latency_ms,
        }


def _with_response(api: RestApi, resource_id: str, http_method: str, response: IntegrationResponse) -> RestApi:
    integration = tree.integration_of(api, resource_id, http_method)
    method = tree.method_of(api, resource_id, http_method)
    check_integration_response(method, response)
    edited = replace(integration, responses={**integration.responses, response.status_code: response})
    return tree.with_integration(api, resource_id, http_method, edited)
