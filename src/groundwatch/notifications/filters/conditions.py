"""The conditions on one key of a filter policy, compiled into one test of a value."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Scalar = str | float | bool | None
Kind = Literal["text", "number", "boolean", "null"]
Canonical = tuple[Kind, Scalar]
Test = Callable[[Scalar], bool]
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def canonical(value: Scalar) -> Canonical:
    """Return a value with its kind, so that numbers compare by value and `true` is not 1."""
    if isinstance(value, str):
        return "text", value
    # Before numbers: to Python a boolean is one.
    if isinstance(value, bool):
        return "boolean", value
    return ("null", None) if value is None else ("number", float(value))


class Bounds(msgspec.Struct, frozen=True):
    """A range of numbers; None is unbounded."""

    low: float | None = None
    high: float | None = None
    with_low: bool = True
    with_high: bool = True

    def hold(self, value: float) -> bool:
        """Tell whether the number is in the range."""
        above = self.low is None or (value >= self.low if self.with_low else value > self.low)
        return above and (self.high is None or (value <= self.high if self.with_high else value < self.high))


class Conditions(msgspec.Struct, frozen=True):
    """Alternatives: a key matches when any of them holds for any of its values."""

    equal: frozenset[Canonical] = frozenset()
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    ignoring_case: frozenset[str] = frozenset()
    ranges: tuple[Bounds, ...] = ()
    networks: tuple[IpNetwork, ...] = ()
    none_of: tuple[frozenset[Canonical], ...] = ()
    no_prefix: tuple[tuple[str, ...], ...] = ()
    present: bool = False
    absent: bool = False

    def hold(self, value: Scalar) -> bool:
        """Tell whether a value that is there matches."""
        if self.present or canonical(value) in self.equal or self._is_other(value):
            return True
        if isinstance(value, str):
            return self._hold_text(value)
        if isinstance(value, bool) or value is None:
            return False
        return any(bounds.hold(value) for bounds in self.ranges)

    def _is_other(self, value: Scalar) -> bool:
        if any(canonical(value) not in excluded for excluded in self.none_of):
            return True
        return any(not (isinstance(value, str) and value.startswith(prefixes)) for prefixes in self.no_prefix)

    def _hold_text(self, value: str) -> bool:
        if value.startswith(self.prefixes) or value.endswith(self.suffixes):
            return True
        if self.ignoring_case and value.casefold() in self.ignoring_case:
            return True
        return bool(self.networks) and _is_within(value, self.networks)


def _is_within(text: str, networks: tuple[IpNetwork, ...]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in networks)


class Group(msgspec.Struct, frozen=True):
    """Keys that must all match, of an object of a filter policy."""

    leaves: Mapping[str, Conditions] = {}
    objects: Mapping[str, Group] = {}
    alternatives: tuple[tuple[Group, ...], ...] = ()
    """The lists of `$or`: of each, one group must match."""
