"""STS (API version 2011-06-15): temporary credentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access import AllowAll, PolicyAuthorizer, ResourcePolicy, denial
from groundwatch.identity.aws_policies import AWS_ACCOUNT
from groundwatch.identity.names import (
    POLICY_ARN,
    ROLE_ARN,
    TEMPORARY_PREFIX,
    new_id,
    new_secret,
    new_token,
    session_arn,
)
from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.records import managed
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.values import Role, Session

Answer = dict[str, object]
DEFAULT_SESSION_S = 3600
CHAINED_SESSION_S = 3600
DEFAULT_TOKEN_S = 43200
SESSION_POLICY_LIMIT = 2048
SESSION_POLICY_ARNS = 10
# Without MFA a session token reaches all but IAM, and of STS only AssumeRole (GetCallerIdentity needs no permission).
SESSION_TOKEN_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"},
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
        ],
    }
)


class StsOperations:
    """The operations of STS; AssumeRole decides for itself whether the caller may."""

    def __init__(
        self,
        store: IdentityStore,
        clock_ms: Callable[[], int],
        *,
        authorizer: PolicyAuthorizer | AllowAll | None = None,
    ) -> None:
        self._store = store
        self._clock_ms = clock_ms
        self._authorizer = authorizer or PolicyAuthorizer(store)

    async def get_caller_identity(self, context: RequestContext) -> Answer:
        """Return who the caller is."""
        # Nobody checks this call, so nobody else would note it.
        self._store.key_uses.note(context, "sts:GetCallerIdentity")
        principal = context.principal
        return {"UserId": principal.user_id, "Account": principal.account_id, "Arn": principal.arn}

    async def assume_role(  # noqa: PLR0913 - the members of the model's input
        self,
        context: RequestContext,
        *,
        role_arn: str,
        role_session_name: str,
        duration_seconds: int = DEFAULT_SESSION_S,
        policy: str | None = None,
        policy_arns: Sequence[Mapping[str, str]] = (),
        external_id: str | None = None,
    ) -> Answer:
        """Return temporary credentials of the role, narrowed by session policies when some are given.

        The managed policies of `policy_arns` count as they are now: a later version of them changes no running session.
        """
        keys = {"sts:RoleSessionName": (role_session_name,)}
        if external_id is not None:
            keys["sts:ExternalId"] = (external_id,)
        # Before the duration: who may not assume the role must not learn its limits.
        role = await self._admit(context, AccessCheck("sts:AssumeRole", role_arn, keys))
        _check_duration(role, context, duration_seconds)
        policies = await self._session_policies(role, policy, [named.get("arn", "") for named in policy_arns])
        session = await self._open_session(role.id, role_session_name, policies, duration_seconds)
        answer: Answer = {
            "Credentials": _credentials(session),
            "AssumedRoleUser": {
                "AssumedRoleId": f"{role.id}:{role_session_name}",
                "Arn": session_arn(role.account_id, role.name, role_session_name),
            },
        }
        if policies:
            given = len(policy or "") + sum(len(named.get("arn", "")) for named in policy_arns)
            answer["PackedPolicySize"] = max(1, given * 100 // SESSION_POLICY_LIMIT)
        return answer

    async def get_session_token(self, context: RequestContext, *, duration_seconds: int = DEFAULT_TOKEN_S) -> Answer:
        """Return temporary credentials of the calling user; without MFA they reach neither IAM nor most of STS."""
        principal = context.principal
        self._store.key_uses.note(context, "sts:GetSessionToken")
        if principal.kind != "User" or (principal.access_key_id or "").startswith(TEMPORARY_PREFIX):
            raise ServiceError("AccessDenied", "Cannot call GetSessionToken with session credentials", status=403)
        session = await self._open_session(principal.user_id, None, (SESSION_TOKEN_POLICY,), duration_seconds)
        return {"Credentials": _credentials(session)}

    async def _admit(self, context: RequestContext, check: AccessCheck) -> Role:
        """Return the role when trust policy and caller's policies let the caller have it.

        A role that does not exist is refused in the same words: who may not assume a role learns nothing of it.
        """
        named = ROLE_ARN.fullmatch(check.resource)
        if named is None:
            raise ServiceError("ValidationError", f"{check.resource} is invalid", status=400)
        role = await self._store.find_role(named[1], named[3])
        # Found by its name, so the path that was given must be compared.
        if role is not None and role.arn == check.resource:
            trust = ResourcePolicy(role.trust_policy, trust=True, bindings=role.trust_bindings)
            if (await self._authorizer.decide(context, check, trust)).allowed:
                return role
        raise ServiceError("AccessDenied", denial(context.principal, check), status=403)

    async def _session_policies(self, role: Role, policy: str | None, arns: Sequence[str]) -> tuple[str, ...]:
        if len(arns) > SESSION_POLICY_ARNS:
            message = f"The number of PolicyArns must be at most {SESSION_POLICY_ARNS}."
            raise ServiceError("ValidationError", message, status=400)
        if len(policy or "") + sum(map(len, arns)) > SESSION_POLICY_LIMIT:
            message = f"Session policies are limited to {SESSION_POLICY_LIMIT} characters."
            raise ServiceError("PackedPolicyTooLarge", message)
        for arn in arns:
            named = POLICY_ARN.fullmatch(arn)
            if named is None or named[1] not in (role.account_id, AWS_ACCOUNT):
                raise _unusable(arn)
        found = await self._store.read(lambda connection: managed.documents(connection, arns))
        for arn, document in found.items():
            if not document:
                raise _unusable(arn)
        inline = () if policy is None else (_checked_session_policy(policy),)
        return (*inline, *found.values())

    async def _open_session(
        self, owner_id: str, session_name: str | None, policies: tuple[str, ...], duration_s: int
    ) -> Session:
        now_ms = self._clock_ms()
        session = Session(
            access_key_id=new_id(TEMPORARY_PREFIX),
            owner_id=owner_id,
            session_name=session_name,
            secret=new_secret(),
            token=new_token(),
            policies=policies,
            issued_ms=now_ms,
            # Whole seconds, so that the client's Expiration is exactly the server's.
            expires_ms=(now_ms // 1000 + duration_s) * 1000,
        )
        await self._store.add_session(session)
        return session


def _check_duration(role: Role, context: RequestContext, duration_s: int) -> None:
    if context.principal.kind == "AssumedRole" and duration_s > CHAINED_SESSION_S:
        raise ServiceError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            status=400,
        )
    if duration_s > role.max_session_s:
        raise ServiceError(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            status=400,
        )


def _unusable(policy_arn: str) -> ServiceError:
    # The same for a policy of another account, which must not be told from one that is missing.
    return ServiceError("ValidationError", f"Policy {policy_arn} does not exist or is not attachable.", status=400)


def _checked_session_policy(document: str) -> str:
    try:
        parse_policy(document, "identity")
    except MalformedPolicyError as error:
        raise ServiceError("MalformedPolicyDocument", str(error)) from error
    return document


def _credentials(session: Session) -> Answer:
    return {
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": datetime.fromtimestamp(session.expires_ms / 1000, UTC),
    }
