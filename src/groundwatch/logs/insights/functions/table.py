"""The one table of functions: calls are lowered by it, and the documentation is made from it."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.logs.insights.functions.function import Function
from groundwatch.logs.insights.functions.general import GENERAL
from groundwatch.logs.insights.functions.numeric import NUMERIC
from groundwatch.logs.insights.functions.open_search import OPEN_SEARCH
from groundwatch.logs.insights.functions.strings import STRINGS
from groundwatch.logs.insights.functions.times import TIMES

FAMILIES: Mapping[str, tuple[Function, ...]] = {
    "Numbers": NUMERIC,
    "Text": STRINGS,
    "Time": TIMES,
    "Presence, choice, JSON, addresses": GENERAL,
}
FUNCTIONS: Mapping[str, Function] = {
    name.lower(): function
    for family in FAMILIES.values()
    for function in family
    for name in (function.name, *function.aliases)
} | OPEN_SEARCH
"""By name in lower case: names are accepted in any case."""
