"""Add custom domain names with their base path mappings, VPC links and client certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OWNED = ("gateway_vpc_links", "gateway_client_certificates")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "gateway_domain_names",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_gateway_domain_names"),
    )
    op.create_index("ix_gateway_domain_names_place", "gateway_domain_names", ["account_id", "region"])
    _create_mappings()
    for name in OWNED:
        op.create_table(
            name,
            sa.Column("id", sa.String(16), nullable=False),
            sa.Column("account_id", sa.String(12), nullable=False),
            sa.Column("region", sa.String(32), nullable=False),
            sa.Column("document", sa.Text, nullable=False),
            sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        )
        op.create_index(f"ix_{name}_place", name, ["account_id", "region"])


def _create_mappings() -> None:
    name = "gateway_base_path_mappings"
    op.create_table(
        name,
        sa.Column("domain_name", sa.String(255), nullable=False),
        sa.Column("base_path", sa.String(300), nullable=False),
        sa.Column("api_id", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(128)),
        sa.PrimaryKeyConstraint("domain_name", "base_path", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["domain_name"], ["gateway_domain_names.name"], name=f"fk_{name}_domain_name"),
        sa.ForeignKeyConstraint(["api_id"], ["gateway_apis.id"], name=f"fk_{name}_api_id"),
        sa.ForeignKeyConstraint(
            ["api_id", "stage"], ["gateway_stages.api_id", "gateway_stages.name"], name=f"fk_{name}_api_id_stage"
        ),
    )
    op.create_index(f"ix_{name}_stage", name, ["api_id", "stage"])


def downgrade() -> None:
    """Drop the tables."""
    for name in (*OWNED, "gateway_base_path_mappings", "gateway_domain_names"):
        op.drop_table(name)
