"""The steps of a JSONPath, as the parser makes them and the evaluator reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from groundwatch.gateway.mapping.regex import Regex


@dataclass(frozen=True, slots=True)
class Names:
    """`.name`, `['name']` or `['a','b']`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0]`, `[-1]` or `[0,2]`."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """`[first:last]`, the last excluded; either may be missing or count from the end."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*` or `[*]`."""


@dataclass(frozen=True, slots=True)
class Descend:
    """`..`: the next step is applied to the value and everything below it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(condition)]`."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Function:
    """A function at the end of the path, such as `.length()`."""

    name: str


@dataclass(frozen=True)
class Path:
    """Steps from the root, or from the current element when `relative`."""

    steps: tuple[Step, ...]
    relative: bool = False

    @cached_property
    def definite(self) -> bool:
        """True when the path names one place, so that the result is a value and not a list of them."""
        return all(
            isinstance(step, Function)
            or (isinstance(step, Names) and len(step.names) == 1)
            or (isinstance(step, Indexes) and len(step.indexes) == 1)
            for step in self.steps
        )

    @cached_property
    def member(self) -> str | None:
        """The name, when the path leads to one member of the root and no further."""
        if len(self.steps) != 1:
            return None
        (step,) = self.steps
        return step.names[0] if isinstance(step, Names) and len(step.names) == 1 else None


@dataclass(frozen=True, slots=True)
class Value:
    """A literal inside a condition."""

    value: Any


@dataclass(frozen=True, slots=True)
class Exists:
    """True when the path leads somewhere."""

    path: Path


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands compared; `in` and `nin` have a list on the right."""

    operator: str
    left: Path | Value
    right: Path | Value


@dataclass(frozen=True, slots=True)
class Matches:
    """`=~`: the text of the left side matches the expression as a whole."""

    left: Path | Value
    regex: Regex


@dataclass(frozen=True, slots=True)
class Negation:
    """`!(…)`."""

    operand: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions joined by `&&`."""

    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by `||`."""

    operands: tuple[Condition, ...]


Condition = Exists | Comparison | Matches | Negation | AllOf | AnyOf
Step = Names | Indexes | Slice | Wildcard | Descend | Filter | Function
