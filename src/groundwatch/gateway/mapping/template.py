"""A mapping template: parsed once, rendered for each message within a budget."""

from __future__ import annotations

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.compiler import compile_template
from groundwatch.gateway.mapping.errors import TemplateLimitError, TemplateSyntaxError
from groundwatch.gateway.mapping.jsonpath import PathCache
from groundwatch.gateway.mapping.parser import parse_template
from groundwatch.gateway.mapping.regex import RegexCache
from groundwatch.gateway.mapping.run import BreakLoop, Executable, Run, Scope, StopTemplate


class Template:
    """A compiled template; may be rendered from several threads at once.

    Raises:
        TemplateSyntaxError: at construction, for text that is not a template.
    """

    def __init__(self, text: str) -> None:
        self._execute, self.names = _compile(text)
        """The variables that the template mentions: others need not be in its scope."""
        self._paths = PathCache()
        self._regexes = RegexCache()

    def render(self, scope: Scope, budget: Budget) -> str:
        """Evaluate the template with these variables, which it may change.

        Raises:
            MappingError: when the template asks for something that does not exist, or exceeds the budget.
            PayloadError: when it reads JSON from a payload that is none.
        """
        run = Run(scope, budget, self._paths, self._regexes)
        try:
            self._execute(run)
        except (StopTemplate, BreakLoop):
            pass  # Both end the template here; what was written so far is the result.
        except RecursionError as error:
            raise TemplateLimitError("the template or its values nest too deeply") from error
        return "".join(run.out)


def _compile(text: str) -> tuple[Executable, frozenset[str]]:
    try:
        return compile_template(parse_template(text))
    except RecursionError as error:
        raise TemplateSyntaxError("the template nests too deeply", text, 0) from error
