"""What an authorizer must fulfil before it is kept, by type; shared by its operations and the import."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from msgspec.structs import replace

from groundwatch.gateway.control.errors import access_denied, bad_request
from groundwatch.gateway.control.rules import check_role
from groundwatch.gateway.definition import Authorizer, JwtConfiguration, RestApi, TokenIssuer
from groundwatch.gateway.functions import function_of
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.regex import Regex

MAX_AUTHORIZERS = 10
DEFAULT_TTL_S, MAX_TTL_S = 300, 3600
SIGNING_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
_NAME = re.compile(r"[A-Za-z0-9_ -]{1,128}")
_HEADER = re.compile(r"method\.request\.header\.[a-zA-Z0-9._$-]+")
_SOURCE = re.compile(r"(method\.request\.(header|querystring)|stageVariables|context)\.[a-zA-Z0-9._$-]+")
_POOL = re.compile(r"arn:aws[a-z-]*:cognito-idp:[a-z0-9-]+:\d{12}:userpool/[A-Za-z0-9_-]+")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.[A-Za-z0-9_]+\}")
_RESERVED_CLAIMS = frozenset({"", "iss", "aud", "exp", "nbf", "iat", "scope", "scp"})


def with_authorizer(api: RestApi, authorizer: Authorizer) -> dict[str, Authorizer]:
    """Return the API's authorizers with this one among them; raises BadRequestException for one that cannot work."""
    if not _NAME.fullmatch(authorizer.name):
        raise bad_request("Authorizer name only allows a-zA-Z0-9_- and blanks, at most 128 characters")
    # Without itself: a patch must be able to keep its name.
    others = [held for held in api.authorizers.values() if held.id != authorizer.id]
    if any(held.name == authorizer.name for held in others):
        message = f"Authorizer name must be unique. Authorizer {authorizer.name} already exists in this RestApi."
        raise bad_request(message)
    if len(others) >= MAX_AUTHORIZERS:
        raise bad_request(f"An API can have at most {MAX_AUTHORIZERS} authorizers")
    _check_kind(api, authorizer)
    return {**api.authorizers, authorizer.id: authorizer}


def with_defaults(authorizer: Authorizer) -> Authorizer:
    """Return the authorizer with what the service fills in by its type."""
    if authorizer.type in ("TOKEN", "REQUEST"):
        ttl_s = authorizer.authorizer_result_ttl_in_seconds
        return replace(
            authorizer,
            auth_type=authorizer.auth_type or "custom",
            authorizer_result_ttl_in_seconds=DEFAULT_TTL_S if ttl_s is None else ttl_s,
        )
    if authorizer.type == "COGNITO_USER_POOLS":
        return replace(authorizer, auth_type=authorizer.auth_type or "cognito_user_pools")
    return authorizer


def _check_kind(api: RestApi, authorizer: Authorizer) -> None:
    ttl_s = authorizer.authorizer_result_ttl_in_seconds
    if ttl_s is not None and not 0 <= ttl_s <= MAX_TTL_S:
        raise bad_request(f"Authorizer result TTL should be between 0 and {MAX_TTL_S} seconds")
    if authorizer.identity_validation_expression is not None:
        # Better now than as a 500 for every client.
        try:
            Regex(authorizer.identity_validation_expression)
        except MappingError as error:
            raise bad_request(f"Invalid identity validation expression specified: {error}") from error
    CHECKS[authorizer.type](api, authorizer)


def _check_token(api: RestApi, authorizer: Authorizer) -> None:
    _check_function(api, authorizer)
    _check_header_source(authorizer)


def _check_request(api: RestApi, authorizer: Authorizer) -> None:
    _check_function(api, authorizer)
    sources = authorizer.identity_source
    if not sources and authorizer.authorizer_result_ttl_in_seconds != 0:
        raise bad_request("Identity source is required when authorization caching is enabled")
    if authorizer.identity_validation_expression is not None:
        raise bad_request("Identity validation expression is not supported for REQUEST authorizers")
    for source in (sources or "").split(",") if sources else ():
        if not _SOURCE.fullmatch(source.strip()):
            raise bad_request(f"Invalid identity source specified: {source.strip()}")


def _check_pools(_api: RestApi, authorizer: Authorizer) -> None:
    if not authorizer.provider_arns:
        raise bad_request("Provider ARNs must be specified for COGNITO_USER_POOLS authorizers")
    for arn in authorizer.provider_arns:
        if not _POOL.fullmatch(arn):
            raise bad_request(f"Invalid Cognito User Pool ARN specified: {arn}")
    _refuse(authorizer, authorizer_uri="Authorizer URI", authorizer_credentials="Authorizer credentials")
    _check_header_source(authorizer)


def _check_jwt(_api: RestApi, authorizer: Authorizer) -> None:
    if authorizer.jwt_configuration is None:
        raise bad_request("JWT configuration must be specified for JWT authorizers")
    _refuse(
        authorizer,
        authorizer_uri="Authorizer URI",
        authorizer_credentials="Authorizer credentials",
        identity_validation_expression="Identity validation expression",
        authorizer_result_ttl_in_seconds="Authorizer result TTL",
        provider_arns="Provider ARNs",
    )
    _check_header_source(authorizer)
    _check_jwt_configuration(authorizer.jwt_configuration)


CHECKS: Mapping[str, Callable[[RestApi, Authorizer], None]] = {
    "TOKEN": _check_token,
    "REQUEST": _check_request,
    "COGNITO_USER_POOLS": _check_pools,
    "JWT": _check_jwt,
}


def _check_function(api: RestApi, authorizer: Authorizer) -> None:
    uri = authorizer.authorizer_uri
    # What a stage variable stands for is only known, and checked, when a request comes.
    function = function_of(_STAGE_VARIABLE.sub("x", uri or ""))
    if function is None:
        message = (
            f"Invalid Authorizer URI: {uri or 'null'}. Authorizer URI should be a valid API Gateway ARN that "
            "represents a Lambda function invocation."
        )
        raise bad_request(message)
    if function.split(":")[4] != api.account_id:
        # Functions are run with the operator's credentials, so a tenant may only name its own.
        raise access_denied("Cross-account lambda authorizers are not allowed.")
    _refuse(authorizer, provider_arns="Provider ARNs", jwt_configuration="JWT configuration")
    if authorizer.authorizer_credentials is not None:
        check_role(authorizer.authorizer_credentials, api.account_id)


def _check_header_source(authorizer: Authorizer) -> None:
    if not _HEADER.fullmatch(authorizer.identity_source or ""):
        raise bad_request(f"Invalid identity source specified: {authorizer.identity_source or 'null'}")


def _refuse(authorizer: Authorizer, **labels: str) -> None:
    for attribute, label in labels.items():
        if getattr(authorizer, attribute):
            raise bad_request(f"{label} is not supported for {authorizer.type} authorizers")


def _check_jwt_configuration(configuration: JwtConfiguration) -> None:
    for algorithm in configuration.default_algorithms:
        if algorithm not in SIGNING_ALGORITHMS:
            raise bad_request(f"Invalid signing algorithm specified: {algorithm}")
    names = [issuer.issuer for issuer in configuration.issuers]
    if not names or not configuration.default_algorithms or len(set(names)) != len(names):
        raise bad_request("A JWT configuration needs signing algorithms and unique issuers")
    for issuer in configuration.issuers:
        _check_issuer(issuer)


def _is_plain_https(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    extras = url.username or url.password or url.query or url.fragment
    return url.scheme == "https" and bool(url.hostname) and not extras


def _check_issuer(issuer: TokenIssuer) -> None:
    if not _is_plain_https(issuer.issuer):
        raise bad_request(f"Invalid issuer specified: {issuer.issuer}. It must be an https URL with a host only")
    if not issuer.audiences or not all(issuer.audiences):
        raise bad_request(f"Audiences must be specified for the issuer {issuer.issuer}")
    claims = [rule.claim_name for rule in issuer.additional_claims]
    if len(set(claims)) != len(claims) or not _RESERVED_CLAIMS.isdisjoint(claims):
        raise bad_request(f"Invalid additional claims specified for the issuer {issuer.issuer}")
