"""Where an export comes from: the accounts that are its own, among all that its ARNs name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from groundwatch.deploy.texts import Tree

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/")
_OWN_RESOURCE = re.compile(r"arn:aws[a-z-]*:execute-api:[a-z0-9*-]*:(?P<account>\d{12}):")
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:(?P<account>\d{12}):function:")
_CREDENTIALS = frozenset({"credentials", "authorizerCredentials"})
_FUNCTION_URIS = frozenset({"uri", "authorizerUri"})
_RESOURCES = frozenset({"Resource", "NotResource"})


def own_accounts(document: Tree) -> frozenset[str]:
    """Return the numbers of the account that a definition is of, empty when nothing tells.

    API Gateway takes roles of the API's own account only, and a resource policy speaks of the API itself. Functions may
    be another account's, so they count where there is nothing else. Principals of a policy, user pools and VPC links
    never do: they may well be somebody else's, and must not become this account's.
    """
    held = list(_members(document))
    own = set(_accounts(held, _CREDENTIALS, _ROLE)) | set(_accounts(held, _RESOURCES, _OWN_RESOURCE))
    return frozenset(own or _accounts(held, _FUNCTION_URIS, _FUNCTION))


def _members(document: Tree) -> Iterator[tuple[str, str]]:
    """Yield every text of a document with the name of the member that holds it, or the list of which it is part."""
    pending: list[tuple[str, Any]] = [("", document)]
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending += value.items()
        elif isinstance(value, list):
            pending += [(name, each) for each in value]
        elif isinstance(value, str):
            yield name, value


def _accounts(held: Iterable[tuple[str, str]], names: frozenset[str], pattern: re.Pattern[str]) -> Iterator[str]:
    for name, text in held:
        if name in names and (found := pattern.search(text)):
            yield found["account"]
