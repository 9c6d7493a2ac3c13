"""Export tasks: what CreateExportTask was told, how far it is, and who works on it."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint, text

from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.logs import Name, RowNumber

ACTIVE = text("status IN ('PENDING', 'RUNNING')")

export_tasks = Table(
    "log_export_tasks",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", Text),
    # No foreign key: a task is remembered longer than the group that it exported.
    Column("group_id", BigInteger, nullable=False),
    Column("group_name", Name, nullable=False),
    Column("stream_prefix", Text, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("message", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("completed_ms", BigInteger),
    # The run that works on the task, and until when nobody else may take it.
    Column("owner", String(36)),
    Column("leased_until_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("id"),
    Index("ix_log_export_tasks_place", "account_id", "region", "number"),
    # The quota of one active task, held by the database however many nodes share it.
    Index(
        "uq_log_export_tasks_active", "account_id", "region", unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
    ),
    sqlite_autoincrement=True,
)
