"""Metric filters of log groups."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, Text, UniqueConstraint
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name, RowNumber

metric_filters = Table(
    "log_metric_filters",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("group_id", RowNumber, ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Name, nullable=False),
    Column("pattern", Text, nullable=False),
    Column("metric_name", String(255), nullable=False),
    Column("metric_namespace", String(255), nullable=False),
    Column("transformation", JSON, nullable=False),
    Column("system_fields", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("group_id", "name"),
    Index("ix_log_metric_filters_metric", "metric_namespace", "metric_name"),
    sqlite_autoincrement=True,
)
"""Name and namespace of the metric stand beside the whole transformation, since filters are listed by them."""
