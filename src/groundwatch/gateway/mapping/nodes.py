"""The syntax tree of a mapping template: what the parser makes and the compiler reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

BinaryOperator = OneOf["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||"]


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal string, number or boolean."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Interpolated:
    """A double-quoted string with references or directives inside."""

    block: Block


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class RangeLiteral:
    """`[first..last]`, both ends included, in either direction."""

    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """`{'k': v}`, in source order."""

    pairs: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator; word operators are stored as their symbols."""

    operator: BinaryOperator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Property:
    """`.name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """`[key]`."""

    key: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """`.name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name` and what follows it."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is written as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Set:
    """`#set(target = value)`; the last step of the target is never a call."""

    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    """The branches in order; `otherwise` is empty when there is no `#else`."""

    branches: tuple[tuple[Expression, Block], ...]
    otherwise: Block


@dataclass(frozen=True, slots=True)
class Foreach:
    """A loop over a list, a map's values or a range."""

    variable: str
    iterable: Expression
    body: Block


@dataclass(frozen=True, slots=True)
class Break:
    """Leaves the innermost loop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ends the template."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A named piece of template with parameters; a definition renders nothing."""

    name: str
    parameters: tuple[str, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class MacroCall:
    """`#name(arguments)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Define:
    """A block that is evaluated again at each use of its name."""

    name: str
    body: Block


@dataclass(frozen=True, slots=True)
class Block:
    """A sequence of text, references and directives."""

    children: tuple[Node, ...]


Step = Property | Index | Call
Expression = Constant | Interpolated | ListLiteral | RangeLiteral | MapLiteral | Not | Binary | Reference
Node = Text | Reference | Set | If | Foreach | Break | Stop | Macro | MacroCall | Define
