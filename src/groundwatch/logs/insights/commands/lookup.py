"""`lookup` and `cidrlookup`: columns of a lookup table beside the rows that match one of its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from lark import Token

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.lowering import resolve
from groundwatch.logs.insights.nodes import Name, Node
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.references import FOUND, NO_REFERENCE, Reference, ReferenceRows, reference_rows
from groundwatch.logs.insights.values import Value, as_text
from groundwatch.logs.lookup_tables import read_table

MAX_COLUMNS = 100
VALID = "(isIPv4String({0}) OR isIPv6String({0}))"
IPV4_BITS_BEFORE = 96
"""Of an IPv4 address written as one of IPv6, beneath `::ffff:0:0/96`."""
MISSING = "CAST(NULL, 'Nullable(String)')"


class Pair(msgspec.Struct, frozen=True):
    """A column of the table, and the field of the rows that belongs to it."""

    column: Name
    field: Name


class Lookup(Node, frozen=True):
    """The table, the pairs that must be equal, those that are put beside, and whether these replace what there is."""

    table: Name
    keys: tuple[Pair, ...]
    outputs: tuple[Pair, ...]
    overwrites: bool
    by_network: bool = False
    """Whether the key is an address, and its column has networks; one without a name is the first column."""

    def lower(self, pipeline: Pipeline) -> None:
        """Define the outputs; where several rows of the table match, the first counts, or the smallest network."""
        pipeline.require_no_dedup(self.span)
        self._check(pipeline)
        reference = pipeline.references.get(self.span, NO_REFERENCE)
        texts = [pipeline.shared(as_text(resolve(pair.field, pipeline))) for pair in self.keys]
        find = self._finder(texts, reference, pipeline)
        for place, pair in enumerate(self.outputs):
            found = pipeline.column(find(f"'output_{place}'"))
            value = Value("text", found if self.overwrites else self._filled(pair.field, found, pipeline))
            pipeline.attach(Column(pair.field.text, pipeline.define(pair.field.text, value)))

    def key_columns(self, fields: Sequence[str]) -> list[str]:
        """Return the columns of the table that are compared."""
        if not self.by_network:
            return [pair.column.text for pair in self.keys]
        # The documentation leaves open which column has the networks if the query does not say it.
        named = self.keys[0].column.text
        return [named if named in fields else fields[0]]

    def _check(self, pipeline: Pipeline) -> None:
        fields = pipeline.tables.get(self.table.text)
        if fields is None:
            near = suggestion(self.table.text, pipeline.tables)
            raise malformed(f"there is no lookup table called {self.table.text}{near}", self.table.span)
        unsaid = self.by_network and self.keys[0].column == self.keys[0].field
        for pair in (*(() if unsaid else self.keys), *self.outputs):
            if pair.column.text not in fields:
                said = f"the lookup table {self.table.text} has no column {pair.column.text}"
                raise malformed(f"{said}{suggestion(pair.column.text, fields)}", pair.column.span)

    def _finder(self, texts: Sequence[str], reference: Reference, pipeline: Pipeline) -> Callable[[str], str]:
        if self.by_network:
            return _network_finder(texts[0], reference, pipeline)
        present = " AND ".join(f"isNotNull({text})" for text in texts)
        keys = ", ".join(f"ifNull({text}, '')" for text in texts)
        return lambda column: f"if({present}, joinGet('{reference.table}', {column}, {keys}), {MISSING})"

    def _filled(self, field: Name, found: str, pipeline: Pipeline) -> str:
        if not pipeline.events and field.text not in pipeline.names:
            return found
        known = pipeline.shared(as_text(resolve(field, pipeline)))
        return f"coalesce(nullIf({known}, ''), {found}, {known})"


def rows_for(lookup: Lookup, body: str) -> ReferenceRows:
    """Return what a command needs of a lookup table; `MalformedQueryException` if the table has changed too much."""
    fields, rows = read_table(body)
    keys, outputs = lookup.key_columns(fields), [pair.column.text for pair in lookup.outputs]
    missing = next((name for name in (*keys, *outputs) if name not in fields), None)
    if missing is not None:
        raise malformed(f"the lookup table {lookup.table.text} has no column {missing} any more", lookup.table.span)
    return reference_rows(fields, rows, keys, outputs, networks=lookup.by_network)


def _network_finder(text: str, reference: Reference, pipeline: Pipeline) -> Callable[[str], str]:
    """Return what finds a column of the smallest network that has the address, by trying each length there is."""
    address = pipeline.column(f"ifNull({text}, '')")
    lengths = pipeline.bind(list(reference.lengths), "Array(UInt8)")
    least = f"if(isIPv4String({address}), {IPV4_BITS_BEFORE}, 0)"
    start = f"hex(IPv6CIDRToRange(toIPv6OrDefault({address}), length).1)"
    tried = f"arrayMap(length -> concat({start}, '/', toString(length)), arrayFilter(l -> l >= {least}, {lengths}))"
    known = f"arrayFirst(network -> joinGet('{reference.table}', '{FOUND}', network) = 1, {tried})"
    network = pipeline.column(f"if({VALID.format(address)}, {known}, '')")
    return lambda column: f"joinGet('{reference.table}', {column}, {network})"


def _build(parts: Sequence[Any], span: Span) -> Lookup:
    table, keys, word, outputs = parts
    _check_count((*keys, *outputs), span)
    return Lookup(span, table, keys, outputs, _overwrites(word))


def _build_by_network(parts: Sequence[Any], span: Span) -> Lookup:
    table, (address, *more), word, outputs = parts
    if more:
        raise malformed("cidrlookup matches one field, the address", more[0].field.span)
    _check_count(outputs, span)
    # Here the field of the rows comes first, and then the table's column.
    key = Pair(address.field, address.column)
    return Lookup(span, table, (key,), outputs, _overwrites(word), by_network=True)


def _overwrites(word: Token) -> bool:
    return str(word).lower() == "output"


def _check_count(pairs: Sequence[Pair], span: Span) -> None:
    if len(pairs) > MAX_COLUMNS:
        raise malformed(f"a lookup has at most {MAX_COLUMNS} fields", span)


GRAMMAR = "field pairs (K_OUTPUT | K_OUTPUTNEW) pairs"
LOOKUP = Command(
    name="lookup",
    words=("lookup",),
    grammar=GRAMMAR,
    build=_build,
    syntax="lookup TABLE COLUMN [as FIELD], … OUTPUT|OUTPUTNEW COLUMN [as FIELD], …",
    help="Puts columns of a lookup table beside the rows with the same values; OUTPUTNEW only where there is none.",
)
CIDRLOOKUP = Command(
    name="cidrlookup",
    words=("cidrlookup",),
    grammar=GRAMMAR,
    build=_build_by_network,
    syntax="cidrlookup TABLE FIELD [as COLUMN] OUTPUT|OUTPUTNEW COLUMN [as FIELD], …",
    help="The same by the smallest network of the table that has the address.",
)
