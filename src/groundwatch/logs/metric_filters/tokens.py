"""The fields of a message that a pattern gives names to, as metric values and dimensions refer to them.

`$.path` is what a selector of a JSON pattern finds, `$name` and `$7` are fields of a space-delimited pattern. Patterns
of other kinds name none. A value can only be what the pattern mentions (User Guide, metric filter syntax); a dimension
can be any field of a JSON event, as deployed examples of the CDK show (its integration test `metricfilter-dimensions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.document import read_object
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import text_of
from groundwatch.logs.patterns.selection import select
from groundwatch.logs.patterns.text import pattern_text
from groundwatch.logs.subscriptions.extraction import field_extractor

ReadTokens = Callable[[str], Mapping[str, str]]
"""Returns the values of a matching message by token."""


def token_reader(pattern: nodes.Pattern, others: Iterable[str] = ()) -> ReadTokens:
    """Return the function that gives a matching message's values by token; always empty for terms and expressions.

    `others` are canonical tokens of dimensions, which a JSON pattern need not mention.
    """
    if isinstance(pattern, nodes.Json):
        named = [selector for selector in map(_selector_of, others) if selector is not None]
        return _json_reader([*_selectors(pattern.condition), *named])
    extract = field_extractor(pattern)
    if extract is None:
        return lambda _message: {}

    def read(message: str) -> Mapping[str, str]:
        found = extract(message) or {}
        return {f"${name}": value for name, value in found.items()}

    return read


def canonical_token(pattern: nodes.Pattern, token: str) -> str | None:
    """Return the token as `token_reader` spells it; None when the pattern does not mention it."""
    if isinstance(pattern, nodes.Fields):
        return token if _is_slot(pattern, token) else None
    if isinstance(pattern, nodes.Json):
        selector = _selector_of(token)
        return pattern_text(selector) if selector and selector in _selectors(pattern.condition) else None
    return None


def dimension_token(pattern: nodes.Pattern, token: str) -> str | None:
    """Return the token of a dimension as `token_reader` spells it; None when events of the pattern cannot have it."""
    if isinstance(pattern, nodes.Json):
        selector = _selector_of(token)
        return pattern_text(selector) if selector is not None else None
    return canonical_token(pattern, token)


def _json_reader(wanted: Iterable[nodes.Selector]) -> ReadTokens:
    selectors = {pattern_text(selector): selector.steps for selector in wanted}

    def read(message: str) -> Mapping[str, str]:
        document = read_object(message)
        found = {}
        for token, steps in selectors.items():
            # Of several that a wildcard finds, the first that is no object or array speaks for all.
            text = next((text for text in map(text_of, select(steps, document)) if text is not None), None)
            if text is not None:
                found[token] = text
        return found

    return read


def _is_slot(pattern: nodes.Fields, token: str) -> bool:
    name = token.removeprefix("$")
    slots = [*pattern.before, *pattern.after]
    if any(slot.name == name for slot in slots):
        return True
    if not (name.isascii() and name.isdigit() and name[0] != "0"):
        return False
    # Behind an ellipsis positions are those of the message, whatever its length.
    unnamed = [str(position) for position, slot in enumerate(slots, 1) if slot.name is None]
    return pattern.ellipsis or name in unnamed


def _selector_of(token: str) -> nodes.Selector | None:
    """Read a selector with the grammar of patterns, which has no rule of its own for one."""
    try:
        tree = parse_pattern(f"{{ {token} IS NULL }}")
    except ServiceError:
        return None
    condition = tree.condition if isinstance(tree, nodes.Json) else None
    return condition.subject if isinstance(condition, nodes.Is) else None


def _selectors(condition: nodes.Condition) -> Iterator[nodes.Selector]:
    if isinstance(condition, nodes.Every | nodes.Some):
        for part in condition.parts:
            yield from _selectors(part)
    elif isinstance(condition.subject, nodes.Selector):
        yield condition.subject
