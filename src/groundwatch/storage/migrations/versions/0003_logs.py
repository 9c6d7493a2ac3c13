"""Log groups, log streams and reclaims."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables of the logs room."""
    op.create_table(
        "log_groups",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("log_group_class", sa.String(32), nullable=False),
        sa.Column("retention_in_days", sa.Integer),
        sa.Column("deletion_protection", sa.Boolean, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_groups"),
        sa.UniqueConstraint("account_id", "region", "name", name="uq_log_groups_account_id_region_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_streams",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("group_id", ROW_NUMBER, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_streams"),
        sa.ForeignKeyConstraint(["group_id"], ["log_groups.id"], ondelete="CASCADE", name="fk_log_streams_group_id"),
        sa.UniqueConstraint("group_id", "name", name="uq_log_streams_group_id_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_reclaims",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("group_id", sa.BigInteger, nullable=False),
        sa.Column("stream_id", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_log_reclaims"),
        sqlite_autoincrement=True,
    )
