"""Scheduled queries, and the language of queries."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables of scheduled queries, and say of each query in which language it is."""
    with op.batch_alter_table("log_queries") as table:
        table.add_column(sa.Column("language", sa.String(8), nullable=False, server_default="CWLI"))
    _create_schedules()
    _create_runs()


def _create_schedules() -> None:
    op.create_table(
        "log_scheduled_queries",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("members", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("next_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_log_scheduled_queries"),
        sa.UniqueConstraint("account_id", "region", "name", name="uq_log_scheduled_queries_account_id_region_name"),
    )
    op.create_index("ix_log_scheduled_queries_next_ms", "log_scheduled_queries", ["next_ms"])


def _create_runs() -> None:
    op.create_table(
        "log_scheduled_runs",
        sa.Column("schedule_id", sa.String(36), nullable=False),
        sa.Column("triggered_ms", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("query_id", sa.String(36)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("destination", sa.JSON),
        sa.Column("owner", sa.String(36)),
        sa.Column("leased_until_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", "triggered_ms", name="pk_log_scheduled_runs"),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["log_scheduled_queries.id"],
            name="fk_log_scheduled_runs_schedule_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_log_scheduled_runs_waiting", "log_scheduled_runs", ["status", "leased_until_ms"])


def downgrade() -> None:
    """Drop the tables and the column."""
    op.drop_table("log_scheduled_runs")
    op.drop_table("log_scheduled_queries")
    with op.batch_alter_table("log_queries") as table:
        table.drop_column("language")
