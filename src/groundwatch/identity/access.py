"""Authorization: may this principal do that? Implements `aws.context.Authorizer`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from groundwatch.aws.context import AccessCheck, Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access_rules import iam_access, sts_access
from groundwatch.identity.calls import Call, CallKeys, account_of
from groundwatch.identity.names import TEMPORARY_PREFIX
from groundwatch.identity.policy.evaluate import ALLOWED, Decision, PolicyRequest, PolicySet, evaluate
from groundwatch.identity.policy.library import PolicyLibrary
from groundwatch.identity.policy.principals import caller_of, unique_id
from groundwatch.identity.resource_policies import ResourcePolicies
from groundwatch.identity.resource_tags import ResourceTags
from groundwatch.identity.settled import SettledDecisions
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.values import Permissions

__all__ = ["AllowAll", "PolicyAuthorizer", "ResourcePolicy", "access_denied", "iam_access", "sts_access"]

IAM_ENTITY = re.compile(r"arn:aws:iam::(\d{12}):(user|role|group|policy)/((?:[!-~]*/)?)([^/]+)", re.ASCII)
# Checked against a place where nothing need be yet.
UNNAMED = frozenset(
    f"iam:{name}"
    for name in (
        *("CreateUser", "CreateRole", "CreateGroup", "CreatePolicy"),
        *("ListUsers", "ListRoles", "ListGroups"),
    )
)
# To these the key says what the user or role has; in creating one or setting a boundary it is the one asked for.
BOUNDARY_ACTIONS = frozenset(
    f"iam:{action}"
    for kind in ("User", "Role")
    for action in (
        *(f"Attach{kind}Policy", f"Detach{kind}Policy", f"Put{kind}Policy", f"Delete{kind}Policy"),
        f"Delete{kind}PermissionsBoundary",
    )
)
RENAMES = frozenset({"iam:UpdateUser", "iam:UpdateGroup"})
KEY_USE_ACTION = "iam:GetAccessKeyLastUsed"
BOUNDARY_KEY = "iam:PermissionsBoundary"
OWNERS = frozenset({"User", "AssumedRole"})
"""Kinds of principals that policies are attached to."""


class ResourcePolicy(msgspec.Struct, frozen=True):
    """A policy that is attached to the resource of a check."""

    document: str
    trust: bool = False
    """Whether it is a role's trust policy."""
    bindings: Mapping[str, str] = {}
    """Unique ids that its ARNs stood for when it was saved."""


class PolicyAuthorizer:
    """Evaluates the policies of a request's principal, and of the resource when there is one.

    A call costs ten to thirty microseconds while the store's cache is warm, two where the decision is settled, and one
    or two SQL queries when the cache is cold.
    """

    def __init__(
        self,
        store: IdentityStore,
        resource_tags: ResourceTags | None = None,
        resource_policies: ResourcePolicies | None = None,
    ) -> None:
        self._store = store
        self._resource_tags = resource_tags or ResourceTags()
        self._resource_policies = resource_policies or ResourcePolicies()
        self._library = PolicyLibrary()
        self._settled = SettledDecisions()

    async def authorize(self, context: RequestContext, checks: Sequence[AccessCheck]) -> None:
        """Return when every check passes; raise `ServiceError("AccessDenied", …)` at the first that does not."""
        if checks:
            self._store.key_uses.note(context, checks[0].action)
        for index, check in enumerate(checks):
            if self._is_settled(context.principal, check):
                continue
            # The second check of a rename is on the new name, which is taken as it will be.
            renamed = index > 0 and check.action in RENAMES
            completed = check if renamed else await self._complete(check)
            decision = await self._evaluate(context, completed, await self._attached(completed.resource))
            if not decision.allowed:
                raise access_denied(context.principal, completed, decision)

    async def decide(
        self, context: RequestContext, check: AccessCheck, resource_policy: ResourcePolicy | str | None = None
    ) -> Decision:
        """Return the decision on one check; a resource policy may be given as the text of its document."""
        self._store.key_uses.note(context, check.action)
        if isinstance(resource_policy, str):
            resource_policy = ResourcePolicy(resource_policy)
        return await self._evaluate(context, await self._complete(check), resource_policy)

    async def _attached(self, resource: str) -> ResourcePolicy | None:
        source = self._resource_policies.source_for(resource)
        document = None if source is None else await source.policy_of(resource)
        return None if document is None else ResourcePolicy(document)

    def _is_settled(self, principal: Principal, check: AccessCheck) -> bool:
        """Tell whether the check is known to pass, without waiting for anything."""
        # What IAM's own checks are about is completed first.
        if principal.kind not in OWNERS or check.action.startswith("iam:"):
            return False
        permissions = self._store.kept_permissions(unique_id(principal))
        return permissions is not None and self._settled.find(principal, check, permissions)

    async def _evaluate(
        self, context: RequestContext, check: AccessCheck, resource_policy: ResourcePolicy | None
    ) -> Decision:
        caller = caller_of(context.principal)
        owned = caller.kind in OWNERS
        permissions = await self._store.permissions(caller.unique_id) if owned else Permissions()
        call = Call(context, check, permissions.tags, await self._issued_ms(context.principal))
        keys, policies = CallKeys(call), self._policies(context.principal, permissions, resource_policy)
        decision = evaluate(PolicyRequest(caller, check.action, check.resource, keys), policies)
        # A resource without a policy may get one that denies.
        lasting = resource_policy is None and self._resource_policies.source_for(check.resource) is None
        if decision.allowed and not keys.asked and lasting:
            self._settled.keep(context.principal, check, permissions)
        if not keys.missed_resource_tags:
            return decision
        # Most policies do not ask for tags, so they are looked up only now, and the question is asked again.
        tags = await self._resource_tags.keys_of(context, check.resource)
        if not tags:
            return decision
        tagged = msgspec.structs.replace(check, keys={**check.keys, **tags})
        keys = CallKeys(msgspec.structs.replace(call, check=tagged))
        return evaluate(PolicyRequest(caller, check.action, check.resource, keys), policies)

    def _policies(
        self, principal: Principal, permissions: Permissions, resource_policy: ResourcePolicy | None
    ) -> PolicySet:
        identity = self._library.read_all(permissions.policies, "identity")
        session = self._library.read_all(principal.session_policies, "identity")
        boundary = None if permissions.boundary is None else self._library.read(permissions.boundary, "identity")
        if resource_policy is None:
            return PolicySet(identity=identity, boundary=boundary, session=session)
        return PolicySet(
            identity=identity,
            boundary=boundary,
            session=session,
            resource=self._library.read(resource_policy.document, "trust" if resource_policy.trust else "resource"),
            trust=resource_policy.trust,
            bindings=resource_policy.bindings,
        )

    async def _issued_ms(self, principal: Principal) -> int | None:
        key_id = principal.access_key_id
        if key_id is None or not key_id.startswith(TEMPORARY_PREFIX):
            return None
        session = await self._store.find_session(key_id)
        return None if session is None else session.issued_ms

    async def _complete(self, check: AccessCheck) -> AccessCheck:
        """Return a check on an entity of IAM with its true path, its tags and its boundary.

        Whoever writes the check knows but the name, and without its path an entity would escape a Deny on the path.
        """
        if not check.action.startswith("iam:") or check.action in UNNAMED:
            return check
        if check.action == KEY_USE_ACTION:
            check = await self._on_owner(check)
        named = IAM_ENTITY.fullmatch(check.resource)
        entity = await self._store.find_named(named[1], named[2], named[4]) if named else None
        # Whoever gives a path must give the true one: another ARN is that of nothing, and has no tags to grant by.
        if named is None or entity is None or (named[3] and entity.arn != check.resource):
            return check
        # Under both names, since policies for IAM use either.
        tags = entity.tags.items()
        keys = {f"{service}:ResourceTag/{key}": (value,) for service in ("aws", "iam") for key, value in tags}
        if check.action in BOUNDARY_ACTIONS and entity.boundary_arn is not None:
            keys[BOUNDARY_KEY] = (entity.boundary_arn,)
        return AccessCheck(check.action, entity.arn, {**check.keys, **keys})

    async def _on_owner(self, check: AccessCheck) -> AccessCheck:
        """Return a check that names an access key as one on the user whose key it is, if it is of the same account."""
        owner = await self._store.key_owner(check.resource.rpartition("/")[2])
        if owner is None or owner.account_id != account_of(check.resource):
            return check
        return AccessCheck(check.action, owner.arn, check.keys)


class AllowAll:
    """Lets every call pass: for `--auth off`, which binds loopback only."""

    async def authorize(self, context: RequestContext, checks: Sequence[AccessCheck]) -> None:
        """Return at once."""

    async def decide(
        self,
        context: RequestContext,  # noqa: ARG002 - same signature as PolicyAuthorizer
        check: AccessCheck,  # noqa: ARG002
        resource_policy: ResourcePolicy | str | None = None,  # noqa: ARG002
    ) -> Decision:
        """Return that the call is allowed."""
        return ALLOWED


def access_denied(principal: Principal, check: AccessCheck, decision: Decision) -> ServiceError:
    """Return the error of a denied check, in the services' words; the protocol spells the code."""
    return ServiceError("AccessDenied", f"{denial(principal, check)} {decision.reason(check.action)}")


def denial(principal: Principal, check: AccessCheck) -> str:
    """Return the sentence of a denial without its reason."""
    place = "" if check.resource == "*" else f" on resource: {check.resource}"
    return f"User: {principal.arn} is not authorized to perform: {check.action}{place}"
