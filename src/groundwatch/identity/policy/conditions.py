"""Conditions: operators applied to keys of the request, with set qualifiers, `…IfExists` and `Null`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.keys import MULTI_VALUED, RequestKeys
from groundwatch.identity.policy.operators import OPERATORS, Test, parse_bool

Quantifier = Literal["one", "all", "any"]
QUANTIFIERS: dict[str, Quantifier] = {"ForAllValues": "all", "ForAnyValue": "any"}
IF_EXISTS = "IfExists"
NULL = "Null"


class ValueCondition(msgspec.Struct, frozen=True):
    """One operator on one key, with the alternatives that the policy lists."""

    key: str
    """Lower-case name of the condition key."""
    tests: tuple[Test, ...]
    negated: bool = False
    quantifier: Quantifier = "one"
    if_exists: bool = False

    def holds(self, keys: RequestKeys) -> bool:
        """Tell whether the request satisfies the condition."""
        values = keys.find(self.key)
        if not values:
            return self._holds_without_key()
        if self.quantifier == "all":
            return all(self._accepts(value, keys) for value in values)
        if self.quantifier == "any":
            return any(self._accepts(value, keys) for value in values)
        # A set tested as if it were one value never matched on the real service, neither way.
        return len(values) == 1 and self.key not in MULTI_VALUED and self._accepts(values[0], keys)

    def _holds_without_key(self) -> bool:
        if self.if_exists or self.quantifier == "all":
            return True
        return self.negated and self.quantifier == "one"

    def _accepts(self, value: str, keys: RequestKeys) -> bool:
        return any(test(value, keys) for test in self.tests) != self.negated


class NullCondition(msgspec.Struct, frozen=True):
    """Asks whether a key is absent; an empty set counts as absent."""

    key: str
    absent: frozenset[bool]
    """What the policy accepts as the answer to "is it absent?"."""

    def holds(self, keys: RequestKeys) -> bool:
        """Tell whether the key's absence or presence is as wanted."""
        return (not keys.find(self.key)) in self.absent


Condition = ValueCondition | NullCondition


def parse_condition(operator: str, key: str, values: Sequence[str], *, variables: bool) -> Condition:
    """Return the condition `operator: {key: values}`; raise MalformedPolicyError when operator or value is unknown."""
    if ":" not in key:
        raise MalformedPolicyError("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", key)
    if not values:
        raise MalformedPolicyError("Syntax errors in policy.", f"{operator} {key} has no value")
    # Null takes neither a qualifier nor IfExists: it is itself the question whether a key exists.
    if operator == NULL:
        return NullCondition(key.lower(), frozenset(parse_bool(value) == "true" for value in values))
    prefix, colon, rest = operator.rpartition(":")
    if colon and prefix not in QUANTIFIERS:
        raise MalformedPolicyError("Syntax errors in policy.", f"unknown qualifier in {operator!r}")
    name = rest.removesuffix(IF_EXISTS)
    known = OPERATORS.get(name)
    if known is None:
        raise MalformedPolicyError("Syntax errors in policy.", f"unknown condition operator {operator!r}")
    return ValueCondition(
        key=key.lower(),
        tests=tuple(known.compile(value, variables=variables) for value in values),
        negated=known.negated,
        quantifier=QUANTIFIERS.get(prefix, "one"),
        if_exists=rest != name,
    )
