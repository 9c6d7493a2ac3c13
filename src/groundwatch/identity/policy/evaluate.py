"""The decision: which of the policies that apply to a call allow it, and which forbid it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from groundwatch.identity.policy.document import Effect, Policy, Statement
from groundwatch.identity.policy.keys import RequestKeys
from groundwatch.identity.policy.principals import NO_IDENTITY_POLICIES, Caller, Grant

Outcome = Literal["allowed", "implicitDeny", "explicitDeny"]
PolicyType = Literal["identity", "resource", "boundary", "session", "trust"]

SILENT: Mapping[PolicyType, str] = {
    "identity": "because no identity-based policy allows the {action} action",
    "resource": "because no resource-based policy allows the {action} action",
    "boundary": "because no permissions boundary allows the {action} action",
    "session": "because no session policy allows the {action} action",
    "trust": "because no role trust policy allows the {action} action",
}
EXPLICIT: Mapping[PolicyType, str] = {
    "identity": "with an explicit deny in an identity-based policy",
    "resource": "with an explicit deny in a resource-based policy",
    "boundary": "with an explicit deny in a permissions boundary",
    "session": "with an explicit deny in a session policy",
    "trust": "with an explicit deny in the role trust policy",
}


class PolicyRequest(msgspec.Struct, frozen=True):
    """One question: may this caller do this to that?"""

    caller: Caller
    action: str
    resource: str
    """An ARN or `*`."""
    keys: RequestKeys
    resource_account: str | None = None
    """The account that owns the resource; None takes it from the ARN, else the caller's."""


class PolicySet(msgspec.Struct, frozen=True):
    """The policies that apply to the question; None and empty mean that there are none of the kind."""

    identity: tuple[Policy, ...] = ()
    resource: Policy | None = None
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()
    trust: bool = False
    """Whether `resource` is a role's trust policy, which must itself allow, in its own account too."""
    bindings: Mapping[str, str] = {}
    """Unique ids that the ARNs in `resource` stood for when it was saved."""


class Decision(msgspec.Struct, frozen=True):
    """The outcome and, unless allowed, the type of policy that was silent or forbade it."""

    outcome: Outcome
    policy_type: PolicyType | None = None

    @property
    def allowed(self) -> bool:
        """Whether the call may go on."""
        return self.outcome == "allowed"

    def reason(self, action: str) -> str:
        """Return the clause that ends the service's text of a denial; empty when allowed."""
        if self.policy_type is None:
            return ""
        clauses = EXPLICIT if self.outcome == "explicitDeny" else SILENT
        return clauses[self.policy_type].format(action=action)


ALLOWED = Decision("allowed")


def evaluate(request: PolicyRequest, policies: PolicySet) -> Decision:
    """Decide as IAM does; any Deny wins, and what nothing allows is denied."""
    return _Evaluation(request, policies).decide()


def deciding_statements(request: PolicyRequest, policy: Policy, effect: Effect) -> tuple[int, ...]:
    """Return the places of the statements of this effect that match, for whoever explains a decision.

    Principals are not looked at: whether a resource policy names the caller is for `evaluate` to say.
    """
    evaluation = _Evaluation(request, PolicySet())
    return tuple(
        place
        for place, statement in enumerate(policy.statements)
        if statement.effect == effect and evaluation.matches(statement)
    )


class _Evaluation:
    """One walk over the policies for one question."""

    def __init__(self, request: PolicyRequest, policies: PolicySet) -> None:
        self._request = request
        self._caller = request.caller
        self._policies = policies
        service, _, name = request.action.lower().partition(":")
        self._service, self._name = service, name

    def decide(self) -> Decision:
        policies = self._policies
        # A Deny anywhere wins, so every kind of policy is asked before any Allow counts.
        identity = self._identity_effect()
        if identity == "Deny":
            return Decision("explicitDeny", "identity")
        boundary = self._effect((policies.boundary,)) if policies.boundary else "Allow"
        if boundary == "Deny":
            return Decision("explicitDeny", "boundary")
        session = self._effect(policies.session) if policies.session else "Allow"
        if session == "Deny":
            return Decision("explicitDeny", "session")
        resource_type: PolicyType = "trust" if policies.trust else "resource"
        grant = self._resource_grant()
        if grant is None:
            return Decision("explicitDeny", resource_type)
        silent: list[PolicyType] = []
        if grant is Grant.NONE and self._needs_resource_grant():
            silent.append(resource_type)
        if self._needs_caller_side(grant):
            # A role named by the resource needs no identity policy, but stays within its boundary and session.
            if identity is None and not (grant is Grant.ROLE and self._same_account()):
                silent.append("identity")
            if boundary is None:
                silent.append("boundary")
            if session is None:
                silent.append("session")
        return Decision("implicitDeny", silent[0]) if silent else ALLOWED

    def _needs_resource_grant(self) -> bool:
        return self._policies.trust or self._caller.kind in NO_IDENTITY_POLICIES or not self._same_account()

    def _needs_caller_side(self, grant: Grant) -> bool:
        if self._caller.kind in NO_IDENTITY_POLICIES:
            return False
        # Across accounts both sides must agree, however directly the resource names the caller.
        return grant is not Grant.DIRECT or not self._same_account()

    def _same_account(self) -> bool:
        request = self._request
        owner = request.resource_account
        if owner is None:
            parts = request.resource.split(":", 5)
            owner = parts[4] if len(parts) > 5 else ""
        # The policies that AWS gives are every account's own.
        return owner in ("", "*", "aws", self._caller.account_id)

    def _identity_effect(self) -> str | None:
        # The account's root user needs no identity policies and cannot be bound by them.
        return "Allow" if self._caller.kind == "Account" else self._effect(self._policies.identity)

    def _effect(self, policies: Iterable[Policy]) -> str | None:
        """Return Deny, Allow or (None) silence of policies without principals."""
        allowed = None
        for policy in policies:
            for statement in policy.statements:
                # Once something allows, only a Deny can change the answer.
                if (statement.effect == "Deny" or allowed is None) and self.matches(statement):
                    if statement.effect == "Deny":
                        return "Deny"
                    allowed = "Allow"
        return allowed

    def _resource_grant(self) -> Grant | None:
        """Return the strongest grant of the resource policy, or None when it denies."""
        best = Grant.NONE
        if self._policies.resource is None:
            return best
        for statement in self._policies.resource.statements:
            named = self._named(statement)
            if named is Grant.NONE or not self.matches(statement):
                continue
            if statement.effect == "Deny":
                return None
            best = max(best, named)
        return best

    def _named(self, statement: Statement) -> Grant:
        bindings = self._policies.bindings
        if statement.principals is not None:
            return statement.principals.grant(self._caller, bindings)
        if statement.not_principals is not None and not statement.not_principals.exempts(self._caller, bindings):
            return Grant.DIRECT
        return Grant.NONE

    def matches(self, statement: Statement) -> bool:
        """Tell whether action, resource and conditions of the statement fit the request."""
        # Cheapest first: most statements fall at the action.
        if not statement.actions.match(self._service, self._name):
            return False
        request = self._request
        if statement.resources is not None and not statement.resources.match(request.resource, request.keys):
            return False
        return all(condition.holds(request.keys) for condition in statement.conditions)
