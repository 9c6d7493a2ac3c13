"""From the text of a query to its commands: the grammar put together from the commands, and lark's tree made nodes."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from groundwatch.logs.insights import nodes
from groundwatch.logs.insights.commands.command import Command, Stage
from groundwatch.logs.insights.commands.stats import MAX_STATS, Stats
from groundwatch.logs.insights.commands.table import COMMANDS, NOT_YET
from groundwatch.logs.insights.errors import Span, malformed, suggestion

MAX_DEPTH = 50
"""Parentheses, calls and negations within one another."""
WORD = re.compile(r"[A-Za-z_@]\w*")
LEXEME = re.compile(r"[A-Za-z_@][\w@.]*|\d[\w.]*|[=!<>~]+|\S")
UNITS = ("ms", "mo", "s", "m", "h", "d", "w", "q", "y")
ESCAPES = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "r": "\r"}
WORDS = ("any", "by", "asc", "desc", "multi", "logfmt", "csv")
"""Words inside commands that may also be names."""
CHAINS = frozenset({"some", "every", "arithmetic"})
READABLE = {
    "VBAR": "|",
    "COMMA": ",",
    "RPAR": ")",
    "LPAR": "(",
    "RSQB": "]",
    "LSQB": "[",
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "REGEX": "/a regular expression/",
    "COMPARISON": "a comparison",
    "MATCHES": "=~",
    "FUNCTION": "a function",
    "SUM_OPERATOR": "+ or -",
    "PRODUCT_OPERATOR": "*, / or %",
    "POWER_OPERATOR": "^",
    "PERIOD": "a period of time",
    "MINUS": "-",
    "BANG": "!",
    "$END": "the end of the query",
}


class Query(msgspec.Struct, frozen=True):
    """The commands of a query, in their order."""

    stages: tuple[Stage, ...]


def parse_query(text: str) -> Query:
    """Return the commands of a query; raises `MalformedQueryException` with the place of the first fault."""
    _check_depth(text)
    try:
        tree = _parser().parse(text)
        stages = _Builder(text).build(tree)
    except UnexpectedInput as error:
        raise _complaint(text, error) from error
    except RecursionError as error:
        raise malformed("the query nests too deeply") from error
    surplus = [stage for stage in stages if isinstance(stage, Stats)][MAX_STATS:]
    if surplus:
        raise malformed(f"a query has at most {MAX_STATS} stats commands", surplus[0].span)
    return Query(tuple(stages))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(grammar_text(), parser="lalr", start="query", maybe_placeholders=True, propagate_positions=True)


def grammar_text() -> str:
    """Return the whole grammar: the rules of expressions and one of each command in the table."""
    base = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    rules = [f"?command: {' | '.join(f'command_{command.name}' for command in COMMANDS)}"]
    rules += [f"command_{command.name}: _WORD_{command.name.upper()} {command.grammar}" for command in COMMANDS]
    rules += ["field: NAME", "text: STRING", 'parsed_names: NAME ("," NAME)*']
    rules += [f"_WORD_{command.name.upper()}.9: /(?:{'|'.join(command.words)})(?![\\w@.])/i" for command in COMMANDS]
    rules += [f"K_{word.upper()}.9: /{word}(?![\\w@.(])/i" for word in WORDS]
    return "\n".join([base, *rules])


class _Builder:
    """Turns lark's tree into nodes, from the leaves up."""

    def __init__(self, text: str) -> None:
        self._query = text
        self._commands = {f"command_{command.name}": command for command in COMMANDS}

    def build(self, tree: Tree[Token]) -> list[Stage]:
        """Return the commands."""
        return [self._command(self._commands[child.data], child) for child in cast("list[Tree[Token]]", tree.children)]

    def _command(self, command: Command, tree: Tree[Token]) -> Stage:
        return command.build([self._part(child) for child in tree.children], self._span(tree))

    def _part(self, child: Any) -> Any:  # noqa: ANN401 - as many types as rules
        # A level of precedence without an operator is a node of one child; frames of the stack are for what nests.
        while isinstance(child, Tree) and child.data in CHAINS and len(child.children) == 1:
            child = child.children[0]
        if not isinstance(child, Tree):
            return child
        handler: Callable[[Tree[Token]], Any] = getattr(self, f"_{child.data}")
        return handler(child)

    def _parts(self, tree: Tree[Token]) -> list[Any]:
        return [self._part(child) for child in tree.children]

    def _span(self, tree: Tree[Token]) -> Span:
        return (tree.meta.start_pos, tree.meta.end_pos)

    # Items and names

    def _items(self, tree: Tree[Token]) -> tuple[nodes.Item, ...]:
        return tuple(self._parts(tree))

    def _item(self, tree: Tree[Token]) -> nodes.Item:
        expression, alias = self._parts(tree)
        span = self._span(tree)
        if alias is not None:
            return nodes.Item(span, expression, alias.text, aliased=True)
        written = expression.text if isinstance(expression, nodes.Name) else self._query[span[0] : span[1]].strip()
        return nodes.Item(span, expression, written, aliased=False)

    def _name(self, tree: Tree[Token]) -> nodes.Name:
        return _name(cast("Token", tree.children[0]))

    _alias = _field = _name

    def _parsed_names(self, tree: Tree[Token]) -> tuple[nodes.Name, ...]:
        return tuple(_name(cast("Token", token)) for token in tree.children)

    # Literals

    def _text(self, tree: Tree[Token]) -> nodes.Text:
        token = cast("Token", tree.children[0])
        value = re.sub(r"\\([\s\S])", lambda found: ESCAPES.get(found[1], found[0]), token[1:-1])
        return nodes.Text(self._span(tree), value)

    def _number(self, tree: Tree[Token]) -> nodes.Number:
        return nodes.Number(self._span(tree), str(tree.children[0]))

    def _boolean(self, tree: Tree[Token]) -> nodes.Boolean:
        return nodes.Boolean(self._span(tree), str(tree.children[0]).lower() == "true")

    def _period(self, tree: Tree[Token]) -> nodes.Period:
        spelled = str(tree.children[0]).lower()
        count = spelled.rstrip(string.ascii_lowercase)
        written = spelled.removeprefix(count)
        unit = "ms" if written.startswith(("mil", "mse")) else written
        unit = "m" if unit.startswith("min") else next(known for known in UNITS if unit.startswith(known))
        # More digits than any cap needs would only be slow to read.
        return nodes.Period(self._span(tree), int(count.strip()[:9]), unit)

    def _regex(self, tree: Tree[Token]) -> nodes.Regex:
        return nodes.Regex(self._span(tree), str(tree.children[0])[1:-1].replace(r"\/", "/"))

    # Calls and operators

    def _call(self, tree: Tree[Token]) -> nodes.Call:
        function, arguments = tree.children
        made = self._part(arguments) or ()
        return nodes.Call(self._span(tree), str(function)[:-1].strip(), tuple(made))

    def _star(self, tree: Tree[Token]) -> nodes.Call:
        return nodes.Call(self._span(tree), str(tree.children[0])[:-1].strip(), (), star=True)

    def _list(self, tree: Tree[Token]) -> list[nodes.Expression]:
        return self._parts(tree)

    def _negative(self, tree: Tree[Token]) -> nodes.Expression:
        operand = self._parts(tree)[1]
        if isinstance(operand, nodes.Number) and operand.spelled[0] != "-":
            return nodes.Number(self._span(tree), f"-{operand.spelled}")
        return nodes.Negative(self._span(tree), operand)

    def _arithmetic(self, tree: Tree[Token]) -> nodes.Expression:
        first, *rest = self._parts(tree)
        if not rest:
            return cast("nodes.Expression", first)
        pairs = zip(map(str, rest[::2]), rest[1::2], strict=True)
        return nodes.Arithmetic(self._span(tree), first, tuple(cast("Any", pairs)))

    def _compare(self, tree: Tree[Token]) -> nodes.Compare:
        left, order, right = self._parts(tree)
        return nodes.Compare(self._span(tree), "=" if order == "==" else cast("nodes.Order", str(order)), left, right)

    def _like(self, tree: Tree[Token]) -> nodes.Like:
        subject, word, pattern = self._parts(tree)
        return nodes.Like(self._span(tree), subject, pattern, negated=word.type == "NOT_LIKE")

    def _matches(self, tree: Tree[Token]) -> nodes.Like:
        subject, _, pattern = self._parts(tree)
        return nodes.Like(self._span(tree), subject, pattern)

    def _in_(self, tree: Tree[Token]) -> nodes.In:
        subject, word, choices = self._parts(tree)
        return nodes.In(self._span(tree), subject, tuple(choices or ()), negated=word.type == "NOT_IN")

    def _not_(self, tree: Tree[Token]) -> nodes.Not:
        return nodes.Not(self._span(tree), self._parts(tree)[0])

    def _every(self, tree: Tree[Token]) -> nodes.Expression:
        parts = self._parts(tree)
        return cast("nodes.Expression", parts[0]) if len(parts) == 1 else nodes.Every(self._span(tree), tuple(parts))

    def _some(self, tree: Tree[Token]) -> nodes.Expression:
        parts = self._parts(tree)
        return cast("nodes.Expression", parts[0]) if len(parts) == 1 else nodes.Some(self._span(tree), tuple(parts))


def _name(token: Token) -> nodes.Name:
    text = str(token)
    at = "@" if text.startswith("@`") else ""
    pieces = re.findall(r"`([^`]*)`|([^.`]+)", text.removeprefix(at))
    segments = [quoted or plain for quoted, plain in pieces]
    return nodes.Name((token.start_pos or 0, token.end_pos or 0), (at + segments[0], *segments[1:]))


def _check_depth(text: str) -> None:
    """Refuse what would exhaust the stack before it is parsed; brackets in strings count as well, generously."""
    depth = 0
    for found in re.finditer(r"[()]", text):
        depth += 1 if found.group() == "(" else -1
        if depth > MAX_DEPTH:
            raise malformed(f"the query nests more than {MAX_DEPTH} levels deep", (found.start(), found.end()))


def _complaint(text: str, error: UnexpectedInput) -> Exception:
    position, expected = _place(text, error)
    found = LEXEME.match(text, position)
    word = found.group() if found else ""
    span = (position, position + len(word)) if word else (len(text.rstrip()), len(text))
    if _expects_command(expected):
        return _command_complaint(word, span)
    wanted = ", ".join(sorted({_readable(name) for name in expected}))
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    what = f"unexpected symbol found {word}" if word else "unexpected end of the query"
    return malformed(f"{what} at line {line} and position {column}; expected one of {wanted}", span)


def _place(text: str, error: UnexpectedInput) -> tuple[int, Sequence[str]]:
    if isinstance(error, UnexpectedToken):
        at_end = error.token.type == "$END"
        return (len(text) if at_end else int(error.token.start_pos or 0)), sorted(error.accepts or error.expected)
    if isinstance(error, UnexpectedCharacters):
        return cast("int", error.pos_in_stream), sorted(error.allowed)
    return len(text), ()


def _expects_command(expected: Sequence[str]) -> bool:
    return bool(expected) and all(name.startswith("_WORD_") for name in expected)


def _command_complaint(word: str, span: Span) -> Exception:
    if word.lower() in NOT_YET:
        return malformed(f"the command {word} is not supported by Groundwatch", span)
    known = [name for command in COMMANDS for name in command.words]
    near = suggestion(word, known) if WORD.fullmatch(word) else ""
    said = f"unknown command {word}" if word else "the query ends where a command is expected"
    return malformed(f"{said}{near}; the commands are {', '.join(sorted(known))}", span)


def _readable(name: str) -> str:
    if name in READABLE:
        return READABLE[name]
    return name.removeprefix("_WORD_").removeprefix("K_").replace("_", " ").lower()
