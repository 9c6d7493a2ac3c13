"""What a method and its parts must fulfil before they are kept: the control plane's and the import's common checks.

Messages are the service's own; each check raises the first that applies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import get_args

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control.errors import access_denied, bad_request, invalid_mapping
from groundwatch.gateway.definition import (
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    PassthroughBehavior,
    RestApi,
)
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.regex import Regex

HTTP_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY")
AUTHORIZATION_TYPES = ("NONE", "AWS_IAM")
AUTHORIZER_TYPES: Mapping[str, tuple[str, ...]] = {
    "CUSTOM": ("TOKEN", "REQUEST"),
    "COGNITO_USER_POOLS": ("COGNITO_USER_POOLS",),
    "JWT": ("JWT",),
}
"""Authorization types that need an authorizer, and the types of authorizer that serve them."""
CALLER_CREDENTIALS = "arn:aws:iam::*:user/*"
MAX_COMPRESSION_BYTES = 10_485_760
COMPRESSION_RANGE = f"Invalid minimum compression size, must be between 0 and {MAX_COMPRESSION_BYTES}"
MIN_TIMEOUT_MS, MAX_TIMEOUT_MS = 50, 29_000
TIMEOUT_RANGE = f"Timeout should be between {MIN_TIMEOUT_MS} ms and {MAX_TIMEOUT_MS} ms"
MAX_POLICY_CHARACTERS = 8192

_NAME = r"[a-zA-Z0-9._$-]+"
_VARIABLE = rf"stageVariables\.{_NAME}|context\.{_NAME}|'[^']*'"
_METHOD_PARAMETER = re.compile(rf"method\.request\.(path|querystring|header)\.(?P<name>{_NAME})")
_RESPONSE_HEADER = re.compile(rf"method\.response\.header\.{_NAME}")
_REQUEST_TARGET = re.compile(rf"integration\.request\.(path|querystring|header)\.({_NAME})")
_REQUEST_SOURCE = re.compile(
    rf"method\.request\.(?P<place>path|querystring|header|multivaluequerystring|multivalueheader)\.(?P<name>{_NAME})"
    rf"|method\.request\.body(\..+)?|{_VARIABLE}"
)
_RESPONSE_SOURCE = re.compile(
    rf"integration\.response\.(header|multivalueheader)\.{_NAME}|integration\.response\.body(\..+)?|{_VARIABLE}"
)
_URL_VARIABLE = re.compile(r"\$\{stageVariables\.[A-Za-z0-9_]+\}|\{[A-Za-z0-9._$-]+\+?\}")
_HTTP_URL = re.compile(r"https?://([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?([/?#][^\s{}]*)?")
_MEDIA_TYPE = re.compile(r"[\w.+*-]+/[\w.+*-]+(\s*;.*)?|\$default")
_ROLE = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):role/.+")
# The account stays literal: a stage variable in its place could reach the roles of another tenant.
_VARIABLE_ROLE = re.compile(r"arn:[a-z-]+:iam::(?P<account>\d{12}):(role/.+|\$\{stageVariables\.[^}]+\}.*)")


# --- methods ---


def check_http_method(http_method: str) -> str:
    """Return the verb in capitals; raises for anything but the verbs of a REST API."""
    if http_method.upper() not in HTTP_METHODS:
        raise bad_request(f"Invalid HttpMethod specified. Valid options are {','.join(HTTP_METHODS)}")
    return http_method.upper()


def check_method(api: RestApi, method: Method) -> None:
    """Raise when a method refers to what its API does not have."""
    _check_authorization(api, method)
    if method.request_validator_id is not None and method.request_validator_id not in api.request_validators:
        raise bad_request("Invalid Request Validator identifier specified")
    check_models(api, method.request_models)
    names: set[str] = set()
    for parameter in method.request_parameters:
        found = _METHOD_PARAMETER.fullmatch(parameter)
        if found is None:
            raise invalid_mapping(f"Invalid mapping expression parameter specified: {parameter}")
        _add_name(names, found["name"])


def _check_authorization(api: RestApi, method: Method) -> None:
    kind = method.authorization_type
    if kind not in AUTHORIZATION_TYPES and kind not in AUTHORIZER_TYPES:
        options = ",".join((*AUTHORIZATION_TYPES, *AUTHORIZER_TYPES))
        raise bad_request(f"Invalid AuthorizationType specified. Valid options are {options}")
    if kind in AUTHORIZER_TYPES or method.authorizer_id is not None:
        authorizer = api.authorizers.get(method.authorizer_id or "")
        if authorizer is None or authorizer.type not in AUTHORIZER_TYPES.get(kind, (authorizer.type,)):
            message = (
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS "
                "requires a valid authorizer."
            )
            raise bad_request(message)
    if method.authorization_scopes and kind not in ("COGNITO_USER_POOLS", "JWT"):
        raise bad_request(f"Authorization scopes are not supported for the authorization type {kind}")


def check_models(api: RestApi, models: Mapping[str, str]) -> None:
    """Raise when a content type is none or its model unknown."""
    _check_content_types(models)
    for name in models.values():
        if name not in api.models:
            raise bad_request(f"Invalid model identifier specified: {name}")


def check_method_response(api: RestApi, response: MethodResponse) -> None:
    """Raise when a method response names unknown models or something that is no header."""
    check_models(api, response.response_models)
    for parameter in response.response_parameters:
        if not _RESPONSE_HEADER.fullmatch(parameter):
            raise invalid_mapping(f"Invalid mapping expression parameter specified: {parameter}")


# --- integrations ---


def check_integration(method: Method, integration: Integration, account_id: str) -> None:
    """Raise when an integration cannot be called, or maps what its method does not declare."""
    if integration.type != "MOCK" and not integration.http_method:
        raise bad_request("Enumeration value for HttpMethod must be non-empty")
    if integration.http_method:
        check_http_method(integration.http_method)
    _check_connection(integration)
    if integration.type in ("HTTP", "HTTP_PROXY") and not _is_http_url(integration.uri or ""):
        raise bad_request("Invalid HTTP endpoint specified for URI")
    if integration.type in ("AWS", "AWS_PROXY"):
        _check_aws(integration)
    _check_credentials(integration.credentials, account_id)
    _check_settings(integration)
    _check_content_types(integration.request_templates)
    _check_request_mappings(method, integration)
    _check_cache_keys(method, integration)


def _check_connection(integration: Integration) -> None:
    if integration.connection_type != "VPC_LINK":
        return
    if integration.type not in ("HTTP", "HTTP_PROXY"):
        raise bad_request("Connection type VPC_LINK is only supported for integrations of type HTTP and HTTP_PROXY")
    if not integration.connection_id:
        raise bad_request("Connection id must be specified for connection type VPC_LINK")


def _is_http_url(uri: str) -> bool:
    filled = _URL_VARIABLE.sub("0", uri)
    return _HTTP_URL.fullmatch(filled) is not None


def _check_aws(integration: Integration) -> None:
    parts = (integration.uri or "").split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "apigateway" or not parts[4]:
        raise bad_request("Invalid ARN specified in the request")
    service = parts[4].rpartition(".")[2]
    if not re.match(r"(path|action)/", parts[5]):
        raise bad_request("AWS ARN for integration must contain path or action")
    if integration.type == "AWS_PROXY" and service not in ("lambda", "firehose"):
        message = (
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
        )
        raise bad_request(message)
    if integration.type == "AWS_PROXY" and service == "firehose":
        raise NotImplementedByServer("An AWS_PROXY integration with Firehose")
    if service != "lambda" and not integration.credentials:
        raise bad_request("Role ARN must be specified for AWS integrations")


def _check_credentials(credentials: str | None, account_id: str) -> None:
    if credentials and credentials != CALLER_CREDENTIALS:
        check_role(credentials, account_id, variable=True)


def check_role(arn: str, account_id: str, *, variable: bool = False) -> None:
    """Raise unless the ARN names a role of the account, or, with `variable`, one that a stage variable completes."""
    role = (_VARIABLE_ROLE if variable else _ROLE).fullmatch(arn)
    if role is None:
        raise bad_request("Invalid ARN specified in the request")
    if role["account"] != account_id:
        raise access_denied("Cross-account pass role is not allowed.")


def _check_settings(integration: Integration) -> None:
    if integration.passthrough_behavior not in get_args(PassthroughBehavior):
        options = ", ".join(get_args(PassthroughBehavior))
        raise bad_request(f"Invalid passthrough behavior specified. Valid options are {options}")
    if not MIN_TIMEOUT_MS <= integration.timeout_in_millis <= MAX_TIMEOUT_MS:
        raise bad_request(TIMEOUT_RANGE)
    if integration.insecure_skip_verification and integration.type not in ("HTTP", "HTTP_PROXY"):
        raise bad_request("TlsConfig is only supported for HTTP and HTTP_PROXY integrations")


def _check_request_mappings(method: Method, integration: Integration) -> None:
    names: set[str] = set()
    for target, source in integration.request_parameters.items():
        place = _REQUEST_TARGET.fullmatch(target)
        if place is None:
            raise invalid_mapping(f"Invalid mapping expression specified: {target}")
        _add_name(names, place[2])
        found = _REQUEST_SOURCE.fullmatch(source)
        if found is None:
            raise invalid_mapping(f"Invalid mapping expression specified: {source}")
        if found["name"] is not None and not _is_declared(method, found["place"], found["name"]):
            raise invalid_mapping(f"Invalid mapping expression parameter specified: {source}")


def _check_cache_keys(method: Method, integration: Integration) -> None:
    # A key that nothing is known of would make one entry of all requests.
    for parameter in integration.cache_key_parameters:
        found = _REQUEST_SOURCE.fullmatch(parameter)
        declared = (
            found is not None and found["name"] is not None and _is_declared(method, found["place"], found["name"])
        )
        if not declared and parameter not in integration.request_parameters:
            raise invalid_mapping(f"Invalid mapping expression parameter specified: {parameter}")


def _add_name(names: set[str], name: str) -> None:
    # `$input.params('name')` looks in all three places, so one name must not stand in two.
    if name in names:
        raise bad_request("Parameter names must be unique across querystring, header and path")
    names.add(name)


def _is_declared(method: Method, place: str, name: str) -> bool:
    return f"method.request.{place.removeprefix('multivalue')}.{name}" in method.request_parameters


def check_integration_response(method: Method, response: IntegrationResponse) -> None:
    """Raise when a response maps to a header that the method response does not declare, or from nothing known."""
    _check_content_types(response.response_templates)
    _check_selection_pattern(response.selection_pattern)
    declared = method.responses.get(response.status_code)
    for target, source in response.response_parameters.items():
        if declared is None or target not in declared.response_parameters:
            raise invalid_mapping(f"Invalid mapping expression parameter specified: {target}")
        if not _RESPONSE_SOURCE.fullmatch(source):
            raise invalid_mapping(f"Invalid mapping expression specified: {source}")


def _check_selection_pattern(pattern: str | None) -> None:
    if pattern:
        # Better now than as a 500 for every client of the method.
        try:
            Regex(pattern)
        except MappingError as error:
            raise bad_request(f"Invalid selection pattern specified: {error}") from error


def _check_content_types(content_types: Iterable[str]) -> None:
    for content_type in content_types:
        if not _MEDIA_TYPE.fullmatch(content_type):
            message = f"Validation Result: warnings : [], errors : [Invalid content type specified: {content_type}]"
            raise bad_request(message)


# --- the API itself ---


def check_api(api: RestApi) -> None:
    """Raise when a member of the API itself is out of range or not built."""
    if not api.name.strip():
        raise bad_request("Name cannot be an empty string")
    if api.description == "":
        raise bad_request("Description cannot be an empty string")
    size = api.minimum_compression_size
    if size is not None and not 0 <= size <= MAX_COMPRESSION_BYTES:
        raise bad_request(COMPRESSION_RANGE)
    check_endpoint_types(api.endpoint_types)


def check_endpoint_types(types: list[str]) -> None:
    """Raise unless there is exactly one endpoint type that this server has."""
    if len(types) > 1:
        raise bad_request("Cannot create an api with multiple Endpoint Types.")
    if not types:
        raise bad_request("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.")
    if types[0] not in ("REGIONAL", "EDGE", "PRIVATE"):
        raise bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    if types[0] == "PRIVATE":
        # A private API that answers everybody would be a hole.
        raise NotImplementedByServer("The endpoint type PRIVATE")
