"""Add the documentation of REST APIs: its parts, and its versions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "gateway_documentation",
        sa.Column("api_id", sa.String(16), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("api_id", name="pk_gateway_documentation"),
        sa.ForeignKeyConstraint(
            ["api_id"], ["gateway_apis.id"], name="fk_gateway_documentation_api_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "gateway_documentation_versions",
        sa.Column("api_id", sa.String(16), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("api_id", "version", name="pk_gateway_documentation_versions"),
        sa.ForeignKeyConstraint(
            ["api_id"], ["gateway_apis.id"], name="fk_gateway_documentation_versions_api_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("gateway_documentation_versions", "gateway_documentation"):
        op.drop_table(table)
