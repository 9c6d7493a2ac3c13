"""What a function says of a caller, read from its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from groundwatch.gateway.functions import FunctionAnswer
from groundwatch.gateway.runtime.errors import GatewayError

MAX_ANSWER_BYTES = 64 * 1024
_ENTRY_BYTES = 512
"""What a remembered verdict takes beside its texts."""


class Verdict(msgspec.Struct, frozen=True):
    """What a function said of a caller."""

    principal_id: str
    policy: str
    context: dict[str, str]
    usage_identifier_key: str | None = None

    @property
    def size_bytes(self) -> int:
        """What it takes to remember it."""
        return _ENTRY_BYTES + len(self.policy) + sum(len(k) + len(v) for k, v in self.context.items())


def read_verdict(answer: FunctionAnswer) -> Verdict:
    """Return what a function answered.

    Raises:
        GatewayError: 401 when it does not know the caller, 500 when it failed or gave no answer of an authorizer.
    """
    if answer.error is not None:
        raise _failure(answer)
    if len(answer.payload) > MAX_ANSWER_BYTES:
        raise unusable(f"its answer exceeds {MAX_ANSWER_BYTES} bytes")
    try:
        told = msgspec.json.decode(answer.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unusable("its answer is not JSON") from error
    if not isinstance(told, dict):
        raise unusable("its answer is no object")
    principal_id, document = told.get("principalId"), told.get("policyDocument")
    key = told.get("usageIdentifierKey")
    if not isinstance(principal_id, str) or not principal_id or not isinstance(document, dict):
        raise unusable("its answer has no principalId or no policyDocument")
    if key is not None and not isinstance(key, str):
        raise unusable("its usageIdentifierKey is no text")
    return Verdict(principal_id, msgspec.json.encode(document).decode(), _context(told.get("context")), key)


def unauthorized(reason: str) -> GatewayError:
    """Return 401; the reason is for the log."""
    return GatewayError("UNAUTHORIZED", reason=reason)


def unusable(reason: str) -> GatewayError:
    """Return 500 for an authorizer that its owner must mend."""
    return GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=f"the authorizer cannot be used: {reason}")


def _context(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise unusable("its context is no object")
    return {name: _scalar(name, value) for name, value in given.items() if value is not None}


def _scalar(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    raise unusable(f"the member {name} of its context is neither text, number nor boolean")


def _failure(answer: FunctionAnswer) -> GatewayError:
    try:
        described = msgspec.json.decode(answer.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        described = None
    message = described.get("errorMessage") if isinstance(described, dict) else None
    # Exactly this text is how a function says that it does not know the caller.
    if message == "Unauthorized":
        return unauthorized("the function does not know the caller")
    return GatewayError("AUTHORIZER_FAILURE", reason=f"the function failed: {message}")
