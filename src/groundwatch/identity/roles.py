"""Roles that services act under: the gateway's calls to its backends."""

from __future__ import annotations

from collections.abc import Callable

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


class RoleAssumer:
    """Turns a role's ARN into the principal of a session, when the role's trust policy lets the service have it.

    Role and parsed policy are cached while nothing changes. A trust policy with conditions is asked on every call (some
    ten microseconds), since they may name the time or the resource that the service calls for.
    """

    def __init__(self, store: IdentityStore, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._library = PolicyLibrary()
        self._unconditional: dict[tuple[str, str], tuple[Role, Decision]] = {}

    async def assume_for_service(
        self, role_arn: str, service: str, *, account_id: str, session_name: str, source_arn: str | None
    ) -> Principal:
        """Return a session of the role for `service` (such as `apigateway.amazonaws.com`).

        Raises AccessDenied when the role is not one of the account's, does not exist, or does not trust the service;
        the three read alike.
        """
        named = ROLE_ARN.fullmatch(role_arn)
        role = await self._store.find_role(account_id, named[3]) if named and named[1] == account_id else None
        # A path is part of the ARN: policies may grant by it, so it must be the true one.
        if role is None or role.arn != role_arn:
            raise _denied(service, role_arn, Decision("implicitDeny", "trust"))
        decision = self._trust(role, service, session_name, source_arn)
        if not decision.allowed:
            raise _denied(service, role_arn, decision)
        return session_principal(role, session_name, ())

    def _trust(self, role: Role, service: str, session_name: str, source_arn: str | None) -> Decision:
        known = self._unconditional.get((role.arn, service))
        # The store hands out the same role until something changes.
        if known is not None and known[0] is role:
            return known[1]
        trust = self._library.read(role.trust_policy, "trust")
        decision = self._asked(role, trust, service, session_name, source_arn)
        if not any(statement.conditions for statement in trust.statements):
            if len(self._unconditional) >= MAX_KEPT:
                self._unconditional.clear()
            self._unconditional[role.arn, service] = (role, decision)
        return decision

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


def _denied(service: str, role_arn: str, decision: Decision) -> ServiceError:
    reason = decision.reason(ASSUME_ROLE)
    return ServiceError(
        "AccessDenied", f"User: {service} is not authorized to perform: {ASSUME_ROLE} on resource: {role_arn} {reason}"
    )
