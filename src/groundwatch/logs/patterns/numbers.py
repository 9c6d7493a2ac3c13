"""Numbers as text: one spelling for each value, so that both targets compare the same characters.

An integer is kept digit by digit, however long. Every other number is the nearest IEEE double, spelled with the fewest
digits that read back as the same double, the way ClickHouse (and JavaScript) prints it: `0.50` becomes `0.5`, `1e+3`
becomes `1000`. A number beyond the range of doubles has no spelling.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"0|-?[1-9][0-9]*")
# Beyond 64 bits the engine reads integers as text, so text that spells a long integer must compare like one.
LONG_INTEGER = re.compile(r"-?[1-9][0-9]{18,}")
EXPONENT = re.compile(r"[eE][+-]?0*([0-9]*)")
MAX_EXPONENT_DIGITS = 3
LEADING = re.compile(r"\+?(-?)0*([0-9])")
PLAIN_BELOW_EXPONENT = 21
PLAIN_ABOVE_EXPONENT = -7


def canonical(spelled: str) -> str | None:
    """Return the one spelling of a number that `NUMBER` matches, None beyond the range of doubles."""
    plain = LEADING.sub(r"\1\2", spelled, count=1)
    if plain.lstrip("-").isdecimal():
        return "0" if plain == "-0" else plain
    value = float(plain)
    return shortest(value) if math.isfinite(value) else None


def shortest(value: float) -> str:
    """Return the shortest decimal text of a finite double, in ClickHouse's form."""
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, figures, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, figures))
    point = len(digits) + int(exponent)
    return ("-" if sign else "") + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """Put the decimal point after `point` digits, with an exponent where zeros would be many."""
    if not PLAIN_ABOVE_EXPONENT < point - 1 < PLAIN_BELOW_EXPONENT:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{digits[0]}{fraction}e{point - 1}"
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def in_range(spelled: str) -> bool:
    """Tell whether a literal lies in the range of doubles, the range that numbers are compared in."""
    exponent = EXPONENT.search(spelled)
    return math.isfinite(float(spelled)) and (exponent is None or len(exponent.group(1)) <= MAX_EXPONENT_DIGITS)


def equal_spellings(spelled: str) -> frozenset[str]:
    """Return every canonical spelling that is numerically equal to a literal in range."""
    exact = _integer(spelled)
    if exact is None:
        found = {shortest(float(spelled))}
    elif abs(exact) < 10**PLAIN_BELOW_EXPONENT:
        found = {str(exact)}
    else:
        # 1e23 is the integer 100000000000000000000000 in one message and the double 1e23 in another.
        found = {str(exact), shortest(float(spelled))}
    return frozenset(found | {"0", "-0"} if found & {"0", "-0"} else found)


def bounds(spelled: str) -> tuple[int, int]:
    """Return the greatest integer that is not above, and the least that is not below, a literal in range."""
    exact = _integer(spelled)
    if exact is not None:
        return exact, exact
    return math.floor(float(spelled)), math.ceil(float(spelled))


def _integer(spelled: str) -> int | None:
    """Return the literal's value where it is an integer, exactly."""
    exact = Decimal(spelled)
    return int(exact) if exact == exact.to_integral_value() else None
