"""Alarms with their states, their history, and the actions that wait to be carried out."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name, RowNumber

alarms = Table(
    "alarms",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("kind", String(16), nullable=False),
    # The input members of the operation that put it, as they were given.
    Column("members", JSON, nullable=False),
    Column("configured_ms", BigInteger, nullable=False),
    # Grows with every change of the configuration: an evaluation of an older one is dropped.
    Column("revision", Integer, nullable=False),
    # A digest of namespace, name and dimensions; none for metric math and composite alarms.
    Column("metric", String(32)),
    Column("interval_s", Integer),
    Column("state_value", String(20), nullable=False),
    Column("state_reason", Text, nullable=False),
    Column("state_reason_data", Text),
    Column("state_updated_ms", BigInteger, nullable=False),
    Column("transitioned_ms", BigInteger, nullable=False),
    Column("evaluation_state", String(24)),
    Column("suppression", JSON(none_as_null=True)),
    # When the wait or extension period of a composite alarm ends.
    Column("due_ms", BigInteger),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("account_id", "region", "name"),
    Index("ix_alarms_metric", "account_id", "region", "metric"),
    Index("ix_alarms_interval_s", "interval_s", "id"),
    Index("ix_alarms_due_ms", "due_ms"),
    sqlite_autoincrement=True,
)

alarm_links = Table(
    "alarm_links",
    metadata,
    Column("parent_id", RowNumber, ForeignKey("alarms.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("child_name", Name, primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Index("ix_alarm_links_child", "account_id", "region", "child_name"),
    info={"passes_with_account": True},
)
"""What composite alarms look at, by name: `child` for their rule, `suppressor` for what holds their actions."""

alarm_history = Table(
    "alarm_history",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("item_type", String(32), nullable=False),
    Column("summary", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_alarm_history_place", "account_id", "region", "at_ms"),
    Index("ix_alarm_history_name", "account_id", "region", "name", "at_ms"),
    Index("ix_alarm_history_at_ms", "at_ms"),
    sqlite_autoincrement=True,
    info={"passes_with_account": True},
)

alarm_actions = Table(
    "alarm_actions",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("action_arn", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("state_updated_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Index("ix_alarm_actions_due_ms", "due_ms", "id"),
    sqlite_autoincrement=True,
    info={"passes_with_account": True},
)
"""Actions of transitions, written with the transition and struck off once they are carried out."""

alarm_ticks = Table(
    "alarm_ticks",
    metadata,
    Column("interval_s", Integer, primary_key=True, autoincrement=False),
    Column("tick_ms", BigInteger, nullable=False),
)
"""Until when alarms have been evaluated, so that a restart goes on from there."""
