"""Accounts: the tenants, and what is left of one before it can go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, MetaData, Table, delete, insert, select, update

from groundwatch.identity.values import Account, AccountStatus
from groundwatch.storage.tables import identity as tables

OWNED = (tables.users, tables.roles, tables.groups, tables.managed_policies)
PASSES = "passes_with_account"
"""In `Table.info`: rows that their owner cannot delete and that need no second thought, such as results of queries."""
BY_OWNER = (tables.policies, tables.tags, tables.sessions, tables.attachments)


def insert_account(connection: Connection, account: Account) -> bool:
    """Store the account; return False when one with this id exists already."""
    if find_account(connection, account.account_id) is not None:
        return False
    row = {
        "account_id": account.account_id,
        "created_ms": account.created_ms,
        "name": account.name,
        "email": account.email,
        "status": account.status,
    }
    connection.execute(insert(tables.accounts), row)
    return True


def find_account(connection: Connection, account_id: str) -> Account | None:
    """Return the account, or None."""
    query = select(tables.accounts).where(tables.accounts.c.account_id == account_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else Account(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def page_accounts(connection: Connection, after: str, limit: int) -> Sequence[Account]:
    """Return at most `limit` accounts whose ids follow `after`."""
    columns = tables.accounts.c
    query = select(tables.accounts).where(columns.account_id > after).order_by(columns.account_id).limit(limit)
    return [Account(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - as above


def has_email(connection: Connection, email: str) -> bool:
    """Tell whether an account has this address."""
    columns = tables.accounts.c
    return connection.execute(select(columns.account_id).where(columns.email == email).limit(1)).first() is not None


def is_active(connection: Connection, account_id: str) -> bool:
    """Tell whether the account exists and is not suspended."""
    account = find_account(connection, account_id)
    return account is not None and account.status == "ACTIVE"


def set_status(connection: Connection, account_id: str, status: AccountStatus) -> None:
    """Suspend or activate the account."""
    table = tables.accounts
    connection.execute(update(table).where(table.c.account_id == account_id).values(status=status))


def tenant_tables(metadata: MetaData) -> tuple[Table, ...]:
    """Return the tables of all other rooms whose rows belong to an account."""
    prefix = tables.accounts.name.partition("_")[0] + "_"
    found = (t for name, t in sorted(metadata.tables.items()) if "account_id" in t.c and not name.startswith(prefix))
    return tuple(found)


def tables_in_use(connection: Connection, account_id: str, candidates: Iterable[Table]) -> Sequence[str]:
    """Return the names of the tables in which the account still has rows."""
    return [
        table.name
        for table in candidates
        if not table.info.get(PASSES)
        and connection.execute(select(table.c.account_id).where(table.c.account_id == account_id).limit(1)).first()
    ]


def delete_passing(connection: Connection, account_id: str, candidates: Iterable[Table]) -> None:
    """Delete the account's rows in the tables whose rows pass with it."""
    for table in candidates:
        if table.info.get(PASSES):
            connection.execute(delete(table).where(table.c.account_id == account_id))


def delete_account(connection: Connection, account_id: str) -> None:
    """Delete the account with all its users, roles, groups, policies and keys."""
    ids = {table: select(table.c.id).where(table.c.account_id == account_id) for table in OWNED}
    for table in BY_OWNER:
        for owned in ids.values():
            connection.execute(delete(table).where(table.c.owner_id.in_(owned)))
    dependants = (
        (tables.access_keys.c.user_id, tables.users),
        (tables.memberships.c.user_id, tables.users),
        (tables.policy_versions.c.policy_id, tables.managed_policies),
    )
    for column, owner in dependants:
        connection.execute(delete(column.table).where(column.in_(ids[owner])))
    for table in (*OWNED, tables.accounts):
        connection.execute(delete(table).where(table.c.account_id == account_id))
