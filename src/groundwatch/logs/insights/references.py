"""Lookup tables as the engine reads them while a query runs: a table for each `lookup`, with its keys."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

FOUND = "found"
MAPPED_BITS = 96
"""An IPv4 network is kept as the one of IPv6 that it is beneath `::ffff:0:0/96`."""


class Reference(msgspec.Struct, frozen=True):
    """The engine's table, and the lengths of its networks, the longest first, if it has networks."""

    table: str
    lengths: tuple[int, ...] = ()


NO_REFERENCE = Reference("no_lookup_table")
"""While a query is judged: its statement is not run."""


class ReferenceRows(msgspec.Struct, frozen=True):
    """What the engine's table holds: columns of keys, of a mark that there is a row, and of outputs."""

    keys: list[list[str]]
    outputs: list[list[str | None]]
    lengths: tuple[int, ...] = ()

    def declared(self) -> str:
        """Return the columns as the engine declares them."""
        keys = [f"key_{place} String" for place in range(len(self.keys))]
        outputs = [f"output_{place} Nullable(String)" for place in range(len(self.outputs))]
        return ", ".join([*keys, f"{FOUND} UInt8", *outputs])

    def engine(self) -> str:
        """Return the engine that is asked for a row by its keys."""
        return f"Join(ANY, LEFT, {', '.join(f'key_{place}' for place in range(len(self.keys)))})"

    def columns(self) -> list[Sequence[object]]:
        """Return the values, column by column."""
        return [*self.keys, [1] * len(self.keys[0]), *self.outputs]


def reference_rows(
    fields: Sequence[str], rows: Sequence[Sequence[str]], keys: Sequence[str], outputs: Sequence[str], *, networks: bool
) -> ReferenceRows:
    """Return the rows of a lookup table by the columns that are compared; the first of equal ones counts.

    An empty value is none: it matches nothing, and is shown as missing. What is no network is passed over.
    """
    at, shown = [fields.index(name) for name in keys], [fields.index(name) for name in outputs]
    first: dict[tuple[str, ...], Sequence[str]] = {}
    lengths = set()
    for row in rows:
        key = tuple(row[place] for place in at)
        if networks:
            length, text = _network(key[0])
            key = (text,)
            lengths.add(length)
        if all(key):
            first.setdefault(key, row)
    found = list(first.values())
    return ReferenceRows(
        keys=[[key[place] for key in first] for place in range(len(at))],
        outputs=[[row[place] or None for row in found] for place in shown],
        lengths=tuple(sorted(lengths - {-1}, reverse=True)),
    )


def _network(text: str) -> tuple[int, str]:
    """Return the length of a network and its name as the statement makes it of addresses; (-1, "") for other texts."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return -1, ""
    length, start = network.prefixlen, network.network_address.packed
    if network.version == 4:
        length, start = length + MAPPED_BITS, bytes(10) + b"\xff\xff" + start
    return length, f"{start.hex().upper()}/{length}"
