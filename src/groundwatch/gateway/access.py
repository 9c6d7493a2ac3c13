"""What a control-plane call needs: an HTTP verb on the path of the resource, and PassRole for the roles it hands over.

API Gateway's actions are the HTTP verbs and its resources the request paths, so both follow from the service model.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import botocore.session
import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext

SERVICE_PRINCIPAL = "apigateway.amazonaws.com"
_CREDENTIALS: Mapping[str, str] = {
    "PutIntegration": "credentials",
    "UpdateIntegration": "credentials",
    "CreateAuthorizer": "authorizerCredentials",
    "UpdateAuthorizer": "authorizerCredentials",
    "UpdateAccount": "cloudwatchRoleArn",
}
"""Where operations name a role that the gateway shall act under."""
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::[^:]+:role/.+")


class _Route(msgspec.Struct, frozen=True):
    verb: str
    path: str
    members: Mapping[str, str]
    """Label in the path → member of the input."""


def apigateway_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return the checks for an operation of the `apigateway` model, named and its input spelt as in the model."""
    route = _routes()[operation]
    path = re.sub(r"\{([^}]+)\}", lambda label: _filled(params, route.members[label[1]]), route.path)
    resource = f"arn:aws:apigateway:{context.region}::{path}"
    call = AccessCheck(f"apigateway:{route.verb}", resource, _tag_keys(params))
    return [call, *_read_checks(operation, params, context), *pass_role_checks(_credentials(operation, params))]


def _read_checks(operation: str, params: Mapping[str, Any], context: RequestContext) -> list[AccessCheck]:
    """Return the checks for what a call reads beside what its path names: the API that a new one is cloned from."""
    if operation != "CreateRestApi" or not params.get("cloneFrom"):
        return []
    source = f"arn:aws:apigateway:{context.region}::/restapis/{_filled(params, 'cloneFrom')}"
    return [AccessCheck("apigateway:GET", source)]


def pass_role_checks(credentials: Iterable[str | None]) -> list[AccessCheck]:
    """Return the `iam:PassRole` checks for integration credentials.

    A role whose ARN holds a stage variable is asked for as it is written, so only a wildcard policy allows it. The
    caller's own credentials (`arn:aws:iam::*:user/*`) hand nothing over.
    """
    keys = {"iam:PassedToService": [SERVICE_PRINCIPAL]}
    roles = sorted({text for text in credentials if text and (_ROLE_ARN.fullmatch(text) or "${" in text)})
    return [AccessCheck("iam:PassRole", role, keys) for role in roles]


def _credentials(operation: str, params: Mapping[str, Any]) -> list[str | None]:
    member = _CREDENTIALS.get(operation)
    if member is None:
        return []
    patches = params.get("patchOperations") or ()
    patched = [patch.get("value") for patch in patches if str(patch.get("path")).strip("/") == member]
    return [params.get(member), *patched]


def _filled(params: Mapping[str, Any], member: str) -> str:
    # Quoted whole, so that a value with a slash stays one segment of the resource.
    return quote(str(params[member]), safe="")


def _tag_keys(params: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    tags = params.get("tags")
    if isinstance(tags, Mapping) and tags:
        return {**{f"aws:RequestTag/{key}": [str(value)] for key, value in tags.items()}, "aws:TagKeys": list(tags)}
    if isinstance(params.get("tagKeys"), list):
        return {"aws:TagKeys": list(params["tagKeys"])}
    return {}


@functools.cache
def _routes() -> Mapping[str, _Route]:
    model = botocore.session.get_session().get_service_model("apigateway")
    return {name: _route(model.operation_model(name)) for name in model.operation_names}


def _route(operation: Any) -> _Route:  # noqa: ANN401 - botocore has no types
    members = operation.input_shape.members.items() if operation.input_shape is not None else ()
    labels = {
        shape.serialization["name"]: name for name, shape in members if shape.serialization.get("location") == "uri"
    }
    path = operation.http["requestUri"].partition("?")[0]
    return _Route(operation.http["method"], path, labels)
