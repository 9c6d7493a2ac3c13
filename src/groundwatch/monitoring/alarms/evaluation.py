"""What state a metric alarm takes: M breaches out of N datapoints, with the rules for missing data.

The evaluation looks at more than N periods, the evaluation range, so that late datapoints do not make an alarm blink.
"Configuring how CloudWatch alarms treat missing data" has the tables that these rules follow; `tests` holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import ge, gt, le, lt
from typing import Literal

import msgspec

from groundwatch.monitoring.metrics.model import Datapoint

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (ge, "greater than or equal to"),
    "LessThanThreshold": (lt, "less than"),
    "LessThanOrEqualToThreshold": (le, "less than or equal to"),
}
"""Each operator's meaning, and how a state reason words it."""
FEW_SAMPLES = 10
"""A percentile p has few samples below this divided by what lies beyond it: 10/(1 - p), 10/p for the lower half."""
LONG_PERIOD_S = 60
EXTRA_SLOTS = 2
EXTRA_SHORT_SLOTS = 6
"""Nine slots were seen for three periods of ten seconds; the documented examples have five for three."""


class Criterion(msgspec.Struct, frozen=True):
    """What must be so for an alarm to go off."""

    operator: str
    """A key of `COMPARISONS`."""
    threshold: float
    periods: int
    """N, the EvaluationPeriods."""
    datapoints_to_alarm: int | None = None
    """M; None is all N, and says so in the reason."""
    treatment: Treatment = "missing"
    samples_needed: float = 0
    """With fewer samples the state is kept: for percentiles whose low samples are ignored."""

    @property
    def needed(self) -> int:
        """M: how many datapoints must breach."""
        return self.datapoints_to_alarm or self.periods

    def breaches(self, value: float) -> bool:
        """Return whether a datapoint is outside of the threshold."""
        return COMPARISONS[self.operator][0](value, self.threshold)


class Slot(msgspec.Struct, frozen=True):
    """One period of the evaluation range, and its datapoint if it has samples."""

    start_ms: int
    point: Datapoint | None


class Verdict(msgspec.Struct, frozen=True):
    """A state and what it rests on; the basis of state reasons."""

    state: State
    considered: tuple[Slot, ...] = ()
    """From the oldest datapoint that counts to the newest, oldest first, with the gaps between."""
    points: tuple[Datapoint, ...] = ()
    """The datapoints that justify the state, newest first."""
    received: int = 0
    """How many datapoints counted, for the state or against it."""
    filled: tuple[int, ...] = ()
    """Starts of the missing periods that were filled as the treatment says, newest first."""


def range_slots(periods: int, period_s: int) -> int:
    """Return how many periods the evaluation range has."""
    return periods + (EXTRA_SLOTS if period_s >= LONG_PERIOD_S else EXTRA_SHORT_SLOTS)


def samples_needed(percentile: float) -> float:
    """Return from how many samples on a percentile (0 to 100) is trusted."""
    share = percentile / 100
    beyond = 1 - share if share >= 0.5 else share
    # Rounded, since 1 - 0.9 is not a tenth in binary and 100 samples are enough for p90.
    return round(FEW_SAMPLES / beyond, 6) if beyond > 0 else 0


def evaluate(criterion: Criterion, slots: Sequence[Slot]) -> Verdict | None:
    """Return the state that the slots of the evaluation range (oldest first) call for; None to keep the present one."""
    real = [slot for slot in slots if slot.point is not None][-criterion.periods :]
    if not real:
        return _without_data(criterion, slots)
    if sum(slot.point.sample_count for slot in real if slot.point) < criterion.samples_needed:
        return None
    # With N datapoints in range, gaps between them count for nothing: late data would make alarms blink otherwise.
    missing = criterion.periods - len(real)
    if missing and criterion.treatment in {"missing", "ignore"}:
        return _of_what_is_there(criterion, slots, real)
    bad = _breaches(criterion, real) + (missing if criterion.treatment == "breaching" else 0)
    state: State = "ALARM" if bad >= criterion.needed else "OK"
    # Which gaps are filled matters to the reason data alone; the newest are what a reader looks for.
    gaps = [slot.start_ms for slot in reversed(slots) if slot.point is None][:missing]
    return _verdict(criterion, state, slots, real, filled=gaps)


def _without_data(criterion: Criterion, slots: Sequence[Slot]) -> Verdict | None:
    if criterion.treatment == "ignore":
        return None
    if criterion.treatment == "missing":
        return Verdict("INSUFFICIENT_DATA")
    filled = tuple(slot.start_ms for slot in reversed(slots))[: criterion.periods]
    return Verdict("ALARM" if criterion.treatment == "breaching" else "OK", filled=filled)


def _of_what_is_there(criterion: Criterion, slots: Sequence[Slot], real: Sequence[Slot]) -> Verdict | None:
    """Return the state for too few datapoints, none of them filled; None while it is too early for an alarm."""
    # Nothing is filled here, so M breaches are enough although N datapoints are not there.
    bad = _breaches(criterion, real)
    if bad >= criterion.needed:
        return _verdict(criterion, "ALARM", slots, real)
    if bad < len(real):
        return _verdict(criterion, "OK", slots, real)
    if criterion.treatment == "ignore":
        return None
    # Only breaches, fewer than M: an alarm once the oldest has been there for M periods, so that a stream that has just
    # begun does not set it off. What state a waiting alarm takes is not documented; it was seen to stay as it was.
    age = len(slots) - slots.index(real[0])
    return _verdict(criterion, "ALARM", slots, real) if age >= criterion.needed else None


def _breaches(criterion: Criterion, real: Sequence[Slot]) -> int:
    return sum(criterion.breaches(slot.point.value) for slot in real if slot.point)


def _verdict(
    criterion: Criterion, state: State, slots: Sequence[Slot], real: Sequence[Slot], *, filled: Sequence[int] = ()
) -> Verdict:
    points = [slot.point for slot in reversed(real) if slot.point]
    return Verdict(
        state,
        tuple(slots[slots.index(real[0]) : slots.index(real[-1]) + 1]),
        tuple(point for point in points if criterion.breaches(point.value) == (state == "ALARM")),
        len(real),
        tuple(filled),
    )
