"""Subscription filters, destinations, policies of the log service and saved queries."""

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, Text, UniqueConstraint
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name, RowNumber

subscription_filters = Table(
    "log_subscription_filters",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("group_id", RowNumber, ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Name, nullable=False),
    Column("pattern", Text, nullable=False),
    Column("destination_arn", Text, nullable=False),
    Column("role_arn", Text),
    Column("distribution", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("group_id", "name"),
    sqlite_autoincrement=True,
)

destinations = Table(
    "log_destinations",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("target_arn", Text, nullable=False),
    Column("role_arn", Text, nullable=False),
    Column("access_policy", Text),
    Column("tags", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "name"),
    sqlite_autoincrement=True,
)

resource_policies = Table(
    "log_resource_policies",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("revision", String(36), nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "scope", "name"),
    sqlite_autoincrement=True,
)
"""`name` is the policy's name in scope ACCOUNT, and the ARN that it is attached to in scope RESOURCE."""

account_policies = Table(
    "log_account_policies",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("policy_type", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("selection_criteria", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "policy_type", "name"),
    sqlite_autoincrement=True,
)

query_definitions = Table(
    "log_query_definitions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("language", String(8), nullable=False),
    Column("query", Text, nullable=False),
    Column("log_group_names", JSON, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("client_token", String(128)),
    Column("modified_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "region", "client_token"),
)
