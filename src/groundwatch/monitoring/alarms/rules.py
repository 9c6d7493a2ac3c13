"""The rules of composite alarms: from text to a tree, and whether it is true of the states of other alarms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec
from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken, VisitError

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.model import Place

MAX_CHILDREN = 100
MAX_ELEMENTS = 500
MAX_DEPTH = 100
"""Levels of parentheses; the service names no limit, but evaluation is recursive."""
ALARM_ARN = re.compile(r"arn:aws[\w-]*:cloudwatch:(?P<region>[\w-]*):(?P<account>\d*):alarm:(?P<name>.+)", re.DOTALL)
OPERAND = "'(', 'NOT', AT_LEAST, TRUE or FALSE, ALARM, OK, or INSUFFICIENT_DATA"
LEXEME = re.compile(r"\w+|\S")
EXPECTED = {
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "COUNT": "a number or a percentage",
    "NAME": "the name or ARN of an alarm",
    "STATE": "ALARM, OK, or INSUFFICIENT_DATA",
    "$END": "<EOF>",
    "_AND": "'AND'",
    "_OR": "'OR'",
}
"""How messages name what could have followed."""


class Constant(msgspec.Struct, frozen=True):
    """TRUE or FALSE."""

    value: bool


class StateIs(msgspec.Struct, frozen=True):
    """An alarm has a state."""

    state: State
    name: str


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    node: Node


class Every(msgspec.Struct, frozen=True):
    """AND."""

    nodes: tuple[Node, ...]


class Some(msgspec.Struct, frozen=True):
    """OR."""

    nodes: tuple[Node, ...]


class AtLeast(msgspec.Struct, frozen=True):
    """A number, or a percentage, of alarms has, or has not, a state."""

    count: int
    is_percentage: bool
    negated: bool
    state: State
    names: tuple[str, ...]


Node = Constant | StateIs | Not | Every | Some | AtLeast


class Rule(msgspec.Struct, frozen=True):
    """A rule and the alarms that it looks at, in the order of their first mention."""

    node: Node
    names: tuple[str, ...]


def parse_rule(text: str, place: Place) -> Rule:
    """Return the rule; `ValidationError` with the place of the first fault, or for what cannot be referred to."""
    try:
        node = cast("Node", _parser().parse(text))
    except UnexpectedInput as error:
        raise _unsupported(text, error) from error
    except VisitError as error:
        raise error.orig_exc from error
    # Checked before anything walks the tree by recursion.
    if _depth(node) > MAX_DEPTH:
        raise rule_error(f"The rule nests more than {MAX_DEPTH} levels deep")
    mentions = list(_mentions(node))
    if _elements(node) > MAX_ELEMENTS:
        raise rule_error(f"The rule has more than {MAX_ELEMENTS} elements")
    names = {mention: _name(mention, place) for mention in mentions}
    # The same alarm may be mentioned by name and by ARN.
    children = tuple(dict.fromkeys(names.values()))
    if len(children) > MAX_CHILDREN:
        raise rule_error(f"The rule refers to more than {MAX_CHILDREN} alarms")
    return Rule(_renamed(node, names), children)


def holds(node: Node, states: Mapping[str, State]) -> bool:
    """Return whether a rule is true; an alarm that is not among the states has none."""
    match node:
        case Constant():
            return node.value
        case StateIs():
            return states.get(node.name) == node.state
        case Not():
            return not holds(node.node, states)
        case Every():
            return all(holds(part, states) for part in node.nodes)
        case Some():
            return any(holds(part, states) for part in node.nodes)
        case AtLeast():
            found = sum((states.get(name) == node.state) != node.negated for name in node.names)
            # In whole numbers, so that no share is lost to rounding.
            return found * 100 >= node.count * len(node.names) if node.is_percentage else found >= node.count


def rule_error(message: str) -> ServiceError:
    """Return the refusal of a rule."""
    return ServiceError("ValidationError", f"Error in AlarmRule [{message}]")


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = Path(__file__).with_name("rule.lark").read_text(encoding="utf-8")
    # With the builder inside the parser no tree is walked, so that deep nesting costs no stack.
    return Lark(grammar, parser="lalr", maybe_placeholders=True, transformer=_Builder())


class _Builder(Transformer[Token, Any]):
    """Makes nodes as the parser finds them."""

    def any(self, parts: list[Node]) -> Node:
        return Some(tuple(parts))

    def all(self, parts: list[Node]) -> Node:
        return Every(tuple(parts))

    def negated(self, parts: list[Node]) -> Node:
        inner = parts[0]
        # Thousands of NOTs fit into a rule; evaluated one within another they would exhaust the stack.
        return inner.node if isinstance(inner, Not) else Not(inner)

    def true(self, _parts: list[Token]) -> Node:
        return Constant(value=True)

    def false(self, _parts: list[Token]) -> Node:
        return Constant(value=False)

    def state_is(self, parts: list[Any]) -> Node:
        return StateIs(cast("State", str(parts[0])), parts[1])

    def at_least(self, parts: list[Any]) -> Node:
        count, negation, state, names = parts
        threshold = int(count.removesuffix("%"))
        if count.endswith("%") and not 1 <= threshold <= 100:
            raise ServiceError("ValidationError", "AT_LEAST percentage threshold must be between 1 and 100")
        if not count.endswith("%") and not 1 <= threshold <= len(names):
            message = f"AT_LEAST absolute threshold must be between 1 and number of alarms ({len(names)})"
            raise ServiceError("ValidationError", message)
        return AtLeast(threshold, count.endswith("%"), negation is not None, cast("State", str(state)), names)

    def references(self, parts: list[str]) -> tuple[str, ...]:
        return tuple(parts)

    def reference(self, parts: list[Token]) -> str:
        text = str(parts[0])
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _unsupported(text: str, error: UnexpectedInput) -> ServiceError:
    lexeme = LEXEME.match(text, _position(text, error))
    found, position = (lexeme.group(), lexeme.start()) if lexeme else ("<EOF>", len(text))
    accepted: set[str] = set(getattr(error, "accepts", None) or getattr(error, "allowed", None) or ())
    return rule_error(f"Unsupported token '{found}' at char {position}, must be: {_wanted(accepted)}")


def _position(text: str, error: UnexpectedInput) -> int:
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    # lark gives the end of the text the place of its last token.
    return len(text) if at_end else cast("int", error.pos_in_stream)


def _wanted(accepted: set[str]) -> str:
    # Every operand may begin here, which the service words as one list.
    if "TRUE" in accepted:
        return OPERAND
    if "_AND" in accepted:
        # In parentheses their end takes the place of the end of the rule.
        return f"{'<EOF>' if '$END' in accepted else EXPECTED['RPAR']}, 'AND', 'OR'"
    return ", ".join(wanted for terminal, wanted in EXPECTED.items() if terminal in accepted)


def _name(mention: str, place: Place) -> str:
    found = ALARM_ARN.fullmatch(mention)
    if found is None:
        return mention
    if found["region"] != place.region:
        raise rule_error(f"Wrong ARN region, it was {found['region']} but {place.region} was expected instead")
    if found["account"] != place.account_id:
        raise ServiceError(
            "ValidationError",
            "A composite alarm cannot have a child relation with alarms from another AWS account",
        )
    return found["name"]


def _parts(node: Node) -> Sequence[Node]:
    match node:
        case Not():
            return (node.node,)
        case Every() | Some():
            return node.nodes
        case _:
            return ()


def _everything(node: Node) -> Iterable[Node]:
    # A stack of our own: the depth is not checked yet when this runs.
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(_parts(found)))


def _depth(node: Node) -> int:
    depth, level = 0, [node]
    while level:
        depth, level = depth + 1, [part for found in level for part in _parts(found)]
    return depth


def _mentions(node: Node) -> Iterable[str]:
    for found in _everything(node):
        if isinstance(found, StateIs):
            yield found.name
        elif isinstance(found, AtLeast):
            yield from found.names


def _elements(node: Node) -> int:
    """Return how many states and constants a rule asks for."""
    sizes = (len(part.names) if isinstance(part, AtLeast) else not _parts(part) for part in _everything(node))
    return sum(sizes)


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    match node:
        case StateIs():
            return StateIs(node.state, names[node.name])
        case AtLeast():
            return msgspec.structs.replace(node, names=tuple(names[name] for name in node.names))
        case Not():
            return Not(_renamed(node.node, names))
        case Every():
            return Every(tuple(_renamed(part, names) for part in node.nodes))
        case Some():
            return Some(tuple(_renamed(part, names) for part in node.nodes))
        case Constant():
            return node
