"""Policy text with variables: `${key}`, `${key, 'default'}` and the literals `${*}`, `${?}`, `${$}`.

A substituted value is text, never a pattern: a tag whose value is `*` must not open everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.glob import Glob, Token, Wild, tokenize
from groundwatch.identity.policy.keys import MULTI_VALUED, RequestKeys

LITERALS = frozenset("*?$")


class Variable(msgspec.Struct, frozen=True):
    """A place that takes the value of a condition key."""

    key: str
    """Lower-case name of the condition key."""
    default: str | None = None

    def value(self, keys: RequestKeys) -> str | None:
        """Return the text to insert, or None when there is none; sets have no single value and yield None."""
        values = keys.find(self.key)
        if not values:
            return self.default
        # The default is for absent keys only.
        if len(values) > 1 or self.key in MULTI_VALUED:
            return None
        return values[0]


Part = str | Wild | Variable


class Template:
    """A text of a policy, ready to be resolved against a request."""

    __slots__ = ("_tokens", "parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)
        fixed = tuple(part for part in self.parts if not isinstance(part, Variable))
        self._tokens: tuple[Token, ...] | None = fixed if len(fixed) == len(self.parts) else None

    @property
    def fixed_tokens(self) -> tuple[Token, ...] | None:
        """The tokens when no variable occurs, so that they can be compiled beforehand."""
        return self._tokens

    def resolve(self, keys: RequestKeys) -> tuple[Token, ...] | None:
        """Return the tokens with every variable replaced, or None when one has neither value nor default."""
        if self._tokens is not None:
            return self._tokens
        tokens: list[Token] = []
        for part in self.parts:
            token = part.value(keys) if isinstance(part, Variable) else part
            if token is None:
                return None
            tokens.append(token)
        return tuple(tokens)


class Pattern:
    """A glob whose variables, if any, are filled in for each request."""

    __slots__ = ("_glob", "_template")

    def __init__(self, template: Template) -> None:
        self._template = template
        fixed = template.fixed_tokens
        self._glob = None if fixed is None else Glob(fixed)

    def matches(self, text: str, keys: RequestKeys) -> bool:
        """Tell whether `text` fits; False when a variable has no value."""
        if self._glob is not None:
            return self._glob.matches(text)
        tokens = self._template.resolve(keys)
        return tokens is not None and Glob(tokens).matches(text)


def parse_template(text: str, *, variables: bool, wildcards: bool) -> Template:
    """Parse `text`.

    Without `variables` (policy version 2008-10-17) `${…}` is literal text; without `wildcards` so are `*` and `?`.
    """
    parts: list[Part] = []
    position = 0
    while variables and (start := text.find("${", position)) >= 0:
        end = text.find("}", start)
        if end < 0:
            raise MalformedPolicyError("Syntax errors in policy.", f"unfinished policy variable in {text!r}")
        _append_text(parts, text[position:start], wildcards=wildcards)
        # Literals such as ${*} become text here, so they never turn into wildcards.
        parts.append(_parse_variable(text[start + 2 : end]))
        position = end + 1
    _append_text(parts, text[position:], wildcards=wildcards)
    return Template(parts)


def _append_text(parts: list[Part], text: str, *, wildcards: bool) -> None:
    if wildcards:
        parts.extend(tokenize(text))
    elif text:
        parts.append(text)


def _parse_variable(inner: str) -> Part:
    if inner in LITERALS:
        return inner
    name, comma, rest = inner.partition(",")
    name, rest = name.strip(), rest.strip()
    if ":" not in name or "$" in name:
        raise MalformedPolicyError("Syntax errors in policy.", f"{name!r} is not a condition key")
    if not comma:
        return Variable(name.lower())
    if len(rest) < 2 or rest[0] != "'" or rest[-1] != "'" or "'" in rest[1:-1]:
        raise MalformedPolicyError("Syntax errors in policy.", f"the default of {name!r} must stand in single quotes")
    return Variable(name.lower(), rest[1:-1])
