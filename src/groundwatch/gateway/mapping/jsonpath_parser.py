"""Parser of JSONPath as Jayway understands it; linear, with bounded nesting."""

from __future__ import annotations

import re

from groundwatch.gateway.mapping import jsonpath_nodes as nodes
from groundwatch.gateway.mapping.errors import TemplateSyntaxError
from groundwatch.gateway.mapping.regex import Regex
from groundwatch.gateway.mapping.values import VtlValue

MAX_PATH_CHARACTERS = 4096
MAX_FILTER_NESTING = 16
FUNCTIONS = frozenset({"length", "size", "min", "max", "sum", "avg", "keys"})
_NAME = re.compile(r"[^\s.\[\]()'\",?*@&|!=<>~:]+")
_INTEGER = re.compile(r"-?\d{1,9}(?![\d.])")
_NUMBER = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_OPERATOR = re.compile(r"==|!=|<=|>=|=~|<|>|(?:in|nin)(?![A-Za-z0-9_])")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_BLANKS = re.compile(r"\s*")


def parse_path(text: str) -> nodes.Path:
    """Parse a path; one that does not begin with `$` is taken from the root.

    Raises:
        TemplateSyntaxError: for text that is not a path, and for functions and operators that are not available.
    """
    parser = _Parser(text)
    if len(text) > MAX_PATH_CHARACTERS:
        raise parser.fail(f"path has more than {MAX_PATH_CHARACTERS} characters")
    return parser.whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._position = 0
        self._depth = 0

    def fail(self, problem: str) -> TemplateSyntaxError:
        return TemplateSyntaxError(f"JSONPath {self._text[:80]!r}: {problem}", self._text, self._position)

    def whole(self) -> nodes.Path:
        steps: list[nodes.Step] = []
        if not self._accept("$") and self._text[:1] not in ("[", "."):
            steps.append(self._name_step())
        steps += self._steps()
        if self._position < len(self._text):
            raise self.fail("unexpected text")
        return nodes.Path(tuple(steps))

    def _accept(self, wanted: str) -> bool:
        if not self._text.startswith(wanted, self._position):
            return False
        self._position += len(wanted)
        return True

    def _expect(self, wanted: str) -> None:
        self._blanks()
        if not self._accept(wanted):
            raise self.fail(f"expected {wanted!r}")

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self._position)
        if match is None:
            return None
        self._position = match.end()
        return match.group()

    def _blanks(self) -> None:
        self._take(_BLANKS)

    def _steps(self) -> list[nodes.Step]:
        steps: list[nodes.Step] = []
        while True:
            if self._accept(".."):
                steps.append(nodes.Descend())
                steps.append(self._bracket() if self._accept("[") else self._name_step())
            elif self._accept("."):
                steps.append(self._name_step())
            elif self._accept("["):
                steps.append(self._bracket())
            else:
                return steps

    def _name_step(self) -> nodes.Step:
        if self._accept("*"):
            return nodes.Wildcard()
        name = self._take(_NAME)
        if name is None:
            raise self.fail("expected a name")
        if not self._accept("()"):
            return nodes.Names((name,))
        if name not in FUNCTIONS:
            raise self.fail(f"function {name}() is not available")
        return nodes.Function(name)

    def _bracket(self) -> nodes.Step:
        self._blanks()
        if self._accept("*"):
            step: nodes.Step = nodes.Wildcard()
        elif self._accept("?"):
            self._expect("(")
            step = nodes.Filter(self._any_of())
            self._expect(")")
        elif self._text[self._position : self._position + 1] in ("'", '"'):
            step = self._names()
        else:
            step = self._numbers()
        self._expect("]")
        return step

    def _names(self) -> nodes.Names:
        names = [self._quoted()]
        self._blanks()
        while self._accept(","):
            self._blanks()
            names.append(self._quoted())
            self._blanks()
        return nodes.Names(tuple(names))

    def _quoted(self) -> str:
        quote = self._text[self._position : self._position + 1]
        if quote not in ("'", '"'):
            raise self.fail("expected a quoted text")
        parts: list[str] = []
        position = self._position + 1
        while position < len(self._text) and self._text[position] != quote:
            position += self._text[position] == "\\"
            parts.append(self._text[position : position + 1])
            position += 1
        if position >= len(self._text):
            raise self.fail("text without end")
        self._position = position + 1
        return "".join(parts)

    def _number(self) -> int | None:
        self._blanks()
        digits = self._take(_INTEGER)
        self._blanks()
        return None if digits is None else int(digits)

    def _numbers(self) -> nodes.Step:
        first = self._number()
        if self._accept(":"):
            return nodes.Slice(first, self._number())
        if first is None:
            raise self.fail("expected an index")
        indexes = [first]
        while self._accept(","):
            following = self._number()
            if following is None:
                raise self.fail("expected an index")
            indexes.append(following)
        return nodes.Indexes(tuple(indexes))

    def _any_of(self) -> nodes.Condition:
        self._depth += 1
        if self._depth > MAX_FILTER_NESTING:
            raise self.fail(f"more than {MAX_FILTER_NESTING} levels of nesting")
        operands = [self._all_of()]
        while self._accept("||"):
            operands.append(self._all_of())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else nodes.AnyOf(tuple(operands))

    def _all_of(self) -> nodes.Condition:
        operands = [self._condition()]
        self._blanks()
        while self._accept("&&"):
            operands.append(self._condition())
            self._blanks()
        return operands[0] if len(operands) == 1 else nodes.AllOf(tuple(operands))

    def _condition(self) -> nodes.Condition:
        self._blanks()
        if self._accept("!"):
            self._expect("(")
            negated = nodes.Negation(self._any_of())
            self._expect(")")
            return negated
        if self._accept("("):
            inner = self._any_of()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> nodes.Condition:
        left = self._operand()
        self._blanks()
        operator = self._take(_OPERATOR)
        if operator is None:
            if isinstance(left, nodes.Path):
                return nodes.Exists(left)
            raise self.fail("expected an operator")
        self._blanks()
        if operator == "=~":
            return nodes.Matches(left, self._regex())
        return nodes.Comparison(operator, left, self._operand())

    def _operand(self) -> nodes.Path | nodes.Value:
        self._blanks()
        if self._accept("@"):
            return nodes.Path(tuple(self._nested_steps()), relative=True)
        if self._accept("$"):
            return nodes.Path(tuple(self._nested_steps()))
        if self._accept("["):
            return nodes.Value(self._list())
        return nodes.Value(self._literal())

    def _nested_steps(self) -> list[nodes.Step]:
        self._depth += 1
        if self._depth > MAX_FILTER_NESTING:
            raise self.fail(f"more than {MAX_FILTER_NESTING} levels of nesting")
        steps = self._steps()
        self._depth -= 1
        return steps

    def _list(self) -> list[VtlValue]:
        items: list[VtlValue] = []
        self._blanks()
        while not self._accept("]"):
            if items:
                self._expect(",")
                self._blanks()
            items.append(self._literal())
            self._blanks()
        return items

    def _literal(self) -> VtlValue:
        if self._text[self._position : self._position + 1] in ("'", '"'):
            return self._quoted()
        number = self._take(_NUMBER)
        if number is not None:
            return int(number) if number.lstrip("-").isdigit() else float(number)
        word = self._take(_NAME)
        if word not in _WORDS:
            raise self.fail("expected a value")
        return _WORDS[word]

    def _regex(self) -> Regex:
        if not self._accept("/"):
            raise self.fail("expected /expression/")
        start = self._position
        while self._position < len(self._text) and self._text[self._position] != "/":
            self._position += 2 if self._text[self._position] == "\\" else 1
        pattern = self._text[start : self._position]
        self._expect("/")
        return Regex(f"(?i){pattern}" if self._accept("i") else pattern)
