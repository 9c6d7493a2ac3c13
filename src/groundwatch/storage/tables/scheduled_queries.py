"""Scheduled queries, and each time that one was due."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name

scheduled_queries = Table(
    "log_scheduled_queries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    # What the client said, by the members of the model.
    Column("members", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    # When the query is due; null when never again.
    Column("next_ms", BigInteger),
    UniqueConstraint("account_id", "region", "name"),
    Index("ix_log_scheduled_queries_next_ms", "next_ms"),
)

scheduled_runs = Table(
    "log_scheduled_runs",
    metadata,
    Column("schedule_id", String(36), ForeignKey("log_scheduled_queries.id", ondelete="CASCADE"), primary_key=True),
    # With the schedule the key: a time that is due is run for once, however many nodes look.
    Column("triggered_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("query_id", String(36)),
    Column("status", String(16), nullable=False),
    Column("message", Text),
    Column("destination", JSON),
    # Who works on it, until when nobody else may, and how often it was begun.
    Column("owner", String(36)),
    Column("leased_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("ix_log_scheduled_runs_waiting", "status", "leased_until_ms"),
)
