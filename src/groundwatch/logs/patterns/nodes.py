"""The syntax tree of a filter pattern: frozen values that say what must hold, not how to test it.

A pattern is one of five kinds (`Pattern`). JSON patterns and the slots of space-delimited patterns hold conditions
(`Condition`), which compare what a selector finds, or what stands in a field, with a value.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Order = Literal["<", ">", "<=", ">="]


class Node(msgspec.Struct, frozen=True):
    """A node of the tree; equal nodes mean the same."""


class MatchAll(Node, frozen=True):
    """The empty pattern: every event."""


class Terms(Node, frozen=True):
    """Substrings of the message, compared case-sensitively.

    `optional` counts only while the other two are empty: the User Guide says that `?` terms are ignored beside others.
    """

    required: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


class Regex(Node, frozen=True):
    """A regular expression of the documented alphabet, in RE2's syntax; it matches anywhere in its subject.

    Alone it is a pattern over the whole message, in a condition a value.
    """

    expression: str


class Text(Node, frozen=True):
    """Text that a value must be; an open end (`*` in the pattern) admits anything there."""

    text: str
    open_start: bool = False
    open_end: bool = False


class Number(Node, frozen=True):
    """A number as the pattern spells it: a sign, digits, a fraction, an exponent."""

    spelled: str


class Member(Node, frozen=True):
    """A step of a selector to the property with this name."""

    name: str


class Element(Node, frozen=True):
    """A step of a selector to the element at this index, counted from zero."""

    index: int


class AnyMember(Node, frozen=True):
    """A step of a selector to every property value of an object."""


class AnyElement(Node, frozen=True):
    """A step of a selector to every element of an array."""


Step = Member | Element | AnyMember | AnyElement


class Selector(Node, frozen=True):
    """A path from the top of a JSON message."""

    steps: tuple[Step, ...]


class Field(Node, frozen=True):
    """The field of a space-delimited message that a slot stands for, in a condition of that slot."""

    name: str


Subject = Selector | Field


class Compare(Node, frozen=True):
    """`=` and, negated, `!=`. Holds for no subject that selects nothing, null, an object or an array."""

    subject: Subject
    value: Text | Number | Regex
    negated: bool = False


class Ordered(Node, frozen=True):
    """`<`, `>`, `<=` and `>=` between numbers; false for everything that is not a number."""

    subject: Subject
    order: Order
    number: Number


class Is(Node, frozen=True):
    """`IS NULL`, `IS TRUE` and `IS FALSE`: exactly that JSON value, and not its absence."""

    subject: Selector
    literal: Literal["null", "true", "false"]


class Missing(Node, frozen=True):
    """`NOT EXISTS`: the message is a JSON object in which the selector finds nothing."""

    subject: Selector


class Every(Node, frozen=True):
    """Conditions joined by `&&`."""

    parts: tuple[Condition, ...]


class Some(Node, frozen=True):
    """Conditions joined by `||`."""

    parts: tuple[Condition, ...]


Condition = Compare | Ordered | Is | Missing | Every | Some


class Json(Node, frozen=True):
    """A `{ … }` pattern: the message is a JSON object that satisfies the condition."""

    condition: Condition


class Slot(Node, frozen=True):
    """A place for one field of a space-delimited message; it has a name unless the pattern left it empty."""

    name: str | None = None
    condition: Condition | None = None


class Fields(Node, frozen=True):
    """A `[ … ]` pattern: slots that align with the message's fields from the left and, after `...`, from the right."""

    before: tuple[Slot, ...] = ()
    ellipsis: bool = False
    after: tuple[Slot, ...] = ()


Pattern = MatchAll | Terms | Regex | Json | Fields
PATTERNS: tuple[type[Node], ...] = (MatchAll, Terms, Regex, Json, Fields)
CONDITIONS: tuple[type[Node], ...] = (Compare, Ordered, Is, Missing, Every, Some)
VALUES: tuple[type[Node], ...] = (Text, Number, Regex)
PARTS: tuple[type[Node], ...] = (Slot, Selector, Field, Member, Element, AnyMember, AnyElement)
"""What conditions are made of. The four tuples name every class of node; a test compares them with this module."""
