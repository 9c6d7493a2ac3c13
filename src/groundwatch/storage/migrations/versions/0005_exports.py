"""Export tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")
ACTIVE = sa.text("status IN ('PENDING', 'RUNNING')")


def upgrade() -> None:
    """Create the table of export tasks."""
    op.create_table(
        "log_export_tasks",
        sa.Column("number", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("group_id", sa.BigInteger, nullable=False),
        sa.Column("group_name", NAME, nullable=False),
        sa.Column("stream_prefix", sa.Text, nullable=False),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("completed_ms", sa.BigInteger),
        sa.Column("owner", sa.String(36)),
        sa.Column("leased_until_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_log_export_tasks"),
        sa.UniqueConstraint("id", name="uq_log_export_tasks_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_log_export_tasks_place", "log_export_tasks", ["account_id", "region", "number"])
    op.create_index(
        "uq_log_export_tasks_active",
        "log_export_tasks",
        ["account_id", "region"],
        unique=True,
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
