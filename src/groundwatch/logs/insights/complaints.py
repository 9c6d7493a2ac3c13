"""What a query is told that does not follow the grammar: where, what was expected, and what was perhaps meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import cast

import msgspec
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from groundwatch.logs.insights.errors import Span, malformed, suggestion

MAX_DEPTH = 50
"""Parentheses, calls and negations within one another."""
WORD = re.compile(r"[A-Za-z_@]\w*")
LEXEME = re.compile(r"`[^`\n]*`|[A-Za-z_@][\w@.]*|\d[\w.]*|[=!<>~]+|\S")
COMMAND_TERMINALS = ("_WORD_", "JOIN_KIND")
"""What the terminals begin with that begin a command."""
QUOTES = {"'": "string", '"': "string", "`": "name"}
READABLE = {
    "VBAR": "|",
    "COMMA": ",",
    "RPAR": ")",
    "LPAR": "(",
    "RSQB": "]",
    "LSQB": "[",
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "REGEX": "/a regular expression/",
    "COMPARISON": "a comparison",
    "MATCHES": "=~",
    "FUNCTION": "a function",
    "SUM_OPERATOR": "+ or -",
    "PRODUCT_OPERATOR": "*, / or %",
    "POWER_OPERATOR": "^",
    "PERIOD": "a period of time",
    "MINUS": "-",
    "BANG": "!",
    "COLON": ":",
    "EQUAL": "=",
    "BOOLEAN": "true or false",
    "$END": "the end of the query",
}
"""What people call the terminals; all others are called what they are spelled."""


class Vocabulary(msgspec.Struct, frozen=True):
    """What a language calls its commands."""

    commands: Sequence[str]
    refused: frozenset[str]
    """Commands that the service has and this server has not."""


def parsed(parser: Lark, text: str, vocabulary: Vocabulary) -> Tree[Token]:
    """Return the tree of a query; raises `MalformedQueryException` with the place of the first fault."""
    check_depth(text)
    try:
        return parser.parse(text)
    except UnexpectedInput as error:
        raise _complaint(text, error, vocabulary) from error
    except RecursionError as error:
        raise too_deep() from error


def check_depth(text: str) -> None:
    """Refuse what would exhaust the stack before it is parsed; brackets in strings count as well, generously."""
    depth = 0
    for found in re.finditer(r"[()]", text):
        depth += 1 if found.group() == "(" else -1
        if depth > MAX_DEPTH:
            raise malformed(f"the query nests more than {MAX_DEPTH} levels deep", (found.start(), found.end()))


def too_deep() -> Exception:
    """Return the refusal of a query that exhausts the stack."""
    return malformed("the query nests too deeply")


def unsupported(what: str, span: Span) -> Exception:
    """Return the refusal of something that the service has and this server has not."""
    return malformed(f"{what} is not supported by Groundwatch", span)


def _complaint(text: str, error: UnexpectedInput, vocabulary: Vocabulary) -> Exception:
    position, expected = _place(text, error)
    found = LEXEME.match(text, position)
    word = found.group() if found else ""
    span = (position, position + len(word)) if word else (len(text.rstrip()), len(text))
    if word in QUOTES and word not in text[position + 1 :]:
        return malformed(f"the {QUOTES[word]} that begins with {word} has no end", (position, len(text)))
    if expected and all(name.startswith(COMMAND_TERMINALS) for name in expected):
        return _of_command(word, span, vocabulary)
    wanted = ", ".join(sorted({_readable(name) for name in expected}))
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    what = f"unexpected symbol found {word}" if word else "unexpected end of the query"
    near = _meant(word, [_readable(name) for name in expected])
    return malformed(f"{what} at line {line} and position {column}{near}; expected one of {wanted}", span)


def _place(text: str, error: UnexpectedInput) -> tuple[int, Sequence[str]]:
    if isinstance(error, UnexpectedToken):
        at_end = error.token.type == "$END"
        return (len(text) if at_end else int(error.token.start_pos or 0)), sorted(error.accepts or error.expected)
    if isinstance(error, UnexpectedCharacters):
        return cast("int", error.pos_in_stream), sorted(error.allowed)
    return len(text), ()


def _meant(word: str, expected: Sequence[str]) -> str:
    words = [name for name in expected if name.replace(" ", "").isalpha() and not name.startswith(("a ", "the "))]
    return suggestion(word, words) if WORD.fullmatch(word) else ""


def _of_command(word: str, span: Span, vocabulary: Vocabulary) -> Exception:
    if word.lower() in vocabulary.refused:
        return unsupported(f"the command {word}", span)
    if word.lower() in vocabulary.commands:
        return malformed(f"{word} stands before all other commands", span)
    near = suggestion(word, vocabulary.commands) if WORD.fullmatch(word) else ""
    said = f"unknown command {word}" if word else "the query ends where a command is expected"
    return malformed(f"{said}{near}; the commands are {', '.join(sorted(vocabulary.commands))}", span)


def _readable(name: str) -> str:
    if name in READABLE:
        return READABLE[name]
    return name.removeprefix("_WORD_").removeprefix("_").removeprefix("K_").replace("_", " ").lower()
