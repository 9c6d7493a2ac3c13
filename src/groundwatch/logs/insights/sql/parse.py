"""From the text of a query in SQL to commands, which are lowered like those of Insights' own language."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.commands.join import KINDS, Join
from groundwatch.logs.insights.commands.limit import Limit
from groundwatch.logs.insights.complaints import Vocabulary, parsed, too_deep, unsupported
from groundwatch.logs.insights.errors import Span, malformed, placing
from groundwatch.logs.insights.functions.names import AGGREGATE_NAMES
from groundwatch.logs.insights.functions.open_search import PREFIX
from groundwatch.logs.insights.open_search_tree import OpenSearchBuilder, check_one_row
from groundwatch.logs.insights.parse import Query
from groundwatch.logs.insights.pipeline import MAX_ROWS
from groundwatch.logs.insights.selection import Selection
from groundwatch.logs.insights.sql.clauses import Clauses, Over, expressions_of, named, shown_names, stages_of
from groundwatch.logs.insights.sql.ties import OUTER, refuse_outer, untied
from groundwatch.logs.insights.sql.union import MAX_SELECTS, Union
from groundwatch.logs.insights.stages import NEIGHBOURS, PLACES, OrderBy, Skip, WindowTerm

SELECTOR = re.compile(r"\s*(\w+)\s*\(")
GROUPS = re.compile(r"\s*logGroups\s*\(\s*logGroupIdentifiers?\s*:\s*\[([^\]]*)\]\s*\)\s*", re.IGNORECASE)
LISTED = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)")\s*""")
MAX_GROUPS = 50
ENDING = ("order", "limit")
NO_PARENTHESES = frozenset({"current_date", "current_timestamp"})


def parse_sql(text: str) -> Query:
    """Return the commands of a query; raises `MalformedQueryException` with the place of the first fault."""
    with placing(text):
        tree = parsed(
            _parser(), text, Vocabulary(["select"], frozenset({"insert", "update", "delete", "with", "show"}))
        )
        builder = _Builder(text)
        try:
            query = cast("nodes.Subquery", builder.part(tree.children[0]))
        except RecursionError as error:
            raise too_deep() from error
        inner = [one for one in builder.inner if one is not query.selection]
        return Query(text, query.stages, query.selection, tuple(inner), strict=False)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    here = Path(__file__).parent
    grammar = "\n".join(
        path.read_text(encoding="utf-8") for path in (here.parent / "expressions.lark", here / "grammar.lark")
    )
    return Lark(grammar, parser="lalr", start="query", maybe_placeholders=True, propagate_positions=True)


class _Table(nodes.Node, frozen=True):
    """What a FROM reads: groups, or another SELECT, and what its fields are called by."""

    alias: str | None
    selection: Selection | None
    stages: tuple[Stage, ...] = ()


class _Builder(OpenSearchBuilder):
    """Adds the clauses."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inner: list[Selection] = []
        self._aliases: list[set[str]] = []
        self._joined: list[bool] = []

    # Clauses

    def _select(self, tree: Tree[Token]) -> nodes.Subquery:
        if len(self._aliases) > 1:
            raise malformed("a subquery cannot have a subquery itself", self.span(tree))
        tables = [child for child in _trees(tree) if child.data in {"group_table", "derived_table", "join"}]
        self._aliases.append(_aliases(tables))
        self._joined.append(any(table.data == "join" for table in tables))
        found = {child.data: self.part(child) for child in _trees(tree) if child.data != "join"}
        joins = [self.part(child) for child in tables if child.data == "join"]
        self._aliases.pop()
        self._joined.pop()
        if len(joins) > 1:
            raise malformed("a query has at most one JOIN", joins[1].span)
        return self._made(tree, found, joins)

    def _made(self, tree: Tree[Token], found: dict[str, Any], joins: list[Any]) -> nodes.Subquery:
        table = found.get("group_table") or found["derived_table"]
        limit, offset = found.get("limit", (None, 0))
        where, ties = untied(found.get("where"))
        clauses = Clauses(
            self.span(tree),
            found.get("columns"),
            distinct=any(isinstance(child, Token) and child.type == "K_DISTINCT" for child in tree.children),
            where=where,
            group=tuple(found.get("group", ())),
            having=found.get("having"),
            order=found.get("order", ()),
            limit=limit,
            offset=offset,
        )
        refuse_outer(expressions_of(clauses))
        if ties and (clauses.is_grouped or clauses.distinct or limit is not None or offset):
            raise unsupported(
                "a field of the outer query in a subquery that groups or limits its rows", ties[0][0].span
            )
        joined = [join(table.alias) for join in joins]
        stages = [*table.stages, *joined, *stages_of(clauses)]
        return nodes.Subquery(self.span(tree), table.selection, tuple(stages), ties)

    def _union(self, tree: Tree[Token]) -> nodes.Subquery:
        if len(tree.children) == 1:
            return cast("nodes.Subquery", self.parts(tree)[0])
        *before, last = cast("list[Any]", tree.children)
        ending = {child.data: child for child in _trees(last) if child.data in ENDING}
        last = Tree("select", [child for child in last.children if child not in ending.values()], last.meta)
        for select in before[::2]:
            early = next((child for child in _trees(select) if child.data in ENDING), None)
            if early is not None:
                raise malformed("ORDER BY and LIMIT stand behind the last SELECT of a UNION", self.span(early))
        selects = [self.part(select) for select in (*before[::2], last)]
        if len(selects) > MAX_SELECTS:
            raise malformed(f"a UNION has at most {MAX_SELECTS} SELECTs", selects[MAX_SELECTS].span)
        words = [str(word).lower().split()[-1] == "all" for word in before[1::2]]
        joined = [Union(one.span, one, keeps_all) for one, keeps_all in zip(selects[1:], words, strict=True)]
        stages = [*selects[0].stages, *joined, *self._ending(selects[0], ending)]
        return nodes.Subquery(self.span(tree), selects[0].selection, tuple(stages))

    def _ending(self, first: nodes.Subquery, trees: dict[str, Tree[Token]]) -> list[Stage]:
        """Return what is done to the rows of all SELECTs, of which the first names the columns."""
        found: list[Stage] = []
        if "order" in trees:
            order, names = trees["order"], shown_names(first.stages)
            terms = [WindowTerm(named(term.expression, names), term.descending) for term in self.part(order)]
            found.append(OrderBy(self.span(order), tuple(terms)))
        if "limit" in trees:
            (count, offset), span = self.part(trees["limit"]), self.span(trees["limit"])
            found += [*([Skip(span, offset)] if offset else []), Limit(span, count, span)]
        return found

    def _columns(self, tree: Tree[Token]) -> tuple[nodes.Item, ...]:
        return tuple(self.parts(tree))

    def _every_column(self, tree: Tree[Token]) -> None:
        if tree.children[0] != "*":
            raise malformed("a column or * is expected", self.span(tree))

    def _column(self, tree: Tree[Token]) -> nodes.Item:
        expression, alias = self.parts(tree)
        span = self.span(tree)
        if alias is not None:
            return nodes.Item(span, expression, alias.text, aliased=True)
        written = expression.text if isinstance(expression, nodes.Name) else self._query[span[0] : span[1]].strip()
        return nodes.Item(span, expression, written, aliased=False)

    def _where(self, tree: Tree[Token]) -> nodes.Expression:
        return cast("nodes.Expression", self.parts(tree)[0])

    _having = _where

    def _group(self, tree: Tree[Token]) -> list[nodes.Expression]:
        return cast("list[nodes.Expression]", self.parts(tree)[0])

    def _order(self, tree: Tree[Token]) -> tuple[WindowTerm, ...]:
        return tuple(self.parts(tree))

    def _term(self, tree: Tree[Token]) -> WindowTerm:
        expression, way = self.parts(tree)
        return WindowTerm(expression, way is not None and way.type == "K_DESC")

    def _limit(self, tree: Tree[Token]) -> tuple[int, int]:
        count, offset = cast("list[Token | None]", tree.children)
        return _number(count, 1) or 1, _number(offset, 0) or 0

    # Tables

    def _group_table(self, tree: Tree[Token]) -> _Table:
        token, alias = cast("list[Any]", tree.children)
        selection = _selection(cast("Token", token))
        self.inner.append(selection)
        name = None if alias is None else self.part(alias).text
        return _Table(self.span(tree), name, selection)

    def _derived_table(self, tree: Tree[Token]) -> _Table:
        query, alias = self.parts(tree)
        if query.ties:
            raise unsupported("a field of the outer query in FROM", query.ties[0][0].span)
        return _Table(self.span(tree), None if alias is None else alias.text, query.selection, query.stages)

    def _join(self, tree: Tree[Token]) -> Any:  # noqa: ANN401 - waits for the name of the left side
        kind, table, left, sign, right = cast("list[Any]", tree.children)
        beside = self.part(table)
        chosen = "inner" if kind is None else str(kind).lower().split()[0]
        if chosen not in KINDS:
            raise unsupported(f"{kind} JOIN", self.span(tree))
        if sign != "=":
            raise malformed(
                "JOIN compares with = alone", (cast("Token", sign).start_pos or 0, cast("Token", sign).end_pos or 0)
            )
        sides = [self.part(side) for side in (left, right)]
        query = nodes.Subquery(beside.span, beside.selection, beside.stages)

        def join(own: str | None) -> Join:
            keys = {side.segments[0]: nodes.Name(side.span, side.segments[1:]) for side in sides}
            if own is None or beside.alias is None or set(keys) != {own, beside.alias}:
                raise malformed("both sides of a JOIN have a name, and ON compares a field of each", self.span(tree))
            return Join(self.span(tree), chosen, own, beside.alias, keys[own], keys[beside.alias], query)

        return join

    # Expressions

    def _name(self, tree: Tree[Token]) -> nodes.Expression:
        name = cast("nodes.Name", super()._name(tree))
        if name.text.lower() in NO_PARENTHESES:
            return nodes.Call(name.span, PREFIX + name.text.lower().replace("current_timestamp", "now"), ())
        if not self._aliases or len(name.segments) == 1:
            return name
        outer = set().union(*self._aliases[:-1])
        if name.segments[0] in outer - self._aliases[-1]:
            return nodes.Name(name.span, (OUTER, *(name.segments if self._joined[-2] else name.segments[1:])))
        if name.segments[0] in self._aliases[-1] and not self._joined[-1]:
            return nodes.Name(name.span, name.segments[1:])
        return name

    def _in_query(self, tree: Tree[Token]) -> nodes.InQuery:
        subject, word, query = self.parts(tree)
        return nodes.InQuery(self.span(tree), subject, query, negated=word.type == "NOT_IN")

    def _is_null(self, tree: Tree[Token]) -> nodes.Call:
        value, word = self.parts(tree)
        present = "not" in str(word).lower()
        return nodes.Call(self.span(tree), "ispresent" if present else PREFIX + "isnull", (value,))

    def _ilike(self, tree: Tree[Token]) -> nodes.Expression:
        return self._pattern(tree, "ilike")

    def _rlike(self, tree: Tree[Token]) -> nodes.Expression:
        return self._pattern(tree, "regexp_like")

    def _pattern(self, tree: Tree[Token], function: str) -> nodes.Expression:
        value, word, pattern = self.parts(tree)
        found = nodes.Call(self.span(tree), PREFIX + function, (value, pattern))
        return nodes.Not(found.span, found) if str(word).lower().startswith("not") else found

    def _case(self, tree: Tree[Token]) -> nodes.Call:
        subject, *whens, last = self.parts(tree)
        span = self.span(tree)
        pairs: list[nodes.Expression] = []
        for condition, value in whens:
            pairs += [condition if subject is None else nodes.Compare(span, "=", subject, condition), value]
        return nodes.Call(span, "case", (*pairs, *([] if last is None else [last])))

    def _when(self, tree: Tree[Token]) -> tuple[nodes.Expression, nodes.Expression]:
        condition, value = self.parts(tree)
        return condition, value

    def _distinct(self, tree: Tree[Token]) -> nodes.Call:
        function, _, values = self.parts(tree)
        name = str(function)[:-1].strip().lower()
        if name != "count" or len(values) != 1:
            raise malformed("DISTINCT stands in COUNT(DISTINCT field) alone", self.span(tree))
        return nodes.Call(self.span(tree), "count_distinct", tuple(values))

    def _over(self, tree: Tree[Token]) -> Over:
        function, values, partition, order = self.parts(tree)
        return self._windowed(tree, str(function), tuple(values or ()), partition, order)

    def _over_all(self, tree: Tree[Token]) -> Over:
        function, partition, order = self.parts(tree)
        return self._windowed(tree, str(function), (), partition, order)

    def _windowed(self, tree: Tree[Token], function: str, values: tuple[Any, ...], partition: Any, order: Any) -> Over:  # noqa: ANN401
        name, span = function[:-1].strip().lower(), self.span(tree)
        if name not in PLACES and name not in NEIGHBOURS and name not in AGGREGATE_NAMES:
            raise malformed(f"{name} cannot be computed over a window", span)
        call = nodes.Call(span, AGGREGATE_NAMES.get(name, name), values)
        return Over(span, call, tuple(partition or ()), tuple(order or ()))

    def _interval(self, tree: Tree[Token]) -> nodes.Period:
        text, unit = self.parts(tree)
        units = {"millisecond": "ms", "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
        units |= {"month": "mo", "quarter": "q", "year": "y"}
        word = str(unit).lower().rstrip("s")
        if word not in units or not text.value.isdecimal() or len(text.value) > 9:
            raise malformed("an interval is written INTERVAL 1 DAY", self.span(tree))
        return nodes.Period(self.span(tree), int(text.value), units[word])

    def _null(self, tree: Tree[Token]) -> nodes.Call:
        return nodes.Call(self.span(tree), PREFIX + "null", ())

    def _moment(self, tree: Tree[Token]) -> nodes.Call:
        return nodes.Call(self.span(tree), PREFIX + "to_timestamp", tuple(self.parts(tree)))

    def _one_value(self, tree: Tree[Token]) -> nodes.OneValue:
        query = self.parts(tree)[0]
        if query.ties:
            raise unsupported("a field of the outer query in a subquery for a value", query.ties[0][0].span)
        check_one_row(query)
        return nodes.OneValue(self.span(tree), query)

    def _exists(self, tree: Tree[Token]) -> nodes.Exists:
        return nodes.Exists(self.span(tree), self.parts(tree)[1])


def _trees(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if isinstance(child, Tree)]


def _aliases(tables: list[Tree[Token]]) -> set[str]:
    found = set()
    for table in tables:
        named = table.children[1] if table.data == "join" else table
        alias = cast("Tree[Any]", named).children[-1]
        if isinstance(alias, Tree):
            found.add(str(alias.children[0]).strip("`"))
    return found


def _selection(token: Token) -> Selection:
    place: Span = (token.start_pos or 0, token.end_pos or 0)
    text = str(token).strip("`")
    selector = SELECTOR.match(text)
    if selector is None:
        return Selection(place, (text,))
    groups = GROUPS.fullmatch(text)
    if groups is None:
        raise unsupported(f"the source {selector[1]}(…) of this form", place)
    names = tuple(one[1] or one[2] for one in LISTED.finditer(groups[1]))
    if not names or len(names) > MAX_GROUPS:
        raise malformed(f"a query names between 1 and {MAX_GROUPS} log groups", place)
    return Selection(place, names)


def _number(token: Token | None, least: int) -> int | None:
    if token is None:
        return None
    place = (token.start_pos or 0, token.end_pos or 0)
    if not token.isdigit() or len(token) > 9 or not least <= int(token) <= MAX_ROWS:
        raise malformed(f"an integer between {least} and {MAX_ROWS} is expected", place)
    return int(token)
