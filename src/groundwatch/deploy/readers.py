"""Who could read what: for each method, who may call it and which log groups its role lets through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from groundwatch.deploy.needs import LogsCall, logs_calls, methods_of
from groundwatch.deploy.stack import RolePlan, Stack
from groundwatch.gateway.definition import Method, RestApi

CALLERS = {
    "AWS_IAM": "principals whose policies allow execute-api:Invoke",
    "CUSTOM": "whoever the function {authorizer} lets in",
    "COGNITO_USER_POOLS": "holders of a token that {authorizer} accepts",
    "JWT": "holders of a token that {authorizer} accepts",
}


class Access(msgspec.Struct, frozen=True):
    """One method that reads logs."""

    method: str
    callers: str
    operation: str
    groups: tuple[str, ...]
    """What the method asks for; `*` is whatever a request names."""
    allowed: tuple[str, ...]
    """Resources that the role's policies name for the operation."""


def accesses(api: RestApi, stack: Stack) -> list[Access]:
    """Return every access to logs that the definition gives."""
    roles = {role.name: role for role in stack.roles}
    methods = {(path, method.http_method): method for path, method in methods_of(api)}
    return [_access(api, call, methods[call.path, call.verb], roles) for call in logs_calls(api)]


def _access(api: RestApi, call: LogsCall, method: Method, roles: dict[str, RolePlan]) -> Access:
    role = roles.get(call.role.rpartition("/")[2])
    action = f"logs:{call.operation or '*'}"
    return Access(
        method=f"{call.verb} {call.path}",
        callers=_callers(api, method),
        operation=call.operation or "as the request says",
        groups=call.groups,
        allowed=tuple(_allowed(role, action)) if role else (),
    )


def _callers(api: RestApi, method: Method) -> str:
    named = api.authorizers.get(method.authorizer_id or "")
    who = CALLERS.get(method.authorization_type, "everyone").format(authorizer=named.name if named else "?")
    if method.api_key_required:
        key = "an API key of a usage plan"
        who = f"holders of {key}" if who == "everyone" else f"{who}, with {key}"
    return f"{who}, within the resource policy" if api.policy else who


def _allowed(role: RolePlan, action: str) -> Iterable[str]:
    for document in role.policies.values():
        for statement in _listed(document.get("Statement")):
            if statement.get("Effect") == "Allow" and any(
                _covers(str(pattern), action) for pattern in _listed(statement.get("Action"))
            ):
                yield from map(str, _listed(statement.get("Resource")))
    yield from (f"whatever {arn} allows" for arn in role.managed)


def _covers(pattern: str, action: str) -> bool:
    if pattern.endswith("*"):
        return action.lower().startswith(pattern[:-1].lower())
    return pattern.lower() == action.lower()


def _listed(value: Any) -> Sequence[Any]:  # noqa: ANN401 -- one value or several, as policies have it
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
