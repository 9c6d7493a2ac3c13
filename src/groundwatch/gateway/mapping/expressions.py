"""Parser of what stands inside references and directives: expressions, as in Velocity 1.7.

Hand-written and linear: every character is looked at a bounded number of times, and nesting is bounded, so that no
text can keep the parser busy. (A grammar with backtracking takes seconds for a nested list of a hundred characters.)
"""

from __future__ import annotations

import re

from groundwatch.gateway.mapping import nodes
from groundwatch.gateway.mapping.errors import TemplateSyntaxError

MAX_NESTING = 48
"""How deep blocks and expressions may nest; real templates stay below ten."""
MAX_OPERATORS = 200
"""How many operators one expression may chain; each is a level of the tree that is walked at evaluation."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_BLANKS = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?\d+(\.\d+(?:[eE][+-]?\d+)?)?")
_OPERATOR = re.compile(r"&&|\|\||[<>=!]=|[-+*/%<>]|(?:and|or|eq|ne|lt|le|gt|ge)(?![A-Za-z0-9_-])")
_NOT = re.compile(r"!|not(?![A-Za-z0-9_-])")
_WORDS: dict[str, bool] = {"true": True, "false": False}

_SYMBOLS: dict[str, nodes.BinaryOperator] = {
    "||": "||", "or": "||", "&&": "&&", "and": "&&", "==": "==", "eq": "==", "!=": "!=", "ne": "!=",
    "<": "<", "lt": "<", "<=": "<=", "le": "<=", ">": ">", "gt": ">", ">=": ">=", "ge": ">=",
    "+": "+", "-": "-", "*": "*", "/": "/", "%": "%",
}  # fmt: skip
_PRECEDENCE: dict[nodes.BinaryOperator, int] = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip


class ExpressionParser:
    """Reads expressions from `text`, starting at `position`, which moves as text is understood."""

    def __init__(self, text: str, *, depth: int = 0) -> None:
        self.text = text
        self.position = 0
        self.depth = depth

    def interpolate(self, text: str) -> nodes.Block:
        """Parse the inside of a double-quoted string; the template parser knows how."""
        raise NotImplementedError

    def fail(self, problem: str) -> TemplateSyntaxError:
        """Return the error for the current place."""
        return TemplateSyntaxError(problem, self.text, self.position)

    def at(self, wanted: str) -> bool:
        """Tell whether `wanted` comes next."""
        return self.text.startswith(wanted, self.position)

    def accept(self, wanted: str) -> bool:
        """Move over `wanted` if it comes next."""
        if not self.at(wanted):
            return False
        self.position += len(wanted)
        return True

    def expect(self, wanted: str) -> None:
        """Move over `wanted`, which must come next."""
        if not self.accept(wanted):
            raise self.fail(f"expected {wanted!r}")

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Move over what `pattern` matches here and return it, or return None."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def skip_blanks(self) -> None:
        """Move over white space."""
        self.take(_BLANKS)

    def enter(self) -> None:
        """Count one more level of nesting."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.fail(f"more than {MAX_NESTING} levels of nesting")

    def leave(self) -> None:
        """Count one level less."""
        self.depth -= 1

    def identifier(self) -> str:
        """Read a name."""
        name = self.take(IDENTIFIER)
        if name is None:
            raise self.fail("expected a name")
        return name

    def expression(self, minimum: int = 0) -> nodes.Expression:
        """Read an expression whose operators bind at least as tightly as `minimum`."""
        self.enter()
        left = self._operand()
        chained = 0
        while (operator := self._operator(minimum)) is not None:
            chained += 1
            if chained > MAX_OPERATORS:
                raise self.fail(f"more than {MAX_OPERATORS} operators in one expression")
            right = self.expression(_PRECEDENCE[operator] + 1)
            left = nodes.Binary(operator, left, right)
        self.leave()
        return left

    def _operator(self, minimum: int) -> nodes.BinaryOperator | None:
        start = self.position
        self.skip_blanks()
        word = self.take(_OPERATOR)
        if word is not None:
            symbol = _SYMBOLS[word]
            if _PRECEDENCE[symbol] >= minimum:
                return symbol
        self.position = start
        return None

    def _operand(self) -> nodes.Expression:
        self.skip_blanks()
        if self.take(_NOT):
            self.enter()
            operand = nodes.Not(self._operand())
            self.leave()
            return operand
        if self.accept("("):
            inner = self.expression()
            self.skip_blanks()
            self.expect(")")
            return inner
        return self._primary()

    def _primary(self) -> nodes.Expression:  # noqa: PLR0911 -- one return a kind of literal
        if self.at("$"):
            return self.reference()
        if self.at("'"):
            return nodes.Constant(self._quoted("'"))
        if self.at('"'):
            content = self._quoted('"')
            if "$" in content or "#" in content:
                return nodes.Interpolated(self.interpolate(content))
            return nodes.Constant(content)
        if self.accept("["):
            return self._list()
        if self.accept("{"):
            return self._map()
        return self._word_or_number()

    def _word_or_number(self) -> nodes.Constant:
        number = self.take(_NUMBER)
        if number is not None:
            return nodes.Constant(float(number) if "." in number else self._integer(number))
        start = self.position
        word = self.take(IDENTIFIER)
        if word in _WORDS:
            return nodes.Constant(_WORDS[word])
        self.position = start
        raise self.fail("expected a value")

    def _integer(self, digits: str) -> int:
        if len(digits) > 100:
            raise self.fail("number is too long")
        return int(digits)

    def _quoted(self, quote: str) -> str:
        # There are no escapes in strings; a doubled quote is one quote.
        start = self.position + 1
        end = self.text.find(quote, start)
        while end >= 0 and self.text.startswith(quote, end + 1):
            end = self.text.find(quote, end + 2)
        if end < 0:
            raise self.fail("string without end")
        self.position = end + 1
        return self.text[start:end].replace(quote * 2, quote)

    def _list(self) -> nodes.ListLiteral | nodes.RangeLiteral:
        self.skip_blanks()
        if self.accept("]"):
            return nodes.ListLiteral(())
        first = self.expression()
        self.skip_blanks()
        if self.accept(".."):
            last = self.expression()
            self.skip_blanks()
            self.expect("]")
            return nodes.RangeLiteral(first, last)
        return nodes.ListLiteral((first, *self._more("]")))

    def _more(self, closing: str) -> list[nodes.Expression]:
        """Read `, value` until the closing character, after a first value."""
        items: list[nodes.Expression] = []
        self.skip_blanks()
        while not self.accept(closing):
            self.expect(",")
            items.append(self.expression())
            self.skip_blanks()
        return items

    def _map(self) -> nodes.MapLiteral:
        pairs: list[tuple[nodes.Expression, nodes.Expression]] = []
        self.skip_blanks()
        while not self.accept("}"):
            if pairs:
                self.expect(",")
            key = self.expression()
            self.skip_blanks()
            self.expect(":")
            pairs.append((key, self.expression()))
            self.skip_blanks()
        return nodes.MapLiteral(tuple(pairs))

    def reference(self) -> nodes.Reference:
        """Read `$name…`, `$!name…`, `${name…}` or `$!{name…}`; the caller has seen the dollar sign."""
        self.expect("$")
        self.accept("!")
        braces = self.accept("{")
        name = self.identifier()
        steps = self._steps()
        if braces:
            self.expect("}")
        return nodes.Reference(name, steps)

    def _steps(self) -> tuple[nodes.Property | nodes.Index | nodes.Call, ...]:
        steps: list[nodes.Property | nodes.Index | nodes.Call] = []
        while True:
            if self.at(".") and IDENTIFIER.match(self.text, self.position + 1):
                self.position += 1
                name = self.identifier()
                steps.append(nodes.Call(name, self.arguments()) if self.accept("(") else nodes.Property(name))
            elif self.at("[") and self._looks_like_index():
                self.position += 1
                key = self.expression()
                self.skip_blanks()
                self.expect("]")
                steps.append(nodes.Index(key))
            else:
                return tuple(steps)

    def _looks_like_index(self) -> bool:
        # Text such as `$name[see below]` is not an index.
        match = _BLANKS.match(self.text, self.position + 1)
        following = match.end() if match else self.position + 1
        return self.text[following : following + 1] in tuple("$'\"-0123456789")

    def arguments(self) -> tuple[nodes.Expression, ...]:
        """Read `a, b)`; the opening parenthesis is behind."""
        self.skip_blanks()
        if self.accept(")"):
            return ()
        first = self.expression()
        return (first, *self._more(")"))
