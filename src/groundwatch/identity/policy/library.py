"""Parsed policies by their text, so that a document is parsed once however often it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from groundwatch.identity.policy.document import Actions, Policy, PolicyKind, Resources, Statement, parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.principals import PrincipalSet
from groundwatch.identity.policy.template import Pattern, parse_template

CAPACITY = 4096
LONGEST_KEPT = 16 * 1024
"""Characters. Quotas do not count blanks, with which tenants could fill the memory; such documents are parsed anew."""


class PolicyLibrary:
    """A bounded cache of parsed documents; safe to call from several threads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._parse = lru_cache(maxsize=capacity)(_parse_or_deny)

    def read(self, text: str, kind: PolicyKind) -> Policy:
        """Return the parsed document; one that cannot be read denies everything.

        Documents are checked before they are stored, so this is for texts of another version of the program. What such
        a document forbade is unknown, so leaving it out could widen access.
        """
        return self._parse(text, kind) if len(text) <= LONGEST_KEPT else _parse_or_deny(text, kind)

    def read_all(self, texts: Iterable[str], kind: PolicyKind) -> tuple[Policy, ...]:
        """Return every document parsed, as `read` does."""
        return tuple(self.read(text, kind) for text in texts)


def _parse_or_deny(text: str, kind: PolicyKind) -> Policy:
    try:
        return parse_policy(text, kind)
    except MalformedPolicyError:
        return _deny_everything(kind)


def _deny_everything(kind: PolicyKind) -> Policy:
    anything = Pattern(parse_template("*", variables=False, wildcards=True))
    statement = Statement(
        sid=None,
        effect="Deny",
        actions=Actions(negated=False, everything=True, globs={}),
        resources=None if kind == "trust" else Resources(negated=False, patterns=(anything,)),
        principals=None if kind == "identity" else PrincipalSet(everybody=True),
        not_principals=None,
        conditions=(),
    )
    return Policy("2012-10-17", (statement,))
