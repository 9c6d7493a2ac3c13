"""Insights queries and their results."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of queries."""
    op.create_table(
        "log_queries",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("group_names", sa.JSON, nullable=False),
        sa.Column("start_s", sa.BigInteger, nullable=False),
        sa.Column("end_s", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("message", sa.Text),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("statistics", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_queries"),
    )
    op.create_index("ix_log_queries_place", "log_queries", ["account_id", "region", "created_ms"])
    op.create_index("ix_log_queries_created_ms", "log_queries", ["created_ms"])
    op.create_table(
        "log_query_results",
        sa.Column("query_id", sa.String(36), nullable=False),
        sa.Column("first_row", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("query_id", "first_row", name="pk_log_query_results"),
        sa.ForeignKeyConstraint(
            ["query_id"], ["log_queries.id"], name="fk_log_query_results_query_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("log_query_results")
    op.drop_table("log_queries")
