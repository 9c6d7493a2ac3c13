"""The condition operators: one small compiler a family, one table of names.

A compiler turns a value written in a policy into a test of one request value, once, when the policy is parsed. A
request value that does not parse (as number, date, address, …) does not match; a policy value that does not is
refused.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

import msgspec

from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.policy.glob import Glob, Token
from groundwatch.identity.policy.keys import RequestKeys
from groundwatch.identity.policy.template import Pattern, Template, parse_template

Test = Callable[[str, RequestKeys], bool]
"""(request value, keys for variables) → does it match?"""
Comparison = Callable[[Decimal, Decimal], bool]

ARN_COMPONENTS = 6
# Bounded, so that no exponent or endless number makes a comparison expensive.
NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)


class Compiler(Protocol):
    """Makes the test for one value of a policy."""

    def __call__(self, text: str, *, variables: bool) -> Test:
        """Return the test; raise MalformedPolicyError when `text` is not a value of this family."""


class Operator(msgspec.Struct, frozen=True):
    """A condition operator: how one value is tested, and whether the answer is turned round."""

    compile: Compiler
    negated: bool = False


def compile_equals(text: str, *, variables: bool) -> Test:
    """StringEquals: the same characters."""
    template = parse_template(text, variables=variables, wildcards=False)
    return lambda value, keys: value == _resolved_text(template, keys)


def compile_equals_ignoring_case(text: str, *, variables: bool) -> Test:
    """StringEqualsIgnoreCase: the same characters but for their case."""
    template = parse_template(text, variables=variables, wildcards=False)

    def test(value: str, keys: RequestKeys) -> bool:
        wanted = _resolved_text(template, keys)
        return wanted is not None and value.casefold() == wanted.casefold()

    return test


def compile_like(text: str, *, variables: bool) -> Test:
    """StringLike: the whole value fits the glob."""
    return Pattern(parse_template(text, variables=variables, wildcards=True)).matches


def compile_number(compare: Comparison) -> Compiler:
    """Return the compiler of a Numeric… operator: values compare as decimals, not as text."""
    return _compile_ordered(compare, parse_number)


def compile_date(compare: Comparison) -> Compiler:
    """Return the compiler of a Date… operator: ISO 8601 and epoch seconds compare as instants."""
    return _compile_ordered(compare, parse_date)


def compile_bool(text: str, *, variables: bool) -> Test:
    """Bool: `true` or `false`."""
    if variables and "${" in text:
        return compile_equals_ignoring_case(text, variables=True)
    wanted = parse_bool(text)
    return lambda value, _keys: value.lower() == wanted


def compile_binary(text: str, *, variables: bool) -> Test:  # noqa: ARG001 - binary values have no variables
    """BinaryEquals: the same bytes behind the base64."""
    wanted = _decode_base64(text)
    if wanted is None:
        raise MalformedPolicyError("Syntax errors in policy.", f"{text!r} is not base64")
    return lambda value, _keys: _decode_base64(value) == wanted


def compile_address(text: str, *, variables: bool) -> Test:  # noqa: ARG001 - addresses have no variables
    """IpAddress: inside the CIDR block; without a mask, the very address."""
    try:
        # Host bits below the mask are tolerated, as in 203.0.113.7/24.
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise MalformedPolicyError("Syntax errors in policy.", f"{text!r} is not an address or CIDR block") from error

    def test(value: str, _keys: RequestKeys) -> bool:
        address = parse_address(value)
        return address is not None and address in network

    return test


def compile_arn(text: str, *, variables: bool) -> Test:
    """ArnLike and ArnEquals: six components, each a glob that does not cross its colon."""
    template = parse_template(text, variables=variables, wildcards=True)
    fixed = template.fixed_tokens
    if fixed is None:
        return lambda value, keys: _arn_fits(value, _component_globs(template.resolve(keys)))
    globs = _component_globs(fixed)
    if globs is None:
        raise MalformedPolicyError("Syntax errors in policy.", f"{text!r} has fewer components than an ARN")
    return lambda value, _keys: _arn_fits(value, globs)


def parse_number(text: str) -> Decimal | None:
    """Return the integer or decimal written as `text`, or None."""
    return Decimal(text) if NUMBER.fullmatch(text) else None


def parse_date(text: str) -> Decimal | None:
    """Return the instant in epoch seconds, or None; a time without zone is UTC."""
    seconds = parse_number(text)
    if seconds is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return Decimal(str((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))


def parse_bool(text: str) -> str:
    """Return `true` or `false` in lower case; raise MalformedPolicyError for anything else."""
    if text.lower() not in {"true", "false"}:
        raise MalformedPolicyError("Syntax errors in policy.", f"{text!r} is neither true nor false")
    return text.lower()


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address, or None; IPv4 seen through a dual-stack socket counts as IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _compile_ordered(compare: Comparison, parse: Callable[[str], Decimal | None]) -> Compiler:
    def compile_value(text: str, *, variables: bool) -> Test:  # noqa: ARG001 - variables stand in strings and ARNs only
        wanted = parse(text)
        if wanted is None:
            raise MalformedPolicyError("Syntax errors in policy.", f"{text!r} is not a value of this operator")

        def test(value: str, _keys: RequestKeys) -> bool:
            actual = parse(value)
            return actual is not None and compare(actual, wanted)

        return test

    return compile_value


def _resolved_text(template: Template, keys: RequestKeys) -> str | None:
    tokens = template.resolve(keys)
    # Without wildcards every token is text.
    return None if tokens is None else "".join(token for token in tokens if isinstance(token, str))


def _decode_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _component_globs(tokens: tuple[Token, ...] | None) -> tuple[Glob, ...] | None:
    if tokens is None:
        return None
    components: list[list[Token]] = [[]]
    for token in tokens:
        pieces = token.split(":", ARN_COMPONENTS - len(components)) if isinstance(token, str) else [token]
        components[-1].append(pieces[0])
        components.extend([piece] for piece in pieces[1:])
    return tuple(Glob(component) for component in components) if len(components) == ARN_COMPONENTS else None


def _arn_fits(value: str, globs: tuple[Glob, ...] | None) -> bool:
    components = value.split(":", ARN_COMPONENTS - 1)
    if globs is None or len(components) != ARN_COMPONENTS:
        return False
    return all(glob.matches(component) for glob, component in zip(globs, components, strict=True))


OPERATORS: Mapping[str, Operator] = {
    "StringEquals": Operator(compile_equals),
    "StringNotEquals": Operator(compile_equals, negated=True),
    "StringEqualsIgnoreCase": Operator(compile_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": Operator(compile_equals_ignoring_case, negated=True),
    "StringLike": Operator(compile_like),
    "StringNotLike": Operator(compile_like, negated=True),
    "NumericEquals": Operator(compile_number(operator.eq)),
    "NumericNotEquals": Operator(compile_number(operator.eq), negated=True),
    "NumericLessThan": Operator(compile_number(operator.lt)),
    "NumericLessThanEquals": Operator(compile_number(operator.le)),
    "NumericGreaterThan": Operator(compile_number(operator.gt)),
    "NumericGreaterThanEquals": Operator(compile_number(operator.ge)),
    "DateEquals": Operator(compile_date(operator.eq)),
    "DateNotEquals": Operator(compile_date(operator.eq), negated=True),
    "DateLessThan": Operator(compile_date(operator.lt)),
    "DateLessThanEquals": Operator(compile_date(operator.le)),
    "DateGreaterThan": Operator(compile_date(operator.gt)),
    "DateGreaterThanEquals": Operator(compile_date(operator.ge)),
    "Bool": Operator(compile_bool),
    "BinaryEquals": Operator(compile_binary),
    "IpAddress": Operator(compile_address),
    "NotIpAddress": Operator(compile_address, negated=True),
    "ArnEquals": Operator(compile_arn),
    "ArnLike": Operator(compile_arn),
    "ArnNotEquals": Operator(compile_arn, negated=True),
    "ArnNotLike": Operator(compile_arn, negated=True),
}
"""Every operator but Null, which asks for a key's presence and not for a value."""
