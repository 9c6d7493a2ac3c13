"""Which paths the Update operations take, one table a kind of resource.

Source: "Patch operations" of the API Gateway API reference. Paths that the service has and this server lacks are listed
as not built, so that they are refused as such and not as unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import msgspec

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control import canaries, plan_patches, stage_patches
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.patch import (
    ADD_REMOVE,
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
    read_template,
    required_text,
    template_entry,
    text,
    value_item,
)
from groundwatch.gateway.control.rules import COMPRESSION_RANGE, TIMEOUT_RANGE
from groundwatch.gateway.definition import ContentHandling, JwtConfiguration, PassthroughBehavior
from groundwatch.gateway.openapi.authorizers import read_jwt_configuration

CONTENT_HANDLING = get_args(ContentHandling)
UNKNOWN_PATH = "Invalid patch path {path}"
"""What some kinds say of a path; the others name those that they take."""


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


def _switched_off(path: str, attribute: str, off: str) -> Rule:
    """A feature that this server has only switched off, which Terraform says of every stage that it writes."""

    def change(present: object, step: Step) -> object:
        if (step.value or off).lower() != off:
            raise NotImplementedByServer(step.path.removeprefix("/"))
        return present

    return Rule(path, attribute, REPLACE, change)


def _account_feature(present: object, step: Step) -> object:
    # Usage plans are the one feature, and always on: asking for them changes nothing, and they cannot be taken off.
    if (step.op, step.value) != ("add", "UsagePlans"):
        raise NotImplementedByServer(f"Patch operation '{step.op}' of the feature {step.value}")
    return present


def _jwt_configuration(_present: object, step: Step) -> JwtConfiguration:
    try:
        return read_jwt_configuration(msgspec.json.decode(step.value or ""))
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request(f"Invalid JWT configuration specified: {error}") from error


REST_API = Table(
    (
        required_text("/name", "name"),
        text("/description", "description"),
        choice("/apiKeySource", "api_key_source", ("HEADER", "AUTHORIZER")),
        text("/policy", "policy"),
        number("/minimumCompressionSize", "minimum_compression_size", optional=True, refusal=COMPRESSION_RANGE),
        flag("/disableExecuteApiEndpoint", "disable_execute_api_endpoint"),
        Rule("/endpointConfiguration/types/{type}", "endpoint_types", REPLACE, _endpoint_type),
        choice("/endpointConfiguration/ipAddressType", "ip_address_type", ("ipv4", "dualstack")),
        item("/binaryMediaTypes/{type}", "binary_media_types"),
    ),
    not_built=("endpointConfiguration", "securityPolicy", "endpointAccessMode"),
    unknown_path=UNKNOWN_PATH,
)
RESOURCE = Table((required_text("/parentId", "parent_id"), required_text("/pathPart", "path_part")))
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
    ),
    unknown_path=UNKNOWN_PATH,
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
        number("/timeoutInMillis", "timeout_in_millis", refusal=TIMEOUT_RANGE),
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
        # An empty value is the checks' to refuse, in the service's words.
        entry(
            "/variables/{variable_name}",
            "variables",
            ops=frozenset({"replace", "remove"}),
            read=lambda step: step.value or "",
            replace_adds=True,
        ),
        _switched_off("/tracingEnabled", "name", "false"),
        text("/clientCertificateId", "client_certificate_id"),
        text("/documentationVersion", "documentation_version"),
        *stage_patches.SIMPLE_RULES,
        *stage_patches.METHOD_SETTING_RULES,
    ),
    unknown_path=stage_patches.UNKNOWN_PATH,
    whole=canaries.patch_canary,
)
DEPLOYMENT = Table((text("/description", "description"),))
MODEL = Table((text("/description", "description"), text("/schema", "schema")))
REQUEST_VALIDATOR = Table(
    (
        text("/name", "name"),
        flag("/validateRequestParameters", "validate_request_parameters"),
        flag("/validateRequestBody", "validate_request_body"),
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
        # Whole, as the developer guide says: nothing of the old configuration stays.
        Rule("/jwtConfiguration", "jwt_configuration", REPLACE, _jwt_configuration),
    ),
)
GATEWAY_RESPONSE = Table(
    (
        text("/statusCode", "status_code"),
        entry("/responseParameters/{name}", "response_parameters", read=read_template("responseParameters")),
        template_entry("/responseTemplates/{type}", "response_templates", empty=""),
    ),
    unknown_path=UNKNOWN_PATH,
)
ACCOUNT = Table(
    (
        text("/cloudwatchRoleArn", "cloudwatch_role_arn"),
        Rule("/features", "cloudwatch_role_arn", ADD_REMOVE, _account_feature),
    )
)
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
    listings=plan_patches.LISTINGS,
)
