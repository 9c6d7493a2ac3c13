"""Reads and writes of identity rows: plain functions of a connection, to be run inside one transaction of the store."""
