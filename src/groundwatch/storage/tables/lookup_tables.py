"""Lookup tables: what queries put beside events."""

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Table, Text
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name

lookup_tables = Table(
    "log_lookup_tables",
    metadata,
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("description", Text),
    # The names of the columns, which the first line of the body has as well.
    Column("fields", JSON, nullable=False),
    Column("body", Text, nullable=False),
    Column("records", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "region", "name"),
)
