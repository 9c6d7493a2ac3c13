"""Topics, subscriptions, and messages on their way."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
NAME = sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables of SNS."""
    _create_topics()
    _create_subscriptions()
    _create_deliveries()


def _create_topics() -> None:
    op.create_table(
        "sns_topics",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("policy", sa.Text),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sns_topics"),
        sa.UniqueConstraint("account_id", "region", "name", name="uq_sns_topics_account_id_region_name"),
        sqlite_autoincrement=True,
    )


def _create_subscriptions() -> None:
    op.create_table(
        "sns_subscriptions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("topic_id", ROW_NUMBER, nullable=False),
        sa.Column("account_id", sa.String(12), nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("endpoint_digest", sa.String(64), nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("token_ms", sa.BigInteger, nullable=False),
        sa.Column("confirmed_by_signature", sa.Boolean, nullable=False),
        sa.Column("unsubscribe_needs_signature", sa.Boolean, nullable=False),
        sa.Column("principal", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sns_subscriptions"),
        sa.UniqueConstraint(
            "topic_id", "protocol", "endpoint_digest", name="uq_sns_subscriptions_topic_id_protocol_endpoint_digest"
        ),
        sa.ForeignKeyConstraint(
            ["topic_id"], ["sns_topics.id"], name="fk_sns_subscriptions_topic_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sns_subscriptions_token", "sns_subscriptions", ["token"])
    op.create_index("ix_sns_subscriptions_account_id_region", "sns_subscriptions", ["account_id", "region"])


def _create_deliveries() -> None:
    op.create_table(
        "sns_messages",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("topic_id", ROW_NUMBER, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("structured", sa.Boolean, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.Column("published_ms", sa.BigInteger, nullable=False),
        sa.Column("kept_until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sns_messages"),
        sa.ForeignKeyConstraint(["topic_id"], ["sns_topics.id"], name="fk_sns_messages_topic_id", ondelete="CASCADE"),
    )
    op.create_index("ix_sns_messages_topic_id", "sns_messages", ["topic_id"])
    op.create_table(
        "sns_deliveries",
        sa.Column("id", ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("subscription_id", sa.String(36), nullable=False),
        sa.Column("message_id", sa.String(36), nullable=False),
        sa.Column("accepted_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("claimed_until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sns_deliveries"),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["sns_subscriptions.id"],
            name="fk_sns_deliveries_subscription_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["sns_messages.id"], name="fk_sns_deliveries_message_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sns_deliveries_subscription_id_due_ms", "sns_deliveries", ["subscription_id", "due_ms"])
    op.create_index("ix_sns_deliveries_message_id", "sns_deliveries", ["message_id"])


def downgrade() -> None:
    """Drop the tables."""
    for name in ("sns_deliveries", "sns_messages", "sns_subscriptions", "sns_topics"):
        op.drop_table(name)
