"""The SQL of account settings and usage counts: functions of a connection, as in `store_sql.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from groundwatch.gateway.definition import AccountSettings
from groundwatch.gateway.store_sql import Place, encode
from groundwatch.storage.tables.gateway import account_settings, api_keys, usage, usage_plans


class UsageKey(msgspec.Struct, frozen=True, order=True):
    """Who counts: a key in a plan."""

    plan_id: str
    key_id: str


class DayUsage(msgspec.Struct, frozen=True):
    """What one key did under one plan on one day (days since 1970-01-01, UTC)."""

    day: int
    used: int
    granted: int = 0
    """Requests beyond the plan's limit that were given (below 0: taken) on that day."""


def read_account(connection: Connection, place: Place) -> AccountSettings:
    """Return the settings of an account, the first ones when nobody changed them."""
    table = account_settings
    query = select(table.c.document).where(table.c.account_id == place.account_id, table.c.region == place.region)
    document = connection.execute(query).scalar_one_or_none()
    return AccountSettings() if document is None else msgspec.json.decode(document, type=AccountSettings)


def save_account(connection: Connection, place: Place, settings: AccountSettings) -> None:
    """Write the settings of an account; those that are as at first leave no row."""
    table = account_settings
    connection.execute(delete(table).where(table.c.account_id == place.account_id, table.c.region == place.region))
    if settings != AccountSettings():
        row = {"account_id": place.account_id, "region": place.region, "document": encode(settings)}
        connection.execute(insert(table).values(row))


def add_usage(connection: Connection, changes: Mapping[tuple[UsageKey, int], DayUsage]) -> None:
    """Add counts to what is stored; those of plans and keys that are gone are dropped."""
    plans = {key.plan_id for key, _ in changes}
    keys = {key.key_id for key, _ in changes}
    known_plans = set(connection.execute(select(usage_plans.c.id).where(usage_plans.c.id.in_(plans))).scalars())
    known_keys = set(connection.execute(select(api_keys.c.id).where(api_keys.c.id.in_(keys))).scalars())
    # In one order on every node, so that two of them never wait for each other's rows.
    for (key, day), change in sorted(changes.items(), key=lambda item: item[0]):
        if key.plan_id not in known_plans or key.key_id not in known_keys:
            continue
        row = {"plan_id": key.plan_id, "key_id": key.key_id, "day": day}
        is_row = (usage.c.plan_id == key.plan_id, usage.c.key_id == key.key_id, usage.c.day == day)
        grown = {"used": usage.c.used + change.used, "granted": usage.c.granted + change.granted}
        if connection.execute(update(usage).where(*is_row).values(grown)).rowcount == 0:
            connection.execute(insert(usage).values(**row, used=change.used, granted=change.granted))


def read_totals(connection: Connection, key: UsageKey, first_day: int) -> DayUsage:
    """Return what a key used and was given from `first_day` on."""
    totals = select(func.coalesce(func.sum(usage.c.used), 0), func.coalesce(func.sum(usage.c.granted), 0))
    wanted = (usage.c.plan_id == key.plan_id, usage.c.key_id == key.key_id, usage.c.day >= first_day)
    used, granted = connection.execute(totals.where(*wanted)).one()
    return DayUsage(first_day, int(used), int(granted))


def read_days(
    connection: Connection, plan_id: str, key_ids: Sequence[str], first_day: int, last_day: int
) -> dict[str, list[DayUsage]]:
    """Return the days on which keys were used, in order of time, by key."""
    wanted = (usage.c.plan_id == plan_id, usage.c.key_id.in_(key_ids), usage.c.day.between(first_day, last_day))
    found: dict[str, list[DayUsage]] = {}
    for row in connection.execute(select(usage).where(*wanted).order_by(usage.c.day)):
        found.setdefault(row.key_id, []).append(DayUsage(row.day, row.used, row.granted))
    return found


def delete_usage(connection: Connection, *, plan_id: str | None = None, key_id: str | None = None) -> None:
    """Forget the counts of a plan or of a key that is deleted."""
    condition = usage.c.plan_id == plan_id if plan_id is not None else usage.c.key_id == key_id
    connection.execute(delete(usage).where(condition))
