"""From the text of a filter pattern to its syntax tree."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.patterns.nodes import MatchAll, Pattern, Terms

ESCAPES = re.compile(r'\\(["\\])')
DISALLOWED = re.compile(r'[^A-Za-z0-9_"\s?-]+')
LATER = (
    ("{", "}", "A JSON filter pattern"),
    ("[", "]", "A space-delimited filter pattern"),
    ("%", "%", "A regular expression filter pattern"),
)


def parse_pattern(text: str) -> Pattern:
    """Return the syntax tree of a filter pattern.

    Raises `InvalidParameterException` with the service's text for a malformed pattern, and `NotImplementedByServer`
    for a kind of pattern that this server does not understand yet.
    """
    trimmed = text.strip()
    if not trimmed:
        return MatchAll()
    for opening, closing, kind in LATER:
        if trimmed.startswith(opening) and trimmed.endswith(closing) and len(trimmed) > 1:
            raise NotImplementedByServer(kind)
    try:
        tree = _terms_parser().parse(trimmed)
    except UnexpectedInput as error:
        raise ServiceError("InvalidParameterException", _complaint(trimmed, error)) from error
    return _terms(tree)


@lru_cache(maxsize=1)
def _terms_parser() -> Lark:
    grammar = Path(__file__).with_name("terms.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True)


def _terms(tree: Tree[Token]) -> Pattern:
    found: dict[str, list[str]] = {"": [], "-": [], "?": []}
    for item in tree.children:
        assert isinstance(item, Tree)  # noqa: S101 - the grammar has no bare tokens at the top
        mark, term = item.children
        text = _unquoted(str(term))
        # A quoted term of white space alone matches every event, also one without a space in it (User Guide, `" "`).
        if text.strip():
            found[str(mark.children[0]) if isinstance(mark, Tree) else ""].append(text)
    if not any(found.values()):
        return MatchAll()
    return Terms(required=tuple(found[""]), excluded=tuple(found["-"]), optional=tuple(found["?"]))


def _unquoted(term: str) -> str:
    return ESCAPES.sub(r"\1", term[1:-1]) if term.startswith('"') else term


def _complaint(text: str, error: UnexpectedInput) -> str:
    """The service names the offending run of characters; this server adds where it stands."""
    if not isinstance(error, UnexpectedCharacters):
        return "Invalid filter pattern"
    rest = text[error.pos_in_stream :]
    run = '""' if rest.startswith('""') else (DISALLOWED.match(rest) or re.match(".", rest, re.DOTALL))
    shown = run if isinstance(run, str) else run.group() if run else rest[:1]
    if shown == '"':
        return "Invalid filter pattern"
    return f"Invalid filter pattern: Invalid character(s) in term '{shown}'"
