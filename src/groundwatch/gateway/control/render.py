"""The model's output members of everything that the control plane keeps."""

from __future__ import annotations

from typing import Any

import msgspec

from groundwatch.gateway.control.patch import attribute_name
from groundwatch.gateway.definition import (
    ACCOUNT_BURST,
    ACCOUNT_RATE,
    AccountSettings,
    ApiKey,
    Authorizer,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    MethodSetting,
    Model,
    RequestValidator,
    Resource,
    RestApi,
    Stage,
    TokenIssuer,
    UsagePlan,
)
from groundwatch.gateway.limits.settings import EVERY_METHOD
from groundwatch.gateway.store import DeploymentInfo
from groundwatch.gateway.testing import AuthorizerTestResult

Rendered = dict[str, Any]


def seconds(time_ms: int) -> int:
    """Return a time as the model has it: whole seconds since the epoch."""
    return time_ms // 1000


def members(value: msgspec.Struct, *without: str) -> Rendered:
    """Return the attributes that are set under the model's names, except those named."""
    pairs = ((name, getattr(value, name)) for name in value.__struct_fields__ if name not in without)
    return {attribute_name(name): held for name, held in pairs if held is not None and held not in ({}, [])}


def rest_api(api: RestApi, *, with_tags: bool = False) -> Rendered:
    """Return a RestApi; `with_tags` shows an empty map too, as answers to updates do."""
    dropped = ("account_id", "region", "created_ms", "endpoint_types", "ip_address_type", "policy", "tags")
    parts = ("resources", "models", "request_validators", "authorizers", "gateway_responses")
    rendered = members(api, *dropped, *parts)
    rendered["createdDate"] = seconds(api.created_ms)
    rendered["endpointConfiguration"] = {"types": list(api.endpoint_types), "ipAddressType": api.ip_address_type}
    if api.policy is not None:
        # The service answers the policy escaped once more, and Terraform unquotes it.
        rendered["policy"] = msgspec.json.encode(api.policy).decode()[1:-1]
    if api.tags or with_tags:
        rendered["tags"] = dict(api.tags)
    return rendered


def resource(value: Resource, *, embed_methods: bool = False) -> Rendered:
    """Return a Resource: its methods in full when embedded, else only their verbs."""
    rendered = members(value, "methods")
    if value.methods:
        rendered["resourceMethods"] = {
            verb: method(held) if embed_methods else {} for verb, held in value.methods.items()
        }
    return rendered


def method(value: Method) -> Rendered:
    """Return a Method with its responses and its integration."""
    rendered = members(value, "responses", "integration")
    if value.responses:
        rendered["methodResponses"] = {code: method_response(held) for code, held in value.responses.items()}
    if value.integration is not None:
        rendered["methodIntegration"] = integration(value.integration)
    return rendered


def method_response(value: MethodResponse) -> Rendered:
    """Return a MethodResponse."""
    return members(value)


def integration(value: Integration) -> Rendered:
    """Return an Integration with its responses."""
    rendered = members(value, "responses", "insecure_skip_verification")
    rendered["cacheKeyParameters"] = list(value.cache_key_parameters)
    if value.insecure_skip_verification:
        rendered["tlsConfig"] = {"insecureSkipVerification": True}
    if value.responses:
        rendered["integrationResponses"] = {code: integration_response(held) for code, held in value.responses.items()}
    return rendered


def integration_response(value: IntegrationResponse) -> Rendered:
    """Return an IntegrationResponse."""
    return members(value)


def deployment(value: DeploymentInfo) -> Rendered:
    """Return a Deployment without its summary."""
    return {**members(value, "created_ms"), "createdDate": seconds(value.created_ms)}


def api_summary(snapshot: RestApi) -> Rendered:
    """Return a deployment's `apiSummary`: the authorization of every method by path and verb."""
    return {
        held.path: {
            verb: {"authorizationType": found.authorization_type, "apiKeyRequired": found.api_key_required}
            for verb, found in held.methods.items()
        }
        for held in snapshot.resources.values()
        if held.methods
    }


def stage(value: Stage) -> Rendered:
    """Return a Stage; what this server does not build is shown as switched off."""
    return {
        **members(
            value, "name", "created_ms", "updated_ms", "method_settings", "access_log_settings", "canary_settings"
        ),
        "stageName": value.name,
        "cacheClusterEnabled": value.cache_cluster_enabled,
        # What is wanted is there at once.
        "cacheClusterStatus": "AVAILABLE" if value.cache_cluster_enabled else "NOT_AVAILABLE",
        "methodSettings": {key: _method_setting(key, setting, value) for key, setting in value.method_settings.items()},
        "tracingEnabled": False,
        "createdDate": seconds(value.created_ms),
        "lastUpdatedDate": seconds(value.updated_ms),
        **({"accessLogSettings": members(value.access_log_settings)} if value.access_log_settings else {}),
        **({"canarySettings": members(value.canary_settings)} if value.canary_settings else {}),
    }


def _method_setting(key: str, setting: MethodSetting, of: Stage) -> Rendered:
    # Shown as it holds: where nobody has said otherwise, a stage with a cache uses it for GET.
    every = of.method_settings.get(EVERY_METHOD)
    by_default = (
        of.cache_cluster_enabled
        and key.endswith(("/GET", "/*"))
        and (every is None or every.caching_enabled is not False)
    )
    return {"cachingEnabled": by_default, **members(setting)}


def api_key(value: ApiKey, *, with_value: bool) -> Rendered:
    """Return an ApiKey, its value only on request."""
    hidden = () if with_value else ("value",)
    return {
        **members(value, "account_id", "region", "created_ms", "updated_ms", *hidden),
        "createdDate": seconds(value.created_ms),
        "lastUpdatedDate": seconds(value.updated_ms),
        "stageKeys": [],
    }


def usage_plan(value: UsagePlan, *, with_tags: bool = False) -> Rendered:
    """Return a UsagePlan; its keys are a list of their own. `with_tags` shows an empty map of tags too."""
    rendered = members(value, "account_id", "region", "key_ids", "api_stages", "throttle", "quota", "method_throttles")
    rendered["apiStages"] = [_api_stage(value, held) for held in value.api_stages]
    if value.throttle is not None:
        rendered["throttle"] = members(value.throttle)
    if value.quota is not None:
        rendered["quota"] = members(value.quota)
    return {"tags": {}, **rendered} if with_tags else rendered


def _api_stage(plan: UsagePlan, held: str) -> Rendered:
    api_id, _, stage_name = held.partition(":")
    limits = plan.method_throttles.get(held)
    throttles = {path: members(throttle) for path, throttle in limits.items()} if limits else {}
    return {"apiId": api_id, "stage": stage_name, **({"throttle": throttles} if throttles else {})}


def account(settings: AccountSettings) -> Rendered:
    """Return an Account; the throttle is the service's own default."""
    throttle = {"burstLimit": ACCOUNT_BURST, "rateLimit": ACCOUNT_RATE}
    return {**members(settings), "throttleSettings": throttle, "features": ["UsagePlans"], "apiKeyVersion": "4"}


def usage_plan_key(value: ApiKey) -> Rendered:
    """Return an API key as a member of a usage plan."""
    return {"id": value.id, "type": "API_KEY", "value": value.value, "name": value.name}


def model(value: Model) -> Rendered:
    """Return a Model."""
    return members(value)


def request_validator(value: RequestValidator) -> Rendered:
    """Return a RequestValidator."""
    return members(value)


def authorizer(value: Authorizer) -> Rendered:
    """Return an Authorizer."""
    rendered = members(value, "provider_arns", "jwt_configuration")
    if value.provider_arns:
        rendered["providerARNs"] = list(value.provider_arns)
    if value.jwt_configuration is not None:
        configuration = value.jwt_configuration
        rendered["jwtConfiguration"] = {
            "issuers": [_token_issuer(issuer) for issuer in configuration.issuers],
            "defaultAlgorithms": list(configuration.default_algorithms),
        }
    return rendered


def authorizer_test(result: AuthorizerTestResult) -> Rendered:
    """Return the answer of TestInvokeAuthorizer."""
    rendered: Rendered = {"clientStatus": result.client_status, "log": result.log, "latency": result.latency_ms}
    if result.principal_id is not None:
        rendered["principalId"] = result.principal_id
    if result.policy is not None:
        rendered["policy"] = result.policy
    if result.claims:
        rendered["claims"] = dict(result.claims)
    return rendered


def _token_issuer(value: TokenIssuer) -> Rendered:
    rendered = members(value, "additional_claims")
    if value.additional_claims:
        rules = [{**members(rule), "format": "SINGLE_STRING"} for rule in value.additional_claims]
        rendered["additionalClaims"] = rules
    return rendered


def gateway_response(value: GatewayResponse, *, is_default: bool) -> Rendered:
    """Return a GatewayResponse; both maps are always there."""
    return {
        **members(value),
        "responseParameters": dict(value.response_parameters),
        "responseTemplates": dict(value.response_templates),
        "defaultResponse": is_default,
    }
