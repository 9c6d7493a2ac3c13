"""Managed policies: their versions, and to whom they are attached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, and_, delete, func, insert, select

from groundwatch.identity.aws_policies import aws_policies, is_aws_policy
from groundwatch.identity.records.entities import entity_of_row, table_of
from groundwatch.identity.values import Group, ManagedPolicy, Owner, PolicyVersion, Role, User
from groundwatch.storage.tables.identity import attachments, managed_policies, policy_versions

OWNERS: tuple[type[Owner], ...] = (User, Role, Group)
BOUNDED: tuple[type[User | Role], ...] = (User, Role)


def insert_version(connection: Connection, policy_id: str, version: PolicyVersion) -> None:
    """Store a version of a policy."""
    row = {
        "policy_id": policy_id,
        "version": version.number,
        "document": version.document,
        "created_ms": version.created_ms,
    }
    connection.execute(insert(policy_versions), row)


def read_versions(connection: Connection, policy: ManagedPolicy) -> Sequence[PolicyVersion]:
    """Return the versions of a policy, newest first."""
    known = aws_policies().get(policy.arn)
    if known is not None:
        return [PolicyVersion(policy.default_version, known.document, policy.created_ms)]
    columns = policy_versions.c
    query = select(policy_versions).where(columns.policy_id == policy.id).order_by(columns.version.desc())
    return [PolicyVersion(row.version, row.document, row.created_ms) for row in connection.execute(query)]


def delete_versions(connection: Connection, policy_id: str, number: int | None = None) -> None:
    """Delete one version of a policy, or all of them."""
    statement = delete(policy_versions).where(policy_versions.c.policy_id == policy_id)
    connection.execute(statement if number is None else statement.where(policy_versions.c.version == number))


def attach(connection: Connection, owner_id: str, policy_arn: str) -> None:
    """Attach a policy; one that is attached already stays so."""
    detach(connection, owner_id, policy_arn)
    connection.execute(insert(attachments), {"owner_id": owner_id, "policy_arn": policy_arn})


def detach(connection: Connection, owner_id: str, policy_arn: str) -> bool:
    """Detach a policy; return whether it was attached."""
    columns = attachments.c
    statement = delete(attachments).where(columns.owner_id == owner_id, columns.policy_arn == policy_arn)
    return connection.execute(statement).rowcount > 0


def attached_arns(connection: Connection, owner_id: str) -> Sequence[str]:
    """Return the ARNs of the policies that are attached to a user, role or group, in order of ARN."""
    query = select(attachments.c.policy_arn).where(attachments.c.owner_id == owner_id)
    return sorted(connection.execute(query).scalars())


def attached_documents(connection: Connection, owner_ids: Iterable[str]) -> dict[str, str]:
    """Return the documents in force of every policy attached to these owners: ARN → document.

    A policy that cannot be found, such as one of AWS's that this version of the program lacks, has an empty document.
    """
    query = select(attachments.c.policy_arn).where(attachments.c.owner_id.in_(list(owner_ids))).distinct()
    return documents(connection, sorted(connection.execute(query).scalars()))


def documents(connection: Connection, arns: Sequence[str]) -> dict[str, str]:
    """Return the documents in force of these policies, empty where there is none: ARN → document."""
    known = aws_policies()
    found = {arn: known[arn].document for arn in arns if arn in known}
    own = [arn for arn in arns if not is_aws_policy(arn)]
    if own:
        columns = policy_versions.c
        in_force = and_(
            columns.policy_id == managed_policies.c.id, columns.version == managed_policies.c.default_version
        )
        query = select(managed_policies.c.arn, columns.document).join(policy_versions, in_force)
        rows = connection.execute(query.where(managed_policies.c.arn.in_(own)))
        found |= {row.arn: row.document for row in rows}
    return {arn: found.get(arn, "") for arn in arns}


def owners_of(connection: Connection, account_id: str, policy_arn: str, *, boundary: bool) -> Sequence[Owner]:
    """Return the account's users, roles and groups that have the policy attached, or set as their boundary."""
    found: list[Owner] = []
    for entity in BOUNDED if boundary else OWNERS:
        table = table_of(entity)
        query = select(table).where(table.c.account_id == account_id)
        if boundary:
            query = query.where(table.c.boundary_arn == policy_arn)
        else:
            query = query.join(attachments, attachments.c.owner_id == table.c.id)
            query = query.where(attachments.c.policy_arn == policy_arn)
        found += [entity_of_row(entity, row) for row in connection.execute(query)]
    return found


def usage(connection: Connection, account_id: str, *, boundary: bool) -> Mapping[str, int]:
    """Return how often each policy is attached within the account, or set as a boundary: ARN → count."""
    counts = Counter[str]()
    for entity in BOUNDED if boundary else OWNERS:
        table = table_of(entity)
        arn = table.c.boundary_arn if boundary else attachments.c.policy_arn
        query = select(arn, func.count()).select_from(table)
        if not boundary:
            query = query.join(attachments, attachments.c.owner_id == table.c.id)
        rows = connection.execute(query.where(table.c.account_id == account_id, arn.is_not(None)).group_by(arn))
        counts.update({row[0]: row[1] for row in rows})
    return counts
