"""Commands of SQL and PPL that Insights' own language has not; each is lowered as that language's commands are."""

from __future__ import annotations

from typing import cast

import msgspec

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.running import plain
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.functions.open_search import PREFIX
from groundwatch.logs.insights.lowering import lower, resolve
from groundwatch.logs.insights.nodes import Expression, Item, Name, Node
from groundwatch.logs.insights.ordering import sort_keys
from groundwatch.logs.insights.pipeline import Column, Pipeline
from groundwatch.logs.insights.values import Value, as_number, as_text, is_present

COUNT = "count"


class Eval(Node, frozen=True):
    """Expressions with names: columns beside those that there are."""

    items: tuple[Item, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names, and show them."""
        for column in pipeline.columns():
            pipeline.project(column)
        for item in self.items:
            value = pipeline.define(item.name, lower(item.expression, pipeline))
            pipeline.show(Column(item.name, value))


class Define(Node, frozen=True):
    """Expressions with names that are not shown unless asked for."""

    items: tuple[Item, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names."""
        for item in self.items:
            pipeline.define(item.name, lower(item.expression, pipeline))


class Without(Node, frozen=True):
    """Columns to leave out."""

    names: tuple[Name, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Show the others."""
        dropped = {name.text for name in self.names}
        pipeline.display([column for column in pipeline.columns() if column.name not in dropped])


class Rename(Node, frozen=True):
    """Pairs of an old name and a new one."""

    pairs: tuple[tuple[Name, Name], ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Define the new names, and show them where the old ones were."""
        for old, new in self.pairs:
            value = pipeline.define(new.text, resolve(old, pipeline))
            columns = pipeline.columns()
            if all(column.name != old.text for column in columns):
                columns = [*columns, Column(old.text, value)]
            pipeline.display([Column(new.text, value) if one.name == old.text else one for one in columns])


class FillNull(Node, frozen=True):
    """Values in place of missing ones; of all columns where no field is named."""

    pairs: tuple[tuple[Expression, Name | None], ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Give the fields their values."""
        for expression, field in self.pairs:
            constant = lower(expression, pipeline)
            names = [column.name for column in pipeline.columns()] if field is None else [field.text]
            for name in names:
                self._fill(name, constant, pipeline)

    def _fill(self, name: str, constant: Value, pipeline: Pipeline) -> None:
        shown = next((column.value for column in pipeline.columns() if column.name == name), None)
        known = shown or resolve(Name(self.span, tuple(name.split("."))), pipeline)
        if known.kind == "number" and constant.kind == "number":
            pipeline.replace(name, Value("number", f"ifNull({known.sql}, {as_number(constant)})"))
        else:
            pipeline.replace(name, Value("text", f"ifNull({as_text(known)}, {as_text(constant)})"))


class Frequent(Node, frozen=True):
    """The most frequent combinations of fields, or the rarest, for each combination of others."""

    fields: tuple[Name, ...]
    beside: tuple[Name, ...]
    count: int
    rarest: bool

    def lower(self, pipeline: Pipeline) -> None:
        """Replace the rows by these combinations; those without a value do not count."""
        columns = {
            name.text: pipeline.column(as_text(resolve(name, pipeline))) for name in (*self.beside, *self.fields)
        }
        for name in self.fields:
            pipeline.keep(f"isNotNull({columns[name.text]})")
        names = {name: pipeline.new_name() for name in columns}
        count = pipeline.new_name()
        pipeline.group({names[name]: sql for name, sql in columns.items()}, {count: "toFloat64(count())"})
        for shown, column in names.items():
            pipeline.project(Column(shown, pipeline.define(shown, Value("text", column))))
        pipeline.project(Column(COUNT, pipeline.define(COUNT, Value("number", count))))
        direction = "ASC" if self.rarest else "DESC"
        terms = [f"{names[name.text]} ASC" for name in self.fields]
        pipeline.sort([f"{count} {direction}", *terms])
        if self.beside:
            pipeline.first_of_each([names[name.text] for name in self.beside], count=self.count, final=False)
        else:
            pipeline.limit(self.count)


class FirstOfEach(Node, frozen=True):
    """The fields of which each combination may have so many rows; rows that lack one are dropped."""

    fields: tuple[Name, ...]
    count: int

    def lower(self, pipeline: Pipeline) -> None:
        """Keep the first rows of each combination in the order so far."""
        columns = [pipeline.column(as_text(resolve(name, pipeline))) for name in self.fields]
        for column in columns:
            pipeline.keep(f"isNotNull({column})")
        pipeline.first_of_each(columns, count=self.count, final=False)


class WindowTerm(msgspec.Struct, frozen=True):
    """An expression to order the rows of a window by."""

    expression: Expression
    descending: bool


class Windowed(Node, frozen=True):
    """Functions over the rows around each: an aggregate, or a place, each with its name."""

    items: tuple[Item, ...]
    partition: tuple[Expression, ...]
    order: tuple[WindowTerm, ...] = ()
    shown: bool = True

    def lower(self, pipeline: Pipeline) -> None:
        """Define the names; without an order a function is one over all rows of the partition."""
        keys = [pipeline.column(as_text(lower(key, pipeline))) for key in self.partition]
        terms = [part for term in self.order for part in self._term(term, pipeline)]
        for column in pipeline.columns() if self.shown else ():
            pipeline.project(column)
        for item in self.items:
            value = pipeline.define(item.name, self._value(item, keys, terms, pipeline))
            if self.shown:
                pipeline.show(Column(item.name, value))

    def _term(self, term: WindowTerm, pipeline: Pipeline) -> list[str]:
        return sort_keys(lower(term.expression, pipeline), pipeline, term.descending)

    def _value(self, item: Item, keys: list[str], terms: list[str], pipeline: Pipeline) -> Value:
        call = cast("nodes.Call", item.expression)
        name = call.function.lower()
        if name in PLACES:
            made = pipeline.windowed(f"{name}()", partition=keys, order=terms or None)
            return Value("number", f"toFloat64({made})")
        if name in NEIGHBOURS:
            return self._neighbour(call, keys, terms, pipeline)
        if name not in WINDOW_AGGREGATES or len(call.arguments) > 1:
            raise malformed(f"{call.function.removeprefix(PREFIX)} cannot be computed over a window", call.span)
        values = [lower(argument, pipeline) for argument in call.arguments]
        if name in {"count", "count_distinct"}:
            made = f"countIf({is_present(values[0])})" if values else "count()"
            made = f"uniqExact({as_text(values[0])})" if name == "count_distinct" and values else made
        else:
            made = f"{WINDOW_AGGREGATES[name]}({pipeline.column(as_number(values[0])) if values else 'NULL'})"
        found = pipeline.windowed(made, partition=keys, order=terms or None, whole=not terms)
        return Value("number", f"toFloat64({found})")

    def _neighbour(self, call: nodes.Call, keys: list[str], terms: list[str], pipeline: Pipeline) -> Value:
        kind, sql = plain(lower(call.arguments[0], pipeline))
        column = pipeline.column(f"toNullable({sql})")
        count = call.arguments[1] if len(call.arguments) > 1 else nodes.Number(call.span, "1")
        if not isinstance(count, nodes.Number) or not count.spelled.isdigit() or len(count.spelled) > 4:
            raise malformed(f"{call.function} looks up to 9999 rows away", call.span)
        function = f"{NEIGHBOURS[call.function.lower()]}({column}, {pipeline.bind(int(count.spelled), 'UInt32')})"
        found = pipeline.windowed(function, partition=keys, order=terms or None, frame=WHOLE)
        return Value(kind, found)


WHOLE = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
WINDOW_AGGREGATES = {
    "count": "count",
    "count_distinct": "uniqExact",
    "sum": "sumOrNull",
    "avg": "avgOrNull",
    "min": "minOrNull",
    "max": "maxOrNull",
    "stddev": "stddevPopOrNull",
    "variance": "varPopOrNull",
    PREFIX + "stddev_samp": "stddevSampOrNull",
    PREFIX + "var_samp": "varSampOrNull",
}
"""Aggregates over windows are of numbers."""
PLACES = frozenset({"row_number", "rank", "dense_rank"})
NEIGHBOURS = {"lag": "lagInFrame", "lead": "leadInFrame"}


class Trend(Node, frozen=True):
    """The mean of a field over so many rows up to each, and its name."""

    field: Name
    count: int
    name: str

    def lower(self, pipeline: Pipeline) -> None:
        """Define the mean; the first rows have none."""
        number = pipeline.column(as_number(resolve(self.field, pipeline)))
        mean = pipeline.windowed(
            f"avgOrNull({number})", frame=f"ROWS BETWEEN {self.count - 1} PRECEDING AND CURRENT ROW"
        )
        place = pipeline.windowed("row_number()")
        value = Value("number", f"if({place} < {self.count}, NULL, {mean})")
        for column in pipeline.columns():
            pipeline.project(column)
        pipeline.show(Column(self.name, pipeline.define(self.name, value)))


class Skip(Node, frozen=True):
    """A number of rows at the start to leave out."""

    count: int

    def lower(self, pipeline: Pipeline) -> None:
        """Leave them out."""
        place = pipeline.windowed("row_number()")
        pipeline.keep(f"{place} > {pipeline.bind(self.count, 'UInt64')}")


class OrderBy(Node, frozen=True):
    """Expressions, each with its direction."""

    terms: tuple[WindowTerm, ...]

    def lower(self, pipeline: Pipeline) -> None:
        """Order the rows in natural order."""
        pipeline.sort(
            [key for one in self.terms for key in sort_keys(lower(one.expression, pipeline), pipeline, one.descending)]
        )
