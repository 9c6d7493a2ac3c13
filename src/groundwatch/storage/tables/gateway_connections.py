"""Tables of what integrations connect with: VPC links and client certificates."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from groundwatch.storage.tables import metadata

vpc_links = Table(
    "gateway_vpc_links",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_gateway_vpc_links_place", "account_id", "region"),
)

client_certificates = Table(
    "gateway_client_certificates",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    # With the private key, which is never shown.
    Column("document", Text, nullable=False),
    Index("ix_gateway_client_certificates_place", "account_id", "region"),
)
