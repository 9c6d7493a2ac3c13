"""`SOURCE`: the log groups that are read, in the query itself; stands before all commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lark import Token

from groundwatch.logs.insights.commands.command import Command
from groundwatch.logs.insights.errors import Span, malformed, suggestion
from groundwatch.logs.insights.functions.times import UNIT_MS
from groundwatch.logs.insights.nodes import Name, Node, Period, Text
from groundwatch.logs.insights.pipeline import Pipeline
from groundwatch.logs.insights.selection import GroupFilter, Moment, Selection

CLASSES = ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY")
DEFAULT_CLASS = "STANDARD"
LIMITS = {"nameprefix": 5, "accountidentifiers": 20, "class": 3}
"""How many values each option has at most (User Guide, SOURCE)."""
SYNONYMS = {"accountidentifier": "accountidentifiers", "loggroupclass": "class"}
"""The guide's text and its examples spell them differently."""
MAX_NAMES = 50


class Source(Node, frozen=True):
    """What one SOURCE chooses."""

    selection: Selection

    def lower(self, pipeline: Pipeline) -> None:
        """Do nothing: what is read is settled before commands are lowered."""


def combined(sources: Sequence[Source]) -> Selection | None:
    """Return what several SOURCE commands choose together, None without any."""
    if not sources:
        return None
    first = sources[0].selection
    if len(sources) == 1:
        return first
    filtered = next((source for source in sources if source.selection.filter is not None), None)
    if filtered is not None:
        raise malformed("logGroups() chooses all log groups of a query: it stands alone", filtered.span)
    names = tuple(name for source in sources for name in source.selection.names)
    if len(names) > MAX_NAMES:
        raise malformed(f"a query names at most {MAX_NAMES} log groups", sources[MAX_NAMES].span)
    return Selection((first.span[0], sources[-1].span[1]), names, start=first.start, end=first.end)


def _build(parts: Sequence[Any], span: Span) -> Source:
    place, *bounds = parts
    # A bound is its word, the sign and a time.
    times = {str(word).lower(): moment for word, moment in zip(bounds[::3], bounds[2::3], strict=True)}
    start, end = times.get("start"), times.get("end")
    if isinstance(place, (Text, Name)):
        name = place.value if isinstance(place, Text) else place.text
        return Source(span, Selection(span, (name,), start=start, end=end))
    return Source(span, Selection(span, filter=_filter(place), start=start, end=end))


def moment(parts: Sequence[Any], span: Span) -> Moment:
    """Return a time as START and END have it: milliseconds, or `-1d`, or `now`."""
    value = parts[-1]
    if isinstance(value, Period):
        if value.unit not in UNIT_MS:
            raise malformed("months, quarters and years have no fixed length: use days", span)
        return Moment(value.count * UNIT_MS[value.unit], before_now=True)
    if value.type == "K_NOW":
        return Moment(0, before_now=True)
    if not value.isdigit() or len(value) > 15:
        raise malformed("a time is in milliseconds since the epoch", span)
    return Moment(int(value))


def _filter(options: Sequence[tuple[Token, Sequence[str]]]) -> GroupFilter:
    found: dict[str, tuple[str, ...]] = {}
    for word, values in options:
        option = SYNONYMS.get(word.lower(), word.lower())
        place = (word.start_pos or 0, word.end_pos or 0)
        if option not in LIMITS:
            near = suggestion(option, ("namePrefix", "accountIdentifiers", "class"))
            raise malformed(f"logGroups has no option {word}{near}", place)
        if len(values) > LIMITS[option]:
            raise malformed(f"{word} has at most {LIMITS[option]} values", place)
        if option == "class" and (unknown := next((one for one in values if one not in CLASSES), None)):
            raise malformed(f"unknown log group class {unknown}; the classes are {', '.join(CLASSES)}", place)
        found[option] = tuple(values)
    classes = found.get("class", (DEFAULT_CLASS,))
    return GroupFilter(found.get("nameprefix", ()), found.get("accountidentifiers", ()), classes)


COMMAND = Command(
    name="source",
    words=("source",),
    grammar="place _bound*",
    build=_build,
    syntax='SOURCE "GROUP" [START=MS END=MS] | SOURCE logGroups([namePrefix: ["PREFIX", …], class: ["CLASS"]])',
    help="Chooses the log groups in the query itself; stands first, also in a subquery.",
    leads=True,
)
