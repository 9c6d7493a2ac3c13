"""What all pipelines of one statement share: the values that are bound, the names of columns, and named tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable


class Statement:
    """Hands out placeholders and names; subqueries of a query work on the same one as the query."""

    def __init__(self) -> None:
        self.parameters: dict[str, object] = {}
        self._bound: dict[tuple[str, str], str] = {}
        self._numbers = itertools.count(1)
        self._tables: dict[str, Callable[[], str]] = {}

    def bind(self, value: object, kind: str) -> str:
        """Return the placeholder of a constant; equal ones share one."""
        name = self._bound.setdefault((kind, repr(value)), f"insights_{len(self._bound)}")
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def new_name(self) -> str:
        """Return a column name that nothing has."""
        # Of one length, so that no name is the beginning of another.
        return f"c_{next(self._numbers):06d}"

    def table(self, render: Callable[[], str]) -> str:
        """Return the name of a SELECT, which is rendered when all of the query is known."""
        name = f"table_{next(self._numbers):06d}"
        self._tables[name] = render
        return name

    def tables(self) -> str:
        """Return the named SELECTs for the WITH of the statement, each behind a comma."""
        return "".join(f", {name} AS ({render()})" for name, render in self._tables.items())
