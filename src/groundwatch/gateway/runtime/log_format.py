"""The format of a stage's access log: text in which `$context` references are replaced, and nothing else happens.

Source: "Variables for access logging for API Gateway" of the developer guide. What is not known of a request is `-`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.context import build_context
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.overrides import NO_OVERRIDES
from groundwatch.gateway.runtime.stages import AnyStage, Authorized, Integrated, Routed, exchange_of, reached

_REFERENCE = re.compile(r"\$context\.([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
ABSENT = "-"
MAX_LINE_CHARACTERS = 128 * 1024
"""Of one line: a format may name the path, which clients choose, two hundred times."""


class Outcome(msgspec.Struct, frozen=True):
    """An answered request, as the logs see it."""

    stage: AnyStage
    """How far it came."""
    status: int
    length_bytes: int
    latency_ms: int
    error: GatewayError | None


class LogFormat:
    """A format, taken apart once. A line never holds control characters, so that nobody can write a second one."""

    def __init__(self, text: str) -> None:
        parts = _REFERENCE.split(text)
        self._literals = parts[::2]
        self._names = [tuple(name.split(".")) for name in parts[1::2]]

    def line(self, outcome: Outcome) -> str:
        """Return the line of a request."""
        context = build_context(outcome.stage, NO_OVERRIDES, outcome.error)
        values = [_text(_value(names, context, outcome)) for names in self._names]
        mixed = [part for pair in zip(self._literals, values, strict=False) for part in pair]
        return "".join([*mixed, self._literals[-1]])[:MAX_LINE_CHARACTERS]


def _value(names: tuple[str, ...], context: Mapping[str, VtlValue], outcome: Outcome) -> VtlValue:
    own = _OWN.get(".".join(names))
    if own is not None:
        return own(outcome)
    value: VtlValue = None
    current: object = context
    for name in names:
        if not isinstance(current, dict):
            return None
        current = current.get(name)
    if isinstance(current, str | int | float | bool):
        value = current
    return value


def _text(value: VtlValue) -> str:
    if value is None or value == "":
        return ABSENT
    if isinstance(value, bool):
        return str(value).lower()
    return _CONTROL.sub(" ", str(value))


def _integrated(outcome: Outcome) -> Integrated | None:
    return reached(outcome.stage, Integrated)


def _integration_status(outcome: Outcome) -> int | None:
    integrated = _integrated(outcome)
    return None if integrated is None else integrated.answer.status


def _integration_latency(outcome: Outcome) -> int | None:
    integrated = _integrated(outcome)
    return None if integrated is None else integrated.latency_ms


def _integration_error(outcome: Outcome) -> str | None:
    error = outcome.error
    failed = error is not None and error.response_type in ("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT")
    return error.message if error is not None and failed else None


_Own = Callable[[Outcome], VtlValue]
_AUTHORIZERS = frozenset({"CUSTOM", "COGNITO_USER_POOLS", "JWT"})
_SIGNED = frozenset({"AWS_IAM"})


def _step(kinds: frozenset[str], *, decides: bool) -> tuple[_Own, _Own]:
    """Return status and error message of a step that methods of these types go through.

    First comes who calls, then, in the step that `decides`, whether the caller may.
    """

    def error_of(outcome: Outcome) -> GatewayError | None:
        return outcome.error if isinstance(outcome.stage, Routed) else None

    def status(outcome: Outcome) -> VtlValue:
        routed, error = reached(outcome.stage, Routed), error_of(outcome)
        if routed is None or routed.method.definition.authorization_type not in kinds:
            return None
        if error is None:
            return 200
        is_denial = error.response_type == "ACCESS_DENIED"
        if is_denial == decides:
            return error.status
        return 200 if is_denial else None

    def message(outcome: Outcome) -> VtlValue:
        error = error_of(outcome)
        return error.message if error is not None and status(outcome) == error.status else None

    return status, message


def _authorizer_latency(outcome: Outcome) -> VtlValue:
    authorized = reached(outcome.stage, Authorized)
    return None if authorized is None else authorized.authorizer.get("integrationLatency")


_authenticate_status, _authenticate_error = _step(_SIGNED, decides=False)
_authorizer_status, _authorizer_error = _step(_AUTHORIZERS, decides=False)
_authorize_status, _authorize_error = _step(_SIGNED | _AUTHORIZERS, decides=True)
_OWN: Mapping[str, _Own] = {
    "status": lambda outcome: outcome.status,
    "responseLength": lambda outcome: outcome.length_bytes,
    "responseLatency": lambda outcome: outcome.latency_ms,
    "customDomain.basePathMatched": lambda outcome: exchange_of(outcome.stage).target.base_path,
    "xrayTraceId": lambda outcome: exchange_of(outcome.stage).trace_id,
    "integrationStatus": _integration_status,
    "integration.status": _integration_status,
    "integration.integrationStatus": _integration_status,
    "integrationLatency": _integration_latency,
    "integration.latency": _integration_latency,
    "integrationErrorMessage": _integration_error,
    "integration.error": _integration_error,
    "authenticate.status": _authenticate_status,
    "authenticate.error": _authenticate_error,
    "authorizer.status": _authorizer_status,
    "authorizer.error": _authorizer_error,
    "authorizer.latency": _authorizer_latency,
    "authorizer.integrationLatency": _authorizer_latency,
    "authorize.status": _authorize_status,
    "authorize.error": _authorize_error,
}
"""What only access logs know, beside `$context`."""
