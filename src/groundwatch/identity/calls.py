"""The condition keys of a call: those that every service has, and those that the service gave for this request."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.identity.names import TEMPORARY_PREFIX
from groundwatch.identity.resource_tags import KEY_PREFIX

PRINCIPAL_TAG = "aws:principaltag/"
ARN_ACCOUNT = 4


class Call(msgspec.Struct, frozen=True):
    """One access check of one request, and what the store knows of its principal."""

    context: RequestContext
    check: AccessCheck
    principal_tags: Mapping[str, str] = {}
    issued_ms: int | None = None
    """When the principal's temporary key was made; None for long-term keys."""


class CallKeys:
    """Answers lookups of condition keys; each is worked out when it is asked for, since most policies ask none."""

    __slots__ = ("_call", "_given", "asked", "missed_resource_tags")

    def __init__(self, call: Call) -> None:
        self._call = call
        self.asked = False
        """Whether any key was looked up: if not, the decision cannot depend on the request."""
        self.missed_resource_tags = False
        """Whether a tag of the resource was asked for that the check did not bring."""
        self._given = {
            name.lower(): (value,) if isinstance(value, str) else tuple(value)
            for name, value in call.check.keys.items()
        }

    def find(self, name: str) -> Sequence[str] | None:
        """Return the values of the key with this lower-case name, or None."""
        self.asked = True
        given = self._given.get(name)
        if given is not None:
            return given
        if name.startswith(KEY_PREFIX):
            self.missed_resource_tags = True
            return None
        known = GLOBAL_KEYS.get(name)
        value = known(self._call) if known else self._principal_tag(name)
        return None if value is None else (value,)

    def _principal_tag(self, name: str) -> str | None:
        if not name.startswith(PRINCIPAL_TAG):
            return None
        wanted = name.removeprefix(PRINCIPAL_TAG)
        tags = self._call.principal_tags
        return next((value for key, value in tags.items() if key.lower() == wanted), None)


def account_of(arn: str) -> str | None:
    """Return the account in an ARN, or None when it names none."""
    parts = arn.split(":", 5)
    return parts[ARN_ACCOUNT] or None if len(parts) > ARN_ACCOUNT + 1 else None


def iso_time(epoch_ms: int) -> str:
    """Return a time as condition keys carry it, in whole seconds of UTC."""
    return _iso_second(epoch_ms // 1000)


@functools.lru_cache(maxsize=4)
def _iso_second(epoch_s: int) -> str:
    # Every decision asks for it, thousands of times in the same second.
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_signed(call: Call) -> bool:
    return call.context.principal.kind in ("Account", "User", "AssumedRole")


def _principal_account(call: Call) -> str | None:
    return call.context.principal.account_id if _is_signed(call) else None


def _principal_arn(call: Call) -> str | None:
    principal = call.context.principal
    # The role and not the session, so that one condition covers all sessions.
    return (principal.role_arn or principal.arn) if _is_signed(call) else None


def _principal_type(call: Call) -> str | None:
    kind = call.context.principal.kind
    return None if kind == "Service" else kind


def _user_id(call: Call) -> str | None:
    principal = call.context.principal
    if principal.kind == "Anonymous":
        return "anonymous"
    return principal.user_id if _is_signed(call) else None


def _user_name(call: Call) -> str | None:
    principal = call.context.principal
    return principal.arn.rpartition("/")[2] if principal.kind == "User" else None


def _is_service(call: Call) -> str | None:
    kind = call.context.principal.kind
    return None if kind == "Anonymous" else str(kind == "Service").lower()


def _service_name(call: Call) -> str | None:
    principal = call.context.principal
    return principal.arn if principal.kind == "Service" else None


def _issue_time(call: Call) -> str | None:
    if call.issued_ms is not None:
        return iso_time(call.issued_ms)
    # A session without a key of its own was made by this server for this very call.
    return iso_time(call.context.received_ms) if call.context.principal.kind == "AssumedRole" else None


def _multi_factor(call: Call) -> str | None:
    principal = call.context.principal
    temporary = principal.kind == "AssumedRole" or (principal.access_key_id or "").startswith(TEMPORARY_PREFIX)
    return "false" if temporary else None


GLOBAL_KEYS: Mapping[str, Callable[[Call], str | None]] = {
    "aws:currenttime": lambda call: iso_time(call.context.received_ms),
    "aws:epochtime": lambda call: str(call.context.received_ms // 1000),
    "aws:securetransport": lambda call: str(call.context.secure).lower(),
    "aws:sourceip": lambda call: call.context.source_ip or None,
    "aws:useragent": lambda call: call.context.user_agent or None,
    "aws:requestedregion": lambda call: call.context.region,
    "aws:principalaccount": _principal_account,
    "aws:principalarn": _principal_arn,
    "aws:principaltype": _principal_type,
    "aws:principalisawsservice": _is_service,
    "aws:principalservicename": _service_name,
    "aws:userid": _user_id,
    "aws:username": _user_name,
    # No service forwards a caller's own identity here; the gateway acts under a role.
    "aws:viaawsservice": lambda _call: "false",
    "aws:resourceaccount": lambda call: account_of(call.check.resource) or call.context.account_id,
    "aws:tokenissuetime": _issue_time,
    "aws:multifactorauthpresent": _multi_factor,
    "aws:sourcearn": lambda call: call.context.source_arn,
    "aws:sourceaccount": lambda call: account_of(call.context.source_arn) if call.context.source_arn else None,
}
"""Lower-case names of the global keys that this server supplies, and where each comes from."""
