"""From the text of a query in PPL to commands, which are lowered like those of Insights' own language."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Stage
from groundwatch.logs.insights.commands.display import Display
from groundwatch.logs.insights.commands.filtering import Filter
from groundwatch.logs.insights.commands.join import KINDS, Join
from groundwatch.logs.insights.commands.limit import Limit
from groundwatch.logs.insights.commands.parsing import from_regex
from groundwatch.logs.insights.commands.stats import Stats
from groundwatch.logs.insights.commands.unnest import Unnest
from groundwatch.logs.insights.complaints import Vocabulary, parsed, too_deep, unsupported
from groundwatch.logs.insights.errors import Span, malformed, placing
from groundwatch.logs.insights.functions.open_search import PREFIX
from groundwatch.logs.insights.open_search_tree import OpenSearchBuilder, check_one_row
from groundwatch.logs.insights.parse import Query
from groundwatch.logs.insights.pipeline import MAX_ROWS
from groundwatch.logs.insights.ppl.field_summary import build as summary_of
from groundwatch.logs.insights.ppl.flatten import MAX_NAMES, Flatten, check_named
from groundwatch.logs.insights.ppl.grok import grok_expression
from groundwatch.logs.insights.selection import Selection
from groundwatch.logs.insights.stages import (
    Eval,
    FillNull,
    FirstOfEach,
    Frequent,
    OrderBy,
    Rename,
    Skip,
    Trend,
    Windowed,
    WindowTerm,
    Without,
)

COMMANDS = {
    "fields": "fields [-] FIELD, …",
    "where": "where CONDITION",
    "eval": "eval NAME = EXPRESSION, …",
    "stats": "stats AGGREGATE [as NAME], … [by FIELD | span(FIELD, PERIOD) [as NAME], …]",
    "eventstats": "eventstats AGGREGATE [as NAME], … [by FIELD, …]",
    "sort": "sort [+|-] FIELD [asc|desc], …",
    "head": "head [NUMBER] [from NUMBER]",
    "dedup": "dedup [NUMBER] FIELD, …",
    "top": "top [NUMBER] FIELD, … [by FIELD, …]",
    "rare": "rare [NUMBER] FIELD, … [by FIELD, …]",
    "parse": 'parse FIELD "REGEX with (?<name>…)"',
    "grok": "grok FIELD '%{KIND:name} …'",
    "rename": "rename FIELD as NAME, …",
    "fillnull": "fillnull using FIELD = VALUE, … | fillnull with VALUE [in FIELD, …]",
    "expand": "expand FIELD [as NAME]",
    "join": "[left] join left=L right=R on L.FIELD = R.FIELD `GROUP`",
    "trendline": "trendline sma(NUMBER, FIELD) [as NAME]",
    "flatten": "flatten FIELD [as (NAME, …)]",
    "fieldsummary": "fieldsummary includefields=FIELD [nulls=true]",
}
"""The commands of the language that this server has, with their forms."""
REFUSED = frozenset({"patterns", "lookup", "describe", "ad", "ml", "kmeans", "appendcol", "show"})
WORDS = ("asc", "desc", "from", "using", "with", "on", "between", "else")
DEFAULT_ROWS = 10
MOST_ROWS_BACK = 1_000


def parse_ppl(text: str) -> Query:
    """Return the commands of a query; raises `MalformedQueryException` with the place of the first fault."""
    with placing(text):
        tree = parsed(_parser(), text, Vocabulary([*COMMANDS, "source", "search"], REFUSED))
        builder = _Builder(text)
        try:
            selection, stages = builder.build(tree)
        except RecursionError as error:
            raise too_deep() from error
        return Query(text, stages, selection, tuple(builder.inner), strict=False)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    here = Path(__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in (here.parent / "expressions.lark", here / "grammar.lark")]
    texts += [f"_WORD_{word.upper()}.9: /{word}(?![\\w@.])/i" for word in COMMANDS]
    texts += [f"K_{word.upper()}.9: /{word}(?![\\w@.(])/i" for word in WORDS]
    grammar = "\n".join(texts)
    return Lark(grammar, parser="lalr", start="query", maybe_placeholders=True, propagate_positions=True)


class _Builder(OpenSearchBuilder):
    """Adds the commands."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inner: list[Selection] = []
        self._within = False

    def build(self, tree: Tree[Token]) -> tuple[Selection | None, tuple[Stage, ...]]:
        """Return the groups that the query chooses, and its commands."""
        found: list[Any] = []
        for made in self.parts(tree):
            found += made if isinstance(made, list) else [made]
        selection = next((one for one in found if isinstance(one, Selection)), None)
        stages = tuple(one for one in found if one is not None and not isinstance(one, Selection))
        check_named(stages)
        return selection, stages

    def _subquery(self, tree: Tree[Token]) -> nodes.Subquery:
        if self._within:
            raise malformed("a subquery cannot have a subquery itself", self.span(tree))
        self._within = True
        selection, stages = self.build(tree)
        self._within = False
        return self._inner(self.span(tree), selection, stages)

    def _inner(self, span: Span, selection: Selection | None, stages: tuple[Stage, ...]) -> nodes.Subquery:
        if selection is not None:
            self.inner.append(selection)
        return nodes.Subquery(span, selection, stages)

    # Sources

    def _source(self, tree: Tree[Token]) -> Selection:
        _, names = self.parts(tree)
        if isinstance(names, Token):
            raise unsupported("a source other than log groups, [lg:`GROUP`, …],", self.span(tree))
        return Selection(self.span(tree), names)

    def _group_list(self, tree: Tree[Token]) -> tuple[str, ...]:
        return tuple(str(token).strip("`") for token in tree.children)

    # Expressions

    def known(self, call: nodes.Call) -> nodes.Expression:
        """Return the call of the function that is meant."""
        if call.function.lower() == "span":
            return self._span_of(call)
        if call.function.lower() == "exists" and len(call.arguments) == 1:
            return nodes.Call(call.span, "ispresent", call.arguments)
        return super().known(call)

    def _span_of(self, call: nodes.Call) -> nodes.Expression:
        if len(call.arguments) != 2:
            raise malformed("span has a field and a length: span(@timestamp, 5m)", call.span)
        field, length = call.arguments
        if isinstance(length, nodes.Period):
            return nodes.Call(call.span, "datefloor", (field, length))
        steps = nodes.Arithmetic(call.span, field, (("/", length),))
        return nodes.Arithmetic(call.span, nodes.Call(call.span, "floor", (steps,)), (("*", length),))

    def _like_call(self, tree: Tree[Token]) -> nodes.Call:
        _, values = self.parts(tree)
        return nodes.Call(self.span(tree), PREFIX + "like", tuple(values))

    def _in_query(self, tree: Tree[Token]) -> nodes.InQuery:
        subject, word, query = self.parts(tree)
        return nodes.InQuery(self.span(tree), subject, query, negated=word.type == "NOT_IN")

    def _exists(self, tree: Tree[Token]) -> nodes.Exists:
        return nodes.Exists(self.span(tree), self.parts(tree)[1])

    def _one_value(self, tree: Tree[Token]) -> nodes.OneValue:
        query = self.parts(tree)[0]
        check_one_row(query)
        return nodes.OneValue(self.span(tree), query)

    def _case(self, tree: Tree[Token]) -> nodes.Call:
        _, values, _, last = self.parts(tree)
        return nodes.Call(self.span(tree), "case", (*values, *([] if last is None else [last])))

    def _setting(self, tree: Tree[Token]) -> tuple[Token, str]:
        word, sign, value = cast("list[Token]", tree.children)
        _check_equals(sign)
        return word, str(value)

    def _assignment(self, tree: Tree[Token]) -> nodes.Item:
        name, sign, expression = self.parts(tree)
        _check_equals(sign)
        return nodes.Item(self.span(tree), expression, name.text, aliased=True)

    # Commands

    def _fields(self, tree: Tree[Token]) -> Stage:
        sign, *names = self.parts(tree)
        if sign == "-":
            return Without(self.span(tree), tuple(names))
        return Display(self.span(tree), tuple(nodes.Item(name.span, name, name.text, aliased=False) for name in names))

    def _where(self, tree: Tree[Token]) -> Stage:
        return Filter(self.span(tree), self.parts(tree)[0])

    def _eval(self, tree: Tree[Token]) -> Stage:
        return Eval(self.span(tree), tuple(self.parts(tree)))

    def _stats(self, tree: Tree[Token]) -> Stage:
        *items, keys = self.parts(tree)
        return Stats(self.span(tree), tuple(items), keys or (), keys_first=False)

    def _eventstats(self, tree: Tree[Token]) -> Stage:
        *items, keys = self.parts(tree)
        _check_calls(items)
        return Windowed(self.span(tree), tuple(items), tuple(key.expression for key in keys or ()))

    def _sort(self, tree: Tree[Token]) -> Stage:
        return OrderBy(self.span(tree), tuple(self.parts(tree)))

    def _sort_key(self, tree: Tree[Token]) -> WindowTerm:
        sign, name, way = self.parts(tree)
        return WindowTerm(name, descending=sign == "-" or (way is not None and way.type == "K_DESC"))

    def _head(self, tree: Tree[Token]) -> list[Stage]:
        count, _, skipped = self.parts(tree)
        span = self.span(tree)
        limit = Limit(span, _number(count, DEFAULT_ROWS, MAX_ROWS), span)
        return [limit] if skipped is None else [Skip(span, _number(skipped, 0, MAX_ROWS)), limit]

    def _dedup(self, tree: Tree[Token]) -> Stage:
        count, *fields = self.parts(tree)
        return FirstOfEach(self.span(tree), tuple(fields), _number(count, 1, MAX_ROWS))

    def _top(self, tree: Tree[Token]) -> Stage:
        return self._frequent(tree, rarest=False)

    def _rare(self, tree: Tree[Token]) -> Stage:
        return self._frequent(tree, rarest=True)

    def _frequent(self, tree: Tree[Token], *, rarest: bool) -> Stage:
        count, fields, beside = self.parts(tree)
        return Frequent(self.span(tree), fields, beside or (), _number(count, DEFAULT_ROWS, MAX_ROWS), rarest)

    def _field_list(self, tree: Tree[Token]) -> tuple[nodes.Name, ...]:
        return tuple(self.parts(tree))

    def _parse(self, tree: Tree[Token]) -> list[Stage]:
        field, pattern = self.parts(tree)
        span = self.span(tree)
        return [Eval(span, ()), from_regex(span, field, nodes.Regex(pattern.span, pattern.value), ())]

    def _grok(self, tree: Tree[Token]) -> list[Stage]:
        field, pattern = self.parts(tree)
        expression, names = grok_expression(pattern.value, pattern.span)
        span = self.span(tree)
        return [Eval(span, ()), from_regex(span, field, nodes.Regex(pattern.span, expression), names)]

    def _rename(self, tree: Tree[Token]) -> Stage:
        return Rename(self.span(tree), tuple(self.parts(tree)))

    def _renaming(self, tree: Tree[Token]) -> tuple[nodes.Name, nodes.Name]:
        old, new = self.parts(tree)
        return old, new

    def _fillnull(self, tree: Tree[Token]) -> Stage:
        word, *rest = self.parts(tree)
        if word.type == "K_USING":
            pairs = [(item.expression, nodes.Name(item.span, tuple(item.name.split(".")))) for item in rest]
            return FillNull(self.span(tree), tuple(pairs))
        value, _, *names = rest
        return FillNull(self.span(tree), tuple((value, name) for name in names))

    def _expand(self, tree: Tree[Token]) -> list[Stage]:
        field, name = self.parts(tree)
        span, element = self.span(tree), name or field
        return [Unnest(span, field, element), Eval(span, (nodes.Item(span, element, element.text, aliased=True),))]

    def _join(self, tree: Tree[Token]) -> Stage:
        kind, *settings, _, left, sign, right, group = self.parts(tree)
        _check_equals(sign)
        span = self.span(tree)
        found = {word.lower(): value for word, value in settings}
        if set(found) != {"left", "right"}:
            raise malformed("join names both its sides: left=L right=R", span)
        chosen = "inner" if kind is None else str(kind).lower().split()[0]
        if chosen not in KINDS:
            raise unsupported(f"{kind} join", span)
        keys = {key.segments[0]: nodes.Name(key.span, key.segments[1:]) for key in (left, right)}
        if set(keys) != set(found.values()) or not all(key.segments for key in keys.values()):
            raise malformed("join compares a field of one side with one of the other: on l.k = r.k", left.span)
        query = self._inner(group.span, Selection(group.span, (group.text,)), ())
        return Join(span, chosen, found["left"], found["right"], keys[found["left"]], keys[found["right"]], query)

    def _flatten(self, tree: Tree[Token]) -> Stage:
        field, names = self.parts(tree)
        if len(names or ()) > MAX_NAMES:
            raise malformed(f"flatten has at most {MAX_NAMES} names", self.span(tree))
        return Flatten(self.span(tree), field, names or ())

    def _fieldsummary(self, tree: Tree[Token]) -> Stage:
        return summary_of(dict(self.parts(tree)), self.span(tree))

    def _summary_option(self, tree: Tree[Token]) -> tuple[Token, tuple[nodes.Name, ...]]:
        word, sign, names = self.parts(tree)
        _check_equals(sign)
        if isinstance(names, Token):
            return word, (nodes.Name((names.start_pos or 0, names.end_pos or 0), (str(names),)),)
        return word, names

    def _trendline(self, tree: Tree[Token]) -> Stage:
        _, count, field, name = self.parts(tree)
        rows = _number(count, 1, MOST_ROWS_BACK)
        return Trend(self.span(tree), field, rows, f"{field.text}_trendline" if name is None else name.text)


def _check_equals(sign: Token) -> None:
    if sign != "=":
        raise malformed(f"= is expected in place of {sign}", (sign.start_pos or 0, sign.end_pos or 0))


def _check_calls(items: list[nodes.Item]) -> None:
    for item in items:
        if not isinstance(item.expression, nodes.Call):
            raise malformed("eventstats has aggregates alone", item.span)


def _number(token: Token | None, default: int, most: int) -> int:
    if token is None:
        return default
    if not token.isdigit() or not 1 <= int(token[:9]) <= most or len(token) > 9:
        place = (token.start_pos or 0, token.end_pos or 0)
        raise malformed(f"an integer between 1 and {most} is expected", place)
    return int(token)
