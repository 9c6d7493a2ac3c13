"""Texts with references: `${AWS::…}` pseudo parameters, and the ARNs of roles that the stack itself makes.

Mapping templates are full of dollar signs and braces; only the references below mean anything, all else is as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

_REFERENCE = re.compile(r"\$\{(?P<name>AWS::AccountId|AWS::Region|AWS::Partition)\}")


class Reference(msgspec.Struct, frozen=True):
    """A pseudo parameter within a text."""

    name: str


class RoleReference(msgspec.Struct, frozen=True):
    """The ARN of a role of this stack."""

    role: str


Tree = Any
"""A JSON document: texts, numbers, lists, mappings with text keys."""
Part = str | Reference | RoleReference


def parts_of(text: str, roles: Mapping[str, str]) -> list[Part]:
    """Return the literal pieces and the references of a text; `roles` are names by ARN."""
    parts: list[Part] = []
    rest = text
    while rest:
        index, found = _next_role(rest, roles)
        match = _REFERENCE.search(rest)
        if found is not None and (match is None or index <= match.start()):
            parts += [rest[:index], RoleReference(roles[found])]
            rest = rest[index + len(found) :]
        elif match is not None:
            parts += [rest[: match.start()], Reference(match["name"])]
            rest = rest[match.end() :]
        else:
            parts.append(rest)
            rest = ""
    return [part for part in parts if part != ""]


def _next_role(text: str, roles: Mapping[str, str]) -> tuple[int, str | None]:
    places = [(text.find(arn), -len(arn), arn) for arn in roles if arn in text]
    # Of two that begin at one place the longer one is meant: `role/a` begins `role/ab`.
    return (min(places)[0], min(places)[2]) if places else (-1, None)


def rewritten(document: Tree, write: Callable[[str], Tree]) -> Tree:
    """Return a document with every text written by `write`; keys stay."""
    if isinstance(document, str):
        return write(document)
    if isinstance(document, Mapping):
        return {key: rewritten(value, write) for key, value in document.items()}
    if isinstance(document, list):
        return [rewritten(value, write) for value in document]
    return document


def with_account_reference(text: str, account_id: str) -> str:
    """Return a text in which ARNs of an account refer to the account that the stack is made in."""
    return re.sub(
        rf"(arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9*-]*:){re.escape(account_id)}(?=:)", r"\1${AWS::AccountId}", text
    )
