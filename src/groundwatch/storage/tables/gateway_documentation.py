"""Tables of the documentation of REST APIs: the parts as they are now, and versions that keep them as they were."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, String, Table, Text

from groundwatch.storage.tables import gateway as _gateway  # noqa: F401 - the tables that these refer to
from groundwatch.storage.tables import metadata

documentation = Table(
    "gateway_documentation",
    metadata,
    Column("api_id", String(16), ForeignKey("gateway_apis.id", ondelete="CASCADE"), primary_key=True),
    # All parts of an API together: they are bounded, and an import replaces them all at once. No row while there are
    # none.
    Column("document", Text, nullable=False),
)

documentation_versions = Table(
    "gateway_documentation_versions",
    metadata,
    Column("api_id", String(16), ForeignKey("gateway_apis.id", ondelete="CASCADE"), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("description", Text),
    # The parts of that moment; never rewritten.
    Column("document", Text, nullable=False),
)
