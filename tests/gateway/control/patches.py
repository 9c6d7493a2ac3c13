"""Patch operations as clients write them."""

from __future__ import annotations


def patch(path: str, value: str | None = None, op: str = "replace") -> dict[str, str]:
    """Return one patch operation, without a value where none is given."""
    return {"op": op, "path": path, **({} if value is None else {"value": value})}
