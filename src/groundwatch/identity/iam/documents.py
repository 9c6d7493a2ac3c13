"""Checks on policy documents before they are stored: syntax, size, and whom they name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from groundwatch.aws.errors import ServiceError
from groundwatch.identity.iam.errors import malformed_document, policies_too_long, quota_exceeded
from groundwatch.identity.names import session_arn
from groundwatch.identity.policy.document import Policy, PolicyKind, parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.records import entities
from groundwatch.identity.values import Entity, Group, Owner, Role, User

INLINE_LIMITS: Mapping[type[Owner], int] = {User: 2048, Role: 10240, Group: 5120}
"""Characters of all inline policies of one entity together, white space not counted."""
TRUST_LIMIT = 2048
MANAGED_LIMIT = 6144


def check_inline_policy(document: str) -> None:
    """Raise MalformedPolicyDocument unless `document` is an identity policy."""
    _parse(document, "identity")


def check_managed_policy(document: str) -> None:
    """Raise MalformedPolicyDocument unless it is an identity policy, LimitExceeded when it is too long."""
    _parse(document, "identity")
    if policy_size(document) > MANAGED_LIMIT:
        raise quota_exceeded("PolicySize", MANAGED_LIMIT)


def check_trust_policy(document: str) -> Policy:
    """Return the parsed trust policy; raise MalformedPolicyDocument or, when it is too long, LimitExceeded."""
    policy = _parse(document, "trust")
    if policy_size(document) > TRUST_LIMIT:
        raise quota_exceeded("ACLSizePerRole", TRUST_LIMIT)
    return policy


def check_inline_sizes(owner: Owner, documents: Mapping[str, str]) -> None:
    """Raise LimitExceeded when the owner's policies are together too long."""
    limit = INLINE_LIMITS[type(owner)]
    if sum(policy_size(document) for document in documents.values()) > limit:
        raise policies_too_long(limit, type(owner).__name__.lower(), owner.name)


def policy_size(document: str) -> int:
    """Return the length of a document as quotas count it, without white space."""
    return sum(map(len, document.split()))


def bind_principals(connection: Connection, policy: Policy) -> dict[str, str]:
    """Return the unique ids of all users and roles that the policy names, by ARN.

    A user who is deleted and made anew has another id, and does not inherit the trust of the old one. Raises
    MalformedPolicyDocument when one does not exist.
    """
    bindings: dict[str, str] = {}
    for arn in sorted(policy.principal_arns):
        owner = _find_principal(connection, arn)
        if owner is None:
            raise ServiceError("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{arn}"')
        bindings[arn] = owner.id
    return bindings


def _find_principal(connection: Connection, arn: str) -> Entity | None:
    account_id, resource = arn.split(":", 5)[4:]
    kind, _, rest = resource.partition("/")
    found: Entity | None = None
    if kind == "user":
        found = entities.find_by_name(connection, User, account_id, rest.rpartition("/")[2])
    elif kind == "role":
        found = entities.find_by_name(connection, Role, account_id, rest.rpartition("/")[2])
    elif kind == "assumed-role":
        role_name, _, session_name = rest.partition("/")
        role = entities.find_by_name(connection, Role, account_id, role_name)
        return role if role is not None and session_arn(account_id, role.name, session_name) == arn else None
    return found if found is not None and found.arn == arn else None


def _parse(document: str, kind: PolicyKind) -> Policy:
    try:
        return parse_policy(document, kind)
    except MalformedPolicyError as error:
        raise malformed_document(error) from error
