"""Alarms, their history and the actions that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables of alarms."""
    op.create_table(
        "alarms",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("members", sa.JSON, nullable=False),
        sa.Column("configured_ms", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("metric", sa.String(32)),
        sa.Column("interval_s", sa.Integer),
        sa.Column("state_value", sa.String(20), nullable=False),
        sa.Column("state_reason", sa.Text, nullable=False),
        sa.Column("state_reason_data", sa.Text),
        sa.Column("state_updated_ms", sa.BigInteger, nullable=False),
        sa.Column("transitioned_ms", sa.BigInteger, nullable=False),
        sa.Column("evaluation_state", sa.String(24)),
        sa.Column("suppression", sa.JSON(none_as_null=True)),
        sa.Column("due_ms", sa.BigInteger),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarms"),
        sa.UniqueConstraint("account_id", "region", "name", name="uq_alarms_account_id_region_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarms_due_ms", "alarms", ["due_ms"])
    op.create_index("ix_alarms_interval_s", "alarms", ["interval_s", "id"])
    op.create_index("ix_alarms_metric", "alarms", ["account_id", "region", "metric"])
    op.create_table(
        "alarm_links",
        sa.Column("parent_id", ROW_NUMBER, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("child_name", NAME, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["alarms.id"], name="fk_alarm_links_parent_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("parent_id", "kind", "child_name", name="pk_alarm_links"),
    )
    op.create_index("ix_alarm_links_child", "alarm_links", ["account_id", "region", "child_name"])
    op.create_table(
        "alarm_history",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("item_type", sa.String(32), nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_history"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarm_history_at_ms", "alarm_history", ["at_ms"])
    op.create_index("ix_alarm_history_name", "alarm_history", ["account_id", "region", "name", "at_ms"])
    op.create_index("ix_alarm_history_place", "alarm_history", ["account_id", "region", "at_ms"])
    op.create_table(
        "alarm_actions",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("action_arn", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("state_updated_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm_actions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alarm_actions_due_ms", "alarm_actions", ["due_ms", "id"])
    op.create_table(
        "alarm_ticks",
        sa.Column("interval_s", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("tick_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("interval_s", name="pk_alarm_ticks"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("alarm_ticks", "alarm_actions", "alarm_history", "alarm_links", "alarms"):
        op.drop_table(table)
