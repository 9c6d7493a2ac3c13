"""Create the gateway's control plane: APIs, deployments, stages, API keys and usage plans."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_definitions()
    _create_keys()
    _create_usage_plans()


def downgrade() -> None:
    """Drop the tables with everything in them."""
    for name in ("usage_plan_keys", "usage_plan_stages", "usage_plans", "api_keys", "stages", "deployments", "apis"):
        op.drop_table(f"gateway_{name}")


def _create_definitions() -> None:
    op.create_table(
        "gateway_apis",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_apis")),
    )
    op.create_index("ix_gateway_apis_place", "gateway_apis", ["account_id", "region"])
    op.create_table(
        "gateway_deployments",
        sa.Column("api_id", sa.String(16), nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("api_id", "id", name=op.f("pk_gateway_deployments")),
        sa.ForeignKeyConstraint(["api_id"], ["gateway_apis.id"], name=op.f("fk_gateway_deployments_api_id")),
    )
    op.create_table(
        "gateway_stages",
        sa.Column("api_id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("deployment_id", sa.String(16), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("api_id", "name", name=op.f("pk_gateway_stages")),
        sa.ForeignKeyConstraint(["api_id"], ["gateway_apis.id"], name=op.f("fk_gateway_stages_api_id")),
        sa.ForeignKeyConstraint(
            ["api_id", "deployment_id"],
            ["gateway_deployments.api_id", "gateway_deployments.id"],
            name=op.f("fk_gateway_stages_api_id_deployment_id"),
        ),
    )


def _create_keys() -> None:
    op.create_table(
        "gateway_api_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(1024), nullable=False),
        sa.Column("customer_id", sa.Text),
        sa.Column("value_digest", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_api_keys")),
        sa.UniqueConstraint("account_id", "region", "value_digest", name=op.f("uq_gateway_api_keys_value")),
    )
    op.create_index("ix_gateway_api_keys_place", "gateway_api_keys", ["account_id", "region", "created_ms"])


def _create_usage_plans() -> None:
    op.create_table(
        "gateway_usage_plans",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_usage_plans")),
    )
    op.create_index("ix_gateway_usage_plans_place", "gateway_usage_plans", ["account_id", "region"])
    op.create_table(
        "gateway_usage_plan_stages",
        sa.Column("plan_id", sa.String(16), nullable=False),
        sa.Column("api_id", sa.String(16), nullable=False),
        sa.Column("stage_name", sa.String(128), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "api_id", "stage_name", name=op.f("pk_gateway_usage_plan_stages")),
        _plan_reference("gateway_usage_plan_stages"),
        sa.ForeignKeyConstraint(
            ["api_id", "stage_name"],
            ["gateway_stages.api_id", "gateway_stages.name"],
            name=op.f("fk_gateway_usage_plan_stages_api_id_stage_name"),
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_gateway_usage_plan_stages_stage", "gateway_usage_plan_stages", ["api_id", "stage_name"])
    op.create_table(
        "gateway_usage_plan_keys",
        sa.Column("plan_id", sa.String(16), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("plan_id", "key_id", name=op.f("pk_gateway_usage_plan_keys")),
        _plan_reference("gateway_usage_plan_keys"),
        sa.ForeignKeyConstraint(
            ["key_id"],
            ["gateway_api_keys.id"],
            name=op.f("fk_gateway_usage_plan_keys_key_id"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_gateway_usage_plan_keys_key_id"), "gateway_usage_plan_keys", ["key_id"])


def _plan_reference(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["plan_id"], ["gateway_usage_plans.id"], name=op.f(f"fk_{table}_plan_id"), ondelete="CASCADE"
    )
