"""One evaluation of a template: its variables, its output, its budget, and the ways out of it."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.gateway.mapping.budget import MAX_TEXT_CHARACTERS, Budget
from groundwatch.gateway.mapping.errors import TemplateLimitError
from groundwatch.gateway.mapping.jsonpath import PathCache
from groundwatch.gateway.mapping.regex import RegexCache
from groundwatch.gateway.mapping.values import TemplateObject, VtlValue

Scope = dict[str, VtlValue]


class Run:
    """One evaluation of a template: its variables, its output and its budget."""

    __slots__ = ("_written", "budget", "macros", "out", "paths", "regexes", "scope")

    def __init__(self, scope: Scope, budget: Budget, paths: PathCache, regexes: RegexCache) -> None:
        self.scope = scope
        self.budget = budget
        self.paths = paths
        self.regexes = regexes
        self.macros: dict[str, CompiledMacro] = {}
        self.out: list[str] = []
        self._written = 0

    def write(self, text: str) -> None:
        """Add to the output, which has the payload limit."""
        self._written += len(text)
        if self._written > MAX_TEXT_CHARACTERS:
            raise TemplateLimitError(f"the output has more than {MAX_TEXT_CHARACTERS} characters")
        self.out.append(text)

    def capture(self, block: Executable) -> str:
        """Evaluate a block and return what it wrote."""
        outer, self.out = self.out, []
        written = self._written
        try:
            block(self)
            text = "".join(self.out)
        finally:
            self.out = outer
            self._written = written
        self.budget.charge_text(len(text))
        return text


Evaluable = Callable[[Run], VtlValue]
Executable = Callable[[Run], None]


class CompiledMacro:
    """A macro that the evaluation has met."""

    __slots__ = ("body", "parameters")

    def __init__(self, parameters: tuple[str, ...], body: Executable) -> None:
        self.parameters = parameters
        self.body = body


class DefinedBlock(TemplateObject):
    """The value of a name that `#define` made: rendered again at each use."""

    def __init__(self, body: Executable) -> None:
        self.body = body

    def render(self, run: Run) -> str:
        """Evaluate the block."""
        run.budget.enter()
        text = run.capture(self.body)
        run.budget.leave()
        return text


class BreakLoop(Exception):  # noqa: N818 -- control flow, not an error
    """`#break`."""


class StopTemplate(Exception):  # noqa: N818 -- control flow, not an error
    """`#stop`."""
