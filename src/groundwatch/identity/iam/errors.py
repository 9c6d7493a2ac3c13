"""The errors of IAM with the service's own sentences; statuses come from the service model."""

from __future__ import annotations

from groundwatch.aws.errors import ServiceError
from groundwatch.identity.policy.errors import MalformedPolicyError


def no_such_entity(kind: str, name: str) -> ServiceError:
    """Return the answer for a user, role or policy that does not exist."""
    return ServiceError("NoSuchEntity", f"The {kind} with name {name} cannot be found.")


def no_such_key(access_key_id: str) -> ServiceError:
    """Return the answer for an access key that the user does not have."""
    return ServiceError("NoSuchEntity", f"The Access Key with id {access_key_id} cannot be found.")


def no_such_policy(policy_arn: str) -> ServiceError:
    """Return the answer for a managed policy that does not exist."""
    return ServiceError("NoSuchEntity", f"Policy {policy_arn} was not found.")


def not_attachable(policy_arn: str) -> ServiceError:
    """Return the refusal to attach a managed policy that does not exist."""
    return ServiceError("NoSuchEntity", f"Policy {policy_arn} does not exist or is not attachable.")


def already_exists(kind: str, name: str) -> ServiceError:
    """Return the answer for a name that is taken."""
    return ServiceError("EntityAlreadyExists", f"{kind.capitalize()} with name {name} already exists.")


def delete_conflict(attached: str) -> ServiceError:
    """Return the refusal to delete an entity that still has keys or policies."""
    return ServiceError("DeleteConflict", f"Cannot delete entity, must delete {attached} first.")


def quota_exceeded(quota: str, limit: int) -> ServiceError:
    """Return the refusal of one more than the quota."""
    return ServiceError("LimitExceeded", f"Cannot exceed quota for {quota}: {limit}")


def policies_too_long(limit: int, kind: str, name: str) -> ServiceError:
    """Return the refusal of inline policies that are together longer than the entity may have."""
    return ServiceError("LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {kind} {name}")


def malformed_document(error: MalformedPolicyError) -> ServiceError:
    """Return the refusal of a policy document."""
    return ServiceError("MalformedPolicyDocument", str(error))
