"""Log groups, log streams and what waits to be reclaimed."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, UniqueConstraint
from sqlalchemy.types import JSON

from groundwatch.storage.tables import metadata

# SQLite gives out row numbers only for INTEGER keys; AUTOINCREMENT keeps it from using one twice.
RowNumber = BigInteger().with_variant(Integer, "sqlite")

# Names are sorted and compared byte by byte, as the service does, whatever the database's own collation.
Name = String(512).with_variant(String(512, collation="C"), "postgresql")

log_groups = Table(
    "log_groups",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Name, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("log_group_class", String(32), nullable=False),
    Column("retention_in_days", Integer),
    Column("deletion_protection", Boolean, nullable=False),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("account_id", "region", "name"),
    sqlite_autoincrement=True,
)

log_streams = Table(
    "log_streams",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("group_id", RowNumber, ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Name, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("group_id", "name"),
    sqlite_autoincrement=True,
)

reclaims = Table(
    "log_reclaims",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("group_id", BigInteger, nullable=False),
    Column("stream_id", BigInteger),
    sqlite_autoincrement=True,
)
"""Events of deleted groups (no stream) and streams that still take space in the event store."""
