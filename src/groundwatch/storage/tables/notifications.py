"""Topics, subscriptions, and messages on their way."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name, RowNumber

topics = Table(
    "sns_topics",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("policy", Text),
    Column("tags", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "name"),
    sqlite_autoincrement=True,
)

subscriptions = Table(
    "sns_subscriptions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("topic_id", RowNumber, ForeignKey("sns_topics.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("protocol", String(16), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("endpoint_digest", String(64), nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("token", String(64), nullable=False),
    Column("token_ms", BigInteger, nullable=False),
    Column("confirmed_by_signature", Boolean, nullable=False),
    Column("unsubscribe_needs_signature", Boolean, nullable=False),
    Column("principal", Text, nullable=False),
    UniqueConstraint("topic_id", "protocol", "endpoint_digest"),
    Index("ix_sns_subscriptions_token", "token"),
    Index("ix_sns_subscriptions_account_id_region", "account_id", "region"),
)
"""`account_id` is the subscriber's. Endpoints are too long for an index, so their digest makes them unique."""

messages = Table(
    "sns_messages",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("topic_id", RowNumber, ForeignKey("sns_topics.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("structured", Boolean, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("published_ms", BigInteger, nullable=False),
    Column("kept_until_ms", BigInteger, nullable=False),
    Index("ix_sns_messages_topic_id", "topic_id"),
)
"""What still has deliveries, or is kept so that publishing it again changes nothing."""

deliveries = Table(
    "sns_deliveries",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("subscription_id", String(36), ForeignKey("sns_subscriptions.id", ondelete="CASCADE"), nullable=False),
    Column("message_id", String(36), ForeignKey("sns_messages.id", ondelete="CASCADE"), nullable=False),
    Column("accepted_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("claimed_until_ms", BigInteger, nullable=False),
    Index("ix_sns_deliveries_subscription_id_due_ms", "subscription_id", "due_ms"),
    Index("ix_sns_deliveries_message_id", "message_id"),
    sqlite_autoincrement=True,
)
"""One row for each message and subscription until the endpoint has it or it is given up."""
