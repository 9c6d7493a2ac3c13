"""Which paths the Update operations take, one table a kind of resource.

Source: "Patch operations" of the API Gateway API reference. Paths that the service has and this server lacks are listed
as not built, so that they are refused as such and not as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from groundwatch.gateway.control import plan_patches, stage_patches
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.patch import (
    ADD_REMOVE,
    ANY,
    REPLACE,
    Rule,
    Step,
    Table,
    choice,
    entry,
    flag,
    flag_entry,
    item,
    number,
    required_text,
    template_entry,
    text,
    value_item,
)
from groundwatch.gateway.definition import ContentHandling, PassthroughBehavior

CONTENT_HANDLING = get_args(ContentHandling)
ENDPOINT_TYPES = ("REGIONAL", "EDGE", "PRIVATE")


def _endpoint_type(present: Sequence[str], step: Step) -> list[str]:
    # The path names the present type or, as Terraform writes it, its index.
    known = {*present, *(str(index) for index in range(len(present)))}
    if step.key not in known:
        raise bad_request(f"Invalid patch path {step.path}")
    return [str(step.value)]


def _api_stage(present: Sequence[str], step: Step) -> list[str]:
    if not step.value:
        raise bad_request("Invalid API Stage specified")
    return value_item("/apiStages", "api_stages").change(present, step)  # type: ignore[no-any-return]


REST_API = Table(
    (
        required_text("/name", "name"),
        text("/description", "description"),
        choice("/apiKeySource", "api_key_source", ("HEADER", "AUTHORIZER")),
        text("/policy", "policy"),
        number("/minimumCompressionSize", "minimum_compression_size", optional=True),
        flag("/disableExecuteApiEndpoint", "disable_execute_api_endpoint"),
        Rule("/endpointConfiguration/types/{type}", "endpoint_types", REPLACE, _endpoint_type),
        choice("/endpointConfiguration/ipAddressType", "ip_address_type", ("ipv4", "dualstack")),
        item("/binaryMediaTypes/{type}", "binary_media_types"),
    ),
    not_built=("endpointConfiguration", "securityPolicy", "endpointAccessMode"),
)
RESOURCE = Table((required_text("/pathPart", "path_part"), required_text("/parentId", "parent_id")))
METHOD = Table(
    (
        required_text("/authorizationType", "authorization_type"),
        text("/authorizerId", "authorizer_id"),
        flag("/apiKeyRequired", "api_key_required"),
        text("/operationName", "operation_name"),
        text("/requestValidatorId", "request_validator_id"),
        flag_entry("/requestParameters/{name}", "request_parameters"),
        entry("/requestModels/{type}", "request_models"),
        value_item("/authorizationScopes", "authorization_scopes"),
    )
)
METHOD_RESPONSE = Table(
    (
        flag_entry("/responseParameters/{name}", "response_parameters"),
        entry("/responseModels/{type}", "response_models"),
    )
)
INTEGRATION = Table(
    (
        text("/uri", "uri"),
        text("/httpMethod", "http_method"),
        text("/credentials", "credentials"),
        choice("/passthroughBehavior", "passthrough_behavior", get_args(PassthroughBehavior)),
        choice("/contentHandling", "content_handling", CONTENT_HANDLING, optional=True),
        number("/timeoutInMillis", "timeout_in_millis"),
        text("/cacheNamespace", "cache_namespace"),
        choice("/connectionType", "connection_type", ("INTERNET", "VPC_LINK")),
        text("/connectionId", "connection_id"),
        flag("/tlsConfig/insecureSkipVerification", "insecure_skip_verification"),
        template_entry("/requestTemplates/{type}", "request_templates"),
        entry("/requestParameters/{name}", "request_parameters"),
        Rule("/cacheKeyParameters/{name}", "cache_key_parameters", ADD_REMOVE, item("", "").change),
    ),
    not_built=("responseTransferMode", "integrationTarget"),
)
INTEGRATION_RESPONSE = Table(
    (
        text("/selectionPattern", "selection_pattern"),
        choice("/contentHandling", "content_handling", CONTENT_HANDLING, optional=True),
        template_entry("/responseTemplates/{type}", "response_templates"),
        entry("/responseParameters/{name}", "response_parameters"),
    )
)
STAGE = Table(
    (
        required_text("/deploymentId", "deployment_id"),
        text("/description", "description"),
        entry("/variables/{variable_name}", "variables", ops=frozenset({"replace", "remove"})),
        *stage_patches.SIMPLE_RULES,
        *stage_patches.METHOD_SETTING_RULES,
    ),
    not_built=(
        "clientCertificateId",
        "tracingEnabled",
        "documentationVersion",
        "canarySettings",
    ),
    unknown_path="Invalid method setting path: {path}. Must be one of: {allowed}",
)
DEPLOYMENT = Table((text("/description", "description"),))
MODEL = Table((text("/description", "description"), text("/schema", "schema")))
REQUEST_VALIDATOR = Table(
    (
        required_text("/name", "name"),
        flag("/validateRequestBody", "validate_request_body"),
        flag("/validateRequestParameters", "validate_request_parameters"),
    )
)
AUTHORIZER = Table(
    (
        required_text("/name", "name"),
        choice("/type", "type", ("TOKEN", "REQUEST", "COGNITO_USER_POOLS")),
        text("/authorizerUri", "authorizer_uri"),
        text("/authorizerCredentials", "authorizer_credentials"),
        number("/authorizerResultTtlInSeconds", "authorizer_result_ttl_in_seconds"),
        text("/identitySource", "identity_source"),
        text("/identityValidationExpression", "identity_validation_expression"),
        text("/authType", "auth_type"),
        value_item("/providerARNs", "provider_arns"),
    ),
    not_built=("jwtConfiguration",),
)
GATEWAY_RESPONSE = Table(
    (
        text("/statusCode", "status_code"),
        entry("/responseParameters/{name}", "response_parameters", ops=ANY),
        entry("/responseTemplates/{type}", "response_templates", ops=ANY),
    )
)
ACCOUNT = Table((text("/cloudwatchRoleArn", "cloudwatch_role_arn"),), not_built=("features",))
API_KEY = Table(
    (
        required_text("/name", "name"),
        text("/description", "description"),
        flag("/enabled", "enabled"),
        text("/customerId", "customer_id"),
    ),
    not_built=("stages", "labels"),
)
USAGE_PLAN = Table(
    (
        required_text("/name", "name"),
        text("/description", "description"),
        Rule("/apiStages", "api_stages", ADD_REMOVE, _api_stage),
        *plan_patches.RULES,
    ),
)
