"""Running templates without holding up the event loop.

Most templates take microseconds and run at once. One that is long, reads a large payload or turns out to need many
steps runs again from the start in a thread, where it shares the interpreter fairly with everybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import MappingError, TemplateLimitError, TemplateSyntaxError
from groundwatch.gateway.mapping.run import Scope
from groundwatch.gateway.mapping.template import Template

MAX_STEPS = 1_000_000
"""What one evaluation may use: about a second at worst."""
INLINE_STEPS = 10_000
"""What an evaluation may use on the event loop: a few milliseconds."""
INLINE_CHARACTERS = 64 * 1024
"""Templates and payloads up to this length are tried on the event loop first."""


class TemplateSource:
    """The text of a template, compiled at its first use; kept with its deployment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled: Template | None = None
        self._problem: str | None = None

    def compiled(self) -> Template:
        """Return the template.

        Raises:
            MappingError: when the text is not one, each time.
        """
        if self._problem is not None:
            raise MappingError(self._problem)
        if self._compiled is None:
            try:
                self._compiled = Template(self.text)
            except TemplateSyntaxError as error:
                self._problem = str(error)
                raise
        return self._compiled


class TemplateRunner:
    """Renders templates, in `executor` when they are not small."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    async def render(
        self, source: TemplateSource, make_scope: Callable[[frozenset[str]], Scope], payload_characters: int
    ) -> tuple[str, Scope]:
        """Return the output and the variables as the template left them.

        `make_scope` gives fresh variables for each attempt, of those names at least; it may be called in a thread.

        Raises:
            MappingError: when the template is at fault.
            PayloadError: when the payload is.
        """
        if len(source.text) + payload_characters <= INLINE_CHARACTERS:
            try:
                return _render(source, make_scope, INLINE_STEPS)
            except TemplateLimitError:
                pass  # Too much for the loop; the thread decides whether it is too much altogether.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _render, source, make_scope, MAX_STEPS)


def _render(source: TemplateSource, make_scope: Callable[[frozenset[str]], Scope], steps: int) -> tuple[str, Scope]:
    template = source.compiled()
    scope = make_scope(template.names)
    return template.render(scope, Budget(steps)), scope
