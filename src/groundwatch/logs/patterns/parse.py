"""From the text of a filter pattern to its syntax tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import cast

import re2
from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.complaints import Kind, complaint, malformed
from groundwatch.logs.patterns.numbers import NUMBER, in_range

MAX_REGEXES = 2
"""Regular expressions in one JSON or space-delimited pattern (User Guide)."""
MAX_WILDCARD_SELECTORS = 3
"""Selectors with a wildcard in one JSON pattern; each may have one (User Guide)."""
BRACKETS: dict[tuple[str, str], Kind] = {("{", "}"): "json", ("[", "]"): "fields", ("%", "%"): "regex"}
START_RULES = ("terms", "json", "fields", "regex")
ESCAPES = re.compile(r'\\(["\\])')
ORDERS = ("<", ">", "<=", ">=")


def parse_pattern(text: str) -> nodes.Pattern:
    """Return the syntax tree of a filter pattern.

    Raises `InvalidParameterException` with the service's text for a malformed pattern, followed by the place and, for a
    near miss, what to write instead.
    """
    pattern = text.strip()
    offset = len(text) - len(text.lstrip())
    if not pattern:
        return nodes.MatchAll()
    # Without its own closing bracket a pattern is terms, whose complaint then names the bracket as the service does.
    kind = BRACKETS.get((pattern[0], pattern[-1]), "terms") if len(pattern) > 1 else "terms"
    if kind == "regex":
        return regex(pattern[1:-1], offset + 1)
    return cast("nodes.Pattern", _parse(kind, pattern, offset))


def regex(expression: str, offset: int) -> nodes.Regex:
    """Return the node for what stands between percent signs, checked against the alphabet and by the engine itself."""
    node = cast("nodes.Regex", _parse("regex", expression, offset))
    # The engine's own compiler is the judge of ranges and sizes, so that no stored filter fails when it is searched.
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(node.expression, options)
    except re2.error as error:
        raise malformed(
            "Invalid filter pattern", offset, f"the regular expression is refused: {_said(error)}"
        ) from error
    return node


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


def _parse(kind: Kind, text: str, offset: int) -> nodes.Node:
    try:
        tree = _parser().parse(text, start=kind)
        return _Builder(kind, text, offset).transform(tree)
    except UnexpectedInput as error:
        raise complaint(kind, text, _position(text, error), offset=offset) from error
    except VisitError as error:
        if isinstance(error.orig_exc, ServiceError):
            raise error.orig_exc from None
        if isinstance(error.orig_exc, RecursionError):
            raise _too_deep(offset) from error
        raise
    except RecursionError as error:
        raise _too_deep(offset) from error


def _too_deep(offset: int) -> ServiceError:
    return malformed("Invalid filter pattern", offset, "the parentheses nest too deeply")


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=list(START_RULES), maybe_placeholders=True)


def _position(text: str, error: UnexpectedInput) -> int:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(text)
    return cast("int", error.pos_in_stream)


class _Builder(Transformer[Token, nodes.Node]):
    """Turns lark's tree into nodes, with the checks that a grammar does not express."""

    def __init__(self, kind: Kind, text: str, offset: int) -> None:
        super().__init__()
        self._kind = kind
        self._text = text
        self._offset = offset
        self._regexes = 0
        self._wildcards = 0

    # Unstructured terms

    def terms(self, items: list[tuple[str, Token]]) -> nodes.Pattern:
        """Sort the terms by their mark."""
        found: dict[str, list[str]] = {"": [], "-": [], "?": []}
        for mark, token in items:
            term = _unquoted(token)
            # A quoted term of white space alone matches every event, also one without a space (User Guide, `" "`).
            if term.strip():
                found[mark].append(term)
        if not any(found.values()):
            return nodes.MatchAll()
        return nodes.Terms(tuple(found[""]), tuple(found["-"]), tuple(found["?"]))

    def item(self, children: list[Token | None]) -> tuple[str, Token]:
        """Check that the item stands apart from the one before: `us-east-1` is no exclusion."""
        mark, term = children
        first = mark or term
        if first is None or term is None or term == '""':
            raise self._wrong(term)
        # The lexer drops white space, so only positions tell whether there was any.
        if first.start_pos and not self._text[first.start_pos - 1].isspace():
            raise self._wrong(first)
        return str(mark or ""), term

    # Conditions of both bracketed kinds

    def condition(self, parts: list[nodes.Condition]) -> nodes.Condition:
        """Join with `||`."""
        return parts[0] if len(parts) == 1 else nodes.Some(tuple(parts))

    def every(self, parts: list[nodes.Condition]) -> nodes.Condition:
        """Join with `&&`."""
        return parts[0] if len(parts) == 1 else nodes.Every(tuple(parts))

    slot_condition = condition
    slot_every = every

    def value(self, children: list[Token]) -> tuple[Token, nodes.Text | nodes.Number | nodes.Regex]:
        """Tell text, number and regular expression apart."""
        token = children[0]
        if token.type == "REGEX":
            self._regexes += 1
            if self._regexes > MAX_REGEXES:
                raise self._refused(token, f"at most {MAX_REGEXES} regular expressions fit a pattern")
            return token, regex(token[1:-1], self._offset + (token.start_pos or 0) + 1)
        if token.type != "QUOTED" and NUMBER.fullmatch(token):
            if not in_range(token):
                raise self._refused(token, "the number is beyond the range of doubles")
            return token, nodes.Number(str(token))
        return token, _wildcard(_unquoted(token))

    slot_value = value

    # JSON patterns

    def json(self, children: list[nodes.Condition]) -> nodes.Json:
        """Wrap the condition."""
        return nodes.Json(children[0])

    def comparison(self, children: list[object]) -> nodes.Condition:
        """Build a comparison of what a selector finds."""
        selector, operator, (token, value) = cast("tuple[nodes.Selector, Token, tuple[Token, nodes.Text]]", children)
        return self._compared(selector, operator, token, value)

    def is_literal(self, children: list[object]) -> nodes.Is:
        """Build `IS NULL`, `IS TRUE`, `IS FALSE`."""
        selector, literal = cast("tuple[nodes.Selector, Token]", children)
        return nodes.Is(selector, literal.lower())  # type: ignore[arg-type]

    def missing(self, children: list[nodes.Selector]) -> nodes.Missing:
        """Build `NOT EXISTS`."""
        return nodes.Missing(children[0])

    def selector(self, tokens: list[Token]) -> nodes.Selector:
        """Build the path; its parts stand side by side, and one of them at most is a wildcard."""
        for previous, token in pairwise(tokens):
            if previous.end_pos != token.start_pos:
                raise self._refused(token, "a selector has no white space; write ['…'] around a name that has")
        wildcards = sum(token.type.startswith("ANY") for token in tokens)
        self._wildcards += bool(wildcards)
        if wildcards > 1:
            raise self._refused(tokens[0], "a selector has at most one wildcard")
        if self._wildcards > MAX_WILDCARD_SELECTORS:
            raise self._refused(tokens[0], f"at most {MAX_WILDCARD_SELECTORS} selectors of a pattern have wildcards")
        return nodes.Selector(tuple(_step(token) for token in tokens[1:]))

    # Space-delimited patterns

    def fields(self, slots: list[nodes.Slot | Token]) -> nodes.Fields:
        """Sort the slots around the ellipsis; `[]` has none and accepts every event."""
        if slots == [nodes.Slot()]:
            return nodes.Fields(ellipsis=True)
        dots = [index for index, slot in enumerate(slots) if isinstance(slot, Token)]
        if len(dots) > 1:
            raise self._refused(cast("Token", slots[dots[1]]), "... occurs once at most")
        at = dots[0] if dots else len(slots)
        before, after = cast("Sequence[nodes.Slot]", slots[:at]), cast("Sequence[nodes.Slot]", slots[at + 1 :])
        return nodes.Fields(tuple(before), bool(dots), tuple(after))

    def slot(self, children: list[Token | tuple[Token, nodes.Condition] | nodes.Condition]) -> nodes.Slot | Token:
        """Build a slot from its name, its conditions, or nothing; the ellipsis stays a token."""
        content = children[0] if children else None
        if content is None:
            return nodes.Slot()
        if isinstance(content, Token):
            return content if content.type == "ELLIPSIS" else nodes.Slot(str(content))
        condition = cast("nodes.Condition", content)
        names = list(dict.fromkeys(_names(condition)))
        if len(names) > 1:
            remedy = f"a slot's conditions are about its own field: put {names[1]} in a slot of its own"
            place = self._text.rfind(names[1])
            raise malformed("Invalid filter pattern", place + self._offset, remedy)
        return nodes.Slot(names[0], condition)

    def slot_comparison(self, children: list[object]) -> nodes.Condition:
        """Build a comparison of a slot's field."""
        name, operator, (token, value) = cast("tuple[Token, Token, tuple[Token, nodes.Text]]", children)
        return self._compared(nodes.Field(str(name)), operator, token, value)

    # Regular expressions

    def regex(self, alternatives: list[str]) -> nodes.Regex:
        """Join the alternatives in RE2's syntax."""
        return nodes.Regex("|".join(alternatives))

    def alternative(self, parts: list[str]) -> str:
        """Join the parts, each a repeated atom or an anchor."""
        return "".join(parts)

    def repeated(self, children: list[Token | None]) -> str:
        """Spell out the lower bound of a quantifier: RE2 takes `{,3}` for text."""
        atom, quantifier = children
        return f"{atom}{(quantifier or '').replace('{,', '{0,')}"

    def _compared(
        self, subject: nodes.Subject, operator: Token, token: Token, value: nodes.Text | nodes.Number | nodes.Regex
    ) -> nodes.Condition:
        if operator not in ORDERS:
            return nodes.Compare(subject, value, negated=operator == "!=")
        if not isinstance(value, nodes.Number):
            raise self._refused(token, f"{operator} compares with a number, without quotes or wildcards")
        return nodes.Ordered(subject, operator.value, value)

    def _wrong(self, token: Token | None) -> ServiceError:
        position = token.start_pos if token is not None and token.start_pos is not None else 0
        return complaint(self._kind, self._text, position, offset=self._offset)

    def _refused(self, token: Token, remedy: str) -> ServiceError:
        return malformed("Invalid filter pattern", (token.start_pos or 0) + self._offset, remedy)


def _unquoted(token: str) -> str:
    return ESCAPES.sub(r"\1", token[1:-1]) if token.startswith('"') else str(token)


def _wildcard(text: str) -> nodes.Text:
    """Read an asterisk at either end as an open end; inside it is an ordinary character."""
    open_start = text.startswith("*")
    open_end = len(text) > open_start and text.endswith("*")
    core = text[open_start : len(text) - open_end]
    return nodes.Text(core, open_start, open_end or text == "*")


def _step(token: Token) -> nodes.Step:
    if token.type == "INDEX_STEP":
        return nodes.Element(int(token[1:-1]))
    if token.type == "ANY_MEMBER":
        return nodes.AnyMember()
    if token.type == "ANY_ELEMENT":
        return nodes.AnyElement()
    return nodes.Member(str(token[1:]) if token.type == "NAME_STEP" else token[token.index("'") + 1 : -2])


def _names(condition: nodes.Condition) -> list[str]:
    if isinstance(condition, nodes.Every | nodes.Some):
        return [name for part in condition.parts for name in _names(part)]
    return [condition.subject.name] if isinstance(condition.subject, nodes.Field) else []
