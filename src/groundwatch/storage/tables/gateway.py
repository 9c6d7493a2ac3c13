"""Tables of the gateway's control plane: definitions as JSON documents, and what is searched as columns.

An API's id is part of its public host name, so it is unique across accounts; everything else is reached through its
account and region. A `document` is the msgspec JSON of the struct in `gateway/definition.py` that the table is named
for. Indexes of several columns are named by hand: the naming convention would exceed PostgreSQL's 63 characters.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from groundwatch.storage.tables import metadata

apis = Table(
    "gateway_apis",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    # Grows with every change to the API, its deployments or its stages, so that a cached stage can tell if it is fresh.
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Index("ix_gateway_apis_place", "account_id", "region"),
)

deployments = Table(
    "gateway_deployments",
    metadata,
    Column("api_id", String(16), ForeignKey("gateway_apis.id"), primary_key=True),
    Column("id", String(16), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    # Kept out of the document, which is never rewritten.
    Column("description", Text),
    Column("document", Text, nullable=False),
)

stages = Table(
    "gateway_stages",
    metadata,
    Column("api_id", String(16), ForeignKey("gateway_apis.id"), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("deployment_id", String(16), nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["api_id", "deployment_id"], ["gateway_deployments.api_id", "gateway_deployments.id"]),
)

api_keys = Table(
    "gateway_api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("name", String(1024), nullable=False),
    Column("customer_id", Text),
    # SHA-256 of the value: found through an index without comparing secrets byte by byte.
    Column("value_digest", String(64), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("account_id", "region", "value_digest", name="uq_gateway_api_keys_value"),
    Index("ix_gateway_api_keys_place", "account_id", "region", "created_ms"),
)

usage_plans = Table(
    "gateway_usage_plans",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("account_id", String(12), nullable=False),
    Column("region", String(32), nullable=False),
    # Without stages and keys, which are rows of their own.
    Column("document", Text, nullable=False),
    Index("ix_gateway_usage_plans_place", "account_id", "region"),
)

usage_plan_stages = Table(
    "gateway_usage_plan_stages",
    metadata,
    Column("plan_id", String(16), ForeignKey("gateway_usage_plans.id", ondelete="CASCADE"), primary_key=True),
    Column("api_id", String(16), primary_key=True),
    Column("stage_name", String(128), primary_key=True),
    Column("rank", Integer, nullable=False),
    ForeignKeyConstraint(
        ["api_id", "stage_name"], ["gateway_stages.api_id", "gateway_stages.name"], ondelete="CASCADE"
    ),
    Index("ix_gateway_usage_plan_stages_stage", "api_id", "stage_name"),
)

usage_plan_keys = Table(
    "gateway_usage_plan_keys",
    metadata,
    Column("plan_id", String(16), ForeignKey("gateway_usage_plans.id", ondelete="CASCADE"), primary_key=True),
    Column("key_id", String(16), ForeignKey("gateway_api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("rank", Integer, nullable=False),
    Index(None, "key_id"),
)

account_settings = Table(
    "gateway_account_settings",
    metadata,
    Column("account_id", String(12), primary_key=True),
    Column("region", String(32), primary_key=True),
    # There is no row while everything is as it was at first.
    Column("document", Text, nullable=False),
)

usage = Table(
    "gateway_usage",
    metadata,
    # Without foreign keys: counts are written a moment after the requests, when plan or key may be gone.
    Column("plan_id", String(16), primary_key=True),
    Column("key_id", String(16), primary_key=True),
    # Days since 1970-01-01 in UTC.
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
    # Requests that UpdateUsage gave (or took, below 0) beyond the plan's limit.
    Column("granted", BigInteger, nullable=False),
)
