"""Tables of custom domain names and of what they lead to."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, String, Table, Text

from groundwatch.storage.tables import metadata

domain_names = Table(
    "gateway_domain_names",
    metadata,
    # A request names a host and no tenant, so a name belongs to one of them.
    Column("name", String(255), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_gateway_domain_names_place", "account_id", "region"),
)

base_path_mappings = Table(
    "gateway_base_path_mappings",
    metadata,
    Column("domain_name", String(255), ForeignKey("gateway_domain_names.name"), primary_key=True),
    Column("base_path", String(300), primary_key=True),
    Column("api_id", String(16), ForeignKey("gateway_apis.id"), nullable=False),
    # None where the path names the stage.
    Column("stage", String(128)),
    ForeignKeyConstraint(["api_id", "stage"], ["gateway_stages.api_id", "gateway_stages.name"]),
    Index("ix_gateway_base_path_mappings_stage", "api_id", "stage"),
)
