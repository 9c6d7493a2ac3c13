"""Lookup tables of queries."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table of lookup tables."""
    op.create_table(
        "log_lookup_tables",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("records", sa.BigInteger, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", "name", name="pk_log_lookup_tables"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("log_lookup_tables")
