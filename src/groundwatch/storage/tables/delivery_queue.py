"""The queue of subscription deliveries: a SQLite file of its own in the data directory, never shared between nodes.

Not part of the metadata database, so not of its migrations: the server makes the tables at its start.
"""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

queue_metadata = MetaData()

queued_batches = Table(
    "batches",
    queue_metadata,
    Column("group_id", BigInteger, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("stream_id", BigInteger, nullable=False),
    Column("batch", String(16), nullable=False),
    Column("ingested_ms", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Which batches were stored, in that order; their events stay in the event store. `batch` is hexadecimal."""

cursors = Table(
    "cursors",
    queue_metadata,
    Column("subscription", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""The position through which each subscription has been served."""

states = Table(
    "states",
    queue_metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
