"""Connections, schemas and migrations for ClickHouse (events) and SQL (metadata)."""
