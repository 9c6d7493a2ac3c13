"""Insights queries that were run, and their results."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata

queries = Table(
    "log_queries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("query", Text, nullable=False),
    # Names only: a query is remembered longer than the groups that it read.
    Column("group_names", JSON, nullable=False),
    Column("start_s", BigInteger, nullable=False),
    Column("end_s", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Text),
    Column("identity", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("statistics", JSON, nullable=False),
    Column("language", String(8), nullable=False, server_default="CWLI"),
    Index("ix_log_queries_place", "account_id", "region", "created_ms"),
    Index("ix_log_queries_created_ms", "created_ms"),
    # Nobody can delete queries, which are forgotten after a week: they must not hold an account for that long.
    info={"passes_with_account": True},
)

query_results = Table(
    "log_query_results",
    metadata,
    Column("query_id", String(36), ForeignKey("log_queries.id", ondelete="CASCADE"), primary_key=True),
    # The row that the part begins with, from 0.
    Column("first_row", Integer, primary_key=True, autoincrement=False),
    Column("rows", LargeBinary, nullable=False),
)
