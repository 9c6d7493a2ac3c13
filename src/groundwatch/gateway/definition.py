"""A REST API as data: what the control plane edits, an import produces, a deployment freezes and the runtime compiles.

Attribute names are the snake case of the API Gateway model's members (API version 2015-07-09). Everything is immutable:
an edit makes a new value with `msgspec.structs.replace`, so that a deployment is simply the value of that moment.
"""

from __future__ import annotations

from typing import Literal

import msgspec

IntegrationType = Literal["HTTP", "AWS", "MOCK", "HTTP_PROXY", "AWS_PROXY"]
PassthroughBehavior = Literal["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"]
CacheControlStrategy = Literal["FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER"]
QuotaPeriod = Literal["DAY", "WEEK", "MONTH"]
ContentHandling = Literal["CONVERT_TO_BINARY", "CONVERT_TO_TEXT"]


class IntegrationResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one class of backend answers becomes a client answer."""

    status_code: str
    selection_pattern: str | None = None
    """Regular expression over the whole backend status (or Lambda error message); None or empty is the default."""
    response_parameters: dict[str, str] = {}
    """`method.response.header.X` → mapping expression."""
    response_templates: dict[str, str | None] = {}
    """Content type → mapping template; None is a template that renders nothing."""
    content_handling: ContentHandling | None = None


class Integration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a method calls, and how the request is mapped to it."""

    type: IntegrationType
    http_method: str | None = None
    """The method used towards the backend (`integrationHttpMethod` in the SDKs)."""
    uri: str | None = None
    connection_type: Literal["INTERNET", "VPC_LINK"] | None = None
    connection_id: str | None = None
    credentials: str | None = None
    request_parameters: dict[str, str] = {}
    request_templates: dict[str, str | None] = {}
    passthrough_behavior: PassthroughBehavior = "WHEN_NO_MATCH"
    content_handling: ContentHandling | None = None
    timeout_in_millis: int = 29000
    cache_namespace: str | None = None
    cache_key_parameters: list[str] = []
    insecure_skip_verification: bool = False
    responses: dict[str, IntegrationResponse] = {}
    """By status code, in order of definition."""


class MethodResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A status that a method may answer with, and the headers that it may set."""

    status_code: str
    response_parameters: dict[str, bool] = {}
    response_models: dict[str, str] = {}


class Method(msgspec.Struct, frozen=True, omit_defaults=True):
    """One verb (or `ANY`) of a resource."""

    http_method: str
    authorization_type: str = "NONE"
    authorizer_id: str | None = None
    api_key_required: bool = False
    request_validator_id: str | None = None
    operation_name: str | None = None
    request_parameters: dict[str, bool] = {}
    """`method.request.{path|querystring|header}.NAME` → required."""
    request_models: dict[str, str] = {}
    authorization_scopes: list[str] = []
    responses: dict[str, MethodResponse] = {}
    integration: Integration | None = None


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """One path of the tree; the root has neither parent nor path part."""

    id: str
    path: str
    """The whole path, such as `/groups/{group}/events`."""
    parent_id: str | None = None
    path_part: str | None = None
    methods: dict[str, Method] = {}


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """A named JSON Schema (draft 4) of a body."""

    id: str
    name: str
    content_type: str = "application/json"
    schema: str | None = None
    description: str | None = None


class RequestValidator(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which parts of a request are checked before the integration."""

    id: str
    name: str
    validate_request_body: bool = False
    validate_request_parameters: bool = False


class GatewayResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API's own form of one kind of error that the gateway itself answers with."""

    response_type: str
    status_code: str | None = None
    response_parameters: dict[str, str] = {}
    response_templates: dict[str, str] = {}


class ClaimRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a native JWT authorizer asks of one claim."""

    claim_name: str
    required: bool = False
    expected_values: list[str] = []
    """The value must be one of these; empty asks only that it is there."""


class TokenIssuer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An OpenID Connect issuer that a native JWT authorizer trusts."""

    issuer: str
    audiences: list[str]
    additional_claims: list[ClaimRule] = []


class JwtConfiguration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a native JWT authorizer accepts."""

    issuers: list[TokenIssuer]
    default_algorithms: list[str]


class Authorizer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who decides for the methods that name it: a Lambda function, or the keys of a token's issuer."""

    id: str
    name: str
    type: Literal["TOKEN", "REQUEST", "COGNITO_USER_POOLS", "JWT"]
    provider_arns: list[str] = []
    """User pools, for `COGNITO_USER_POOLS`."""
    auth_type: str | None = None
    """The author's own word, without effect."""
    authorizer_uri: str | None = None
    authorizer_credentials: str | None = None
    identity_source: str | None = None
    """Mapping expressions such as `method.request.header.Authorization`, separated by commas."""
    identity_validation_expression: str | None = None
    authorizer_result_ttl_in_seconds: int | None = None
    """None for the service's default, 0 for results that are not kept."""
    jwt_configuration: JwtConfiguration | None = None


class RestApi(msgspec.Struct, frozen=True, omit_defaults=True):
    """A REST API with everything that a deployment copies."""

    id: str
    name: str
    account_id: str
    region: str
    root_resource_id: str
    created_ms: int
    description: str | None = None
    version: str | None = None
    api_key_source: Literal["HEADER", "AUTHORIZER"] = "HEADER"
    binary_media_types: list[str] = []
    minimum_compression_size: int | None = None
    policy: str | None = None
    endpoint_types: list[str] = msgspec.field(default_factory=lambda: ["EDGE"])
    ip_address_type: str = "ipv4"
    disable_execute_api_endpoint: bool = False
    tags: dict[str, str] = {}
    resources: dict[str, Resource] = {}
    """By resource id; paths are unique."""
    models: dict[str, Model] = {}
    """By name."""
    request_validators: dict[str, RequestValidator] = {}
    """By id."""
    authorizers: dict[str, Authorizer] = {}
    """By id."""
    gateway_responses: dict[str, GatewayResponse] = {}
    """By response type; only those that are customised."""


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """The immutable copy of an API that stages point to."""

    id: str
    created_ms: int
    api: RestApi
    description: str | None = None


class MethodSetting(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a stage treats one method, or all that have no setting of their own; the defaults are the service's."""

    metrics_enabled: bool = False
    logging_level: str | None = None
    """`OFF`, `ERROR` or `INFO`; None where nobody has said so, which is off."""
    data_trace_enabled: bool = False
    throttling_burst_limit: int = 5000
    throttling_rate_limit: float = 10000.0
    """Requests per second; below 0 switches the limit off."""
    caching_enabled: bool | None = None
    """None where nobody has said so: then GET is cached while the stage has a cache, and other verbs are not."""
    cache_ttl_in_seconds: int = 300
    cache_data_encrypted: bool = False
    require_authorization_for_cache_control: bool = True
    unauthorized_cache_control_header_strategy: CacheControlStrategy = "SUCCEED_WITH_RESPONSE_HEADER"


class AccessLogSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a stage's access log goes, and what a line of it looks like; both are needed."""

    destination_arn: str | None = None
    format: str | None = None


class CanarySettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a stage's requests that another deployment answers."""

    deployment_id: str
    percent_traffic: float = 0.0
    stage_variable_overrides: dict[str, str] = {}
    """Over the stage's own variables."""
    use_stage_cache: bool = False
    """Whether the canary shares the cache of the stage; otherwise it has its own."""


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name under which a deployment is reachable."""

    name: str
    deployment_id: str
    created_ms: int
    updated_ms: int
    description: str | None = None
    variables: dict[str, str] = {}
    tags: dict[str, str] = {}
    cache_cluster_enabled: bool = False
    cache_cluster_size: str | None = None
    """In GB, as the model spells it."""
    method_settings: dict[str, MethodSetting] = {}
    """By path without its first slash and verb, such as `pets/GET`, or `*/*`."""
    access_log_settings: AccessLogSettings | None = None
    canary_settings: CanarySettings | None = None
    client_certificate_id: str | None = None
    """What HTTP backends are shown."""
    documentation_version: str | None = None
    """The version of the documentation that exports of the stage show."""


class ApiKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A customer's key: known by its id, presented by its value."""

    id: str
    value: str
    name: str
    account_id: str
    region: str
    created_ms: int
    updated_ms: int
    enabled: bool = False
    description: str | None = None
    customer_id: str | None = None
    tags: dict[str, str] = {}


class Throttle(msgspec.Struct, frozen=True, omit_defaults=True):
    """A token bucket's limits; what is None is not limited here."""

    burst_limit: int | None = None
    rate_limit: float | None = None
    """Requests per second."""


class Quota(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many requests a key may make in a period."""

    limit: int
    period: QuotaPeriod
    offset: int = 0
    """The day on which a WEEK (0 is Sunday) or a MONTH (0 is the 1st) begins; 0 for a DAY. In UTC."""


class UsagePlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which keys may call which stages."""

    id: str
    name: str
    account_id: str
    region: str
    api_stages: list[str] = []
    """`apiId:stageName`."""
    key_ids: list[str] = []
    description: str | None = None
    tags: dict[str, str] = {}
    throttle: Throttle | None = None
    """For each key, over all stages of the plan."""
    quota: Quota | None = None
    product_code: str | None = None
    method_throttles: dict[str, dict[str, Throttle]] = {}
    """For each key: `apiId:stageName` → path and verb, such as `/pets/GET` → limits."""


ACCOUNT_RATE, ACCOUNT_BURST = 10000.0, 5000
"""Requests per second and at once that all APIs of an account and region share: the service's default."""


class AccountSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What holds for all APIs of an account in a region."""

    cloudwatch_role_arn: str | None = None
    """The role under which logs are written; logging needs it to be set."""
