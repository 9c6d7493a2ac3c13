"""What works and what does not, read from the code: the data behind `docs/compatibility.md`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from groundwatch.aws.binding import bind_operations
from groundwatch.aws.models import load_service
from groundwatch.aws.service import Service


class CompatibilityRow(msgspec.Struct, frozen=True):
    """One operation of a service model, as this server has it."""

    service: str
    operation: str
    is_implemented: bool
    refused_members: tuple[str, ...]
    """Input members that are refused when a client sends them; empty for operations that are not implemented."""


def compatibility_rows(services: Sequence[Service]) -> list[CompatibilityRow]:
    """Return a row for every operation of every model, in the order of `services`, operations by name."""
    rows = []
    for service in services:
        description = load_service(service.model_name)
        bound = bind_operations(description, service.operations)
        for name in sorted(description.operation_names):
            refused = bound[name].refused_members if name in bound else ()
            rows.append(CompatibilityRow(service.model_name, name, name in bound, refused))
    return rows


def render_compatibility(rows: Iterable[CompatibilityRow]) -> str:
    """Return the rows as Markdown: a section a service, a table of what works, a list of what is refused."""
    sections = [_section(name, list(group)) for name, group in groupby(rows, key=lambda row: row.service)]
    return "\n".join(sections)


def _section(service: str, rows: list[CompatibilityRow]) -> str:
    done = [row for row in rows if row.is_implemented]
    missing = [row for row in rows if not row.is_implemented]
    lines = [f"## {service}", "", f"{len(done)} of {len(rows)} operations.", ""]
    if done:
        lines += ["| operation | parameters refused |", "|---|---|"]
        lines += [f"| {row.operation} | {_names(row.refused_members) or 'none'} |" for row in done]
        lines.append("")
    if missing:
        lines += [f"Not implemented: {', '.join(row.operation for row in missing)}.", ""]
    return "\n".join(lines)


def _names(members: Iterable[str]) -> str:
    return ", ".join(f"`{member}`" for member in members)
