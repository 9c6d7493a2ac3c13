"""Add the settings of accounts at the gateway, and the requests that API keys made each day."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "gateway_account_settings",
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "region", name="pk_gateway_account_settings"),
    )
    op.create_table(
        "gateway_usage",
        sa.Column("plan_id", sa.String(16), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("day", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("granted", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "key_id", "day", name="pk_gateway_usage"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("gateway_usage", "gateway_account_settings"):
        op.drop_table(table)
