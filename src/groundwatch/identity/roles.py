"""Roles that services act under: the gateway's calls to its backends."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from groundwatch.aws.context import Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.calls import iso_time
from groundwatch.identity.names import ROLE_ARN
from groundwatch.identity.policy.document import Policy
from groundwatch.identity.policy.evaluate import Decision, PolicyRequest, PolicySet, evaluate
from groundwatch.identity.policy.keys import KeyTable
from groundwatch.identity.policy.library import PolicyLibrary
from groundwatch.identity.policy.principals import Caller
from groundwatch.identity.store import IdentityStore, session_principal
from groundwatch.identity.values import Role

ASSUME_ROLE = "sts:AssumeRole"
MAX_KEPT = 1000


class _Session(NamedTuple):
    """What a role said, and who acts under it if it said yes."""

    role: Role
    decision: Decision
    principal: Principal


class RoleAssumer:
    """Turns a role's ARN into the principal of a session, when the role's trust policy lets the service have it.

    Role, parsed policy and session are cached while nothing changes. A trust policy with conditions is asked on every
    call (some ten microseconds), since they may name the time or the resource that the service calls for.
    """

    def __init__(self, store: IdentityStore, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._library = PolicyLibrary()
        self._unconditional: dict[tuple[str, str, str], _Session] = {}

    async def assume_for_service(
        self, role_arn: str, service: str, *, account_id: str, session_name: str, source_arn: str | None
    ) -> Principal:
        """Return a session of the role for `service` (such as `apigateway.amazonaws.com`).

        Raises AccessDenied when the role is not one of the account's, does not exist, or does not trust the service;
        the three read alike.
        """
        account, name = _place(role_arn)
        role = await self._store.find_role(account_id, name) if account == account_id else None
        session = self._unconditional.get((role_arn, service, session_name))
        # The store hands out the same role until something changes.
        if session is None or session.role is not role:
            # A path is part of the ARN: policies may grant by it, so it must be the true one.
            if role is None or role.arn != role_arn:
                raise _denied(service, role_arn, Decision("implicitDeny", "trust"))
            session = self._session(role, service, session_name, source_arn)
        if not session.decision.allowed:
            raise _denied(service, role_arn, session.decision)
        return session.principal

    def _session(self, role: Role, service: str, session_name: str, source_arn: str | None) -> _Session:
        trust = self._library.read(role.trust_policy, "trust")
        decision = self._asked(role, trust, service, session_name, source_arn)
        session = _Session(role, decision, session_principal(role, session_name, ()))
        if not any(statement.conditions for statement in trust.statements):
            if len(self._unconditional) >= MAX_KEPT:
                self._unconditional.clear()
            self._unconditional[role.arn, service, session_name] = session
        return session

    def _asked(self, role: Role, trust: Policy, service: str, session_name: str, source_arn: str | None) -> Decision:
        now_ms = self._clock_ms()
        keys = {
            "aws:SourceAccount": role.account_id,
            "aws:PrincipalServiceName": service,
            "aws:PrincipalIsAWSService": "true",
            "aws:ResourceAccount": role.account_id,
            "aws:CurrentTime": iso_time(now_ms),
            "aws:EpochTime": str(now_ms // 1000),
            "sts:RoleSessionName": session_name,
        }
        if source_arn is not None:
            keys["aws:SourceArn"] = source_arn
        caller = Caller(arn=service, kind="Service", account_id="")
        policies = PolicySet(resource=trust, trust=True, bindings=role.trust_bindings)
        return evaluate(PolicyRequest(caller, ASSUME_ROLE, role.arn, KeyTable(keys)), policies)


@functools.lru_cache(maxsize=MAX_KEPT)
def _place(role_arn: str) -> tuple[str, str]:
    """Return the account and name in a role's ARN; empty ones for other text."""
    named = ROLE_ARN.fullmatch(role_arn)
    return (named[1], named[3]) if named else ("", "")


def _denied(service: str, role_arn: str, decision: Decision) -> ServiceError:
    reason = decision.reason(ASSUME_ROLE)
    return ServiceError(
        "AccessDenied", f"User: {service} is not authorized to perform: {ASSUME_ROLE} on resource: {role_arn} {reason}"
    )
