"""State reasons and their data, worded as the real service words them.

The texts are observations (none is documented); people and programs take values out of them by regular expressions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from groundwatch.monitoring.alarms.evaluation import COMPARISONS, Criterion, State, Verdict
from groundwatch.monitoring.metrics.model import Datapoint

INITIAL_REASON = "Unchecked: Initial alarm creation"
LISTED_POINTS = 5
"""From this many on, the sentence ends before the list; three are seen within it, of four nothing is known."""
MAX_REASON = 1023
MAX_DATA = 4000
SIDES = {"breaching": "Breaching", "notBreaching": "NonBreaching"}
VERSION = "1.0"
SMALLEST_PLAIN = 1e-3
SMALLEST_LARGE = 1e7
"""Between these two Java writes numbers without an exponent."""


class Reading(msgspec.Struct, frozen=True):
    """What an alarm reads, as its reason data show it."""

    period_s: int
    statistic: str | None
    """`Sum`, `p90`; None for metric math."""
    unit: str | None


def state_reason(criterion: Criterion, verdict: Verdict) -> str:
    """Return the sentence that says why the state is what it is."""
    if verdict.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_counted(criterion.periods, 'datapoint')} unknown."
    if not verdict.points:
        return _without_points(criterion, verdict)
    listed = f"[{', '.join(map(_dated, verdict.points[:LISTED_POINTS]))}]"
    # Programs take values out of the list by regular expressions, so its place in the sentence is kept.
    many = len(verdict.points) >= LISTED_POINTS
    subject = _subject(criterion, len(verdict.points))
    side = "was" if len(verdict.points) == 1 else "were"
    side += "" if verdict.state == "ALARM" else " not"
    threshold = java_double(criterion.threshold)
    sentence = f"Threshold Crossed: {subject}{'' if many else f' {listed}'} {side} "
    sentence += f"{COMPARISONS[criterion.operator][1]} the threshold ({threshold})"
    sentence += f" and {_filled(criterion, verdict)}" if verdict.filled else ""
    sentence += "." if many else f"{_minimum(criterion, verdict.state)}."
    if many:
        sentence += f" The most recent datapoints which crossed the threshold: {listed}"
        sentence += f"{_minimum(criterion, verdict.state)}."
    return sentence[:MAX_REASON]


def state_reason_data(criterion: Criterion, verdict: Verdict, reading: Reading, queried_ms: int) -> str:
    """Return the JSON beside the sentence; of long evaluations the newest datapoints that fit into 4,000 characters."""
    data: dict[str, object] = {"version": VERSION, "queryDate": iso_ms(queried_ms)}
    real = [slot.start_ms for slot in verdict.considered if slot.point]
    if real:
        data["startDate"] = iso_ms(real[0])
    data |= {"unit": reading.unit} if reading.unit else {}
    data |= {"statistic": reading.statistic} if reading.statistic else {}
    data["period"] = reading.period_s
    recent = [None if slot.point is None else float(slot.point.value) for slot in verdict.considered]
    evaluated = [_evaluated(point.timestamp_ms, point) for point in verdict.points]
    evaluated += [_evaluated(start_ms, None) for start_ms in verdict.filled]
    # Filled gaps stand between the datapoints, in the order of their times.
    evaluated.sort(key=lambda shown: shown["timestamp"], reverse=True)
    while True:
        data["recentDatapoints"] = recent
        data["threshold"] = float(criterion.threshold)
        if evaluated:
            data["evaluatedDatapoints"] = evaluated
        text = msgspec.json.encode(data).decode()
        if len(text) <= MAX_DATA:
            return text
        # A day of ten-second periods has 8,640 of them; halving gets there in a few steps.
        recent, evaluated = recent[-(len(recent) // 2) :], evaluated[: len(evaluated) // 2]


def java_double(value: float) -> str:
    """Return a number as Java prints a double: `5.0`, `0.25`, `1.0E7`, `1.0E-4`."""
    if value == 0 or not math.isfinite(value) or SMALLEST_PLAIN <= abs(value) < SMALLEST_LARGE:
        return repr(float(value))
    # Decimal keeps the shortest digits that read back as the number, which is what both languages print.
    sign, digits, _ = Decimal(repr(float(value))).normalize().as_tuple()
    exponent = Decimal(repr(float(value))).adjusted()
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{exponent}"


def iso_ms(moment_ms: int) -> str:
    """Return a moment as alarm messages write it: `2026-01-02T03:05:00.123+0000`."""
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}+0000"


def _subject(criterion: Criterion, count: int) -> str:
    # The wording tells whether M was given, even where it equals N.
    if criterion.datapoints_to_alarm is None:
        return f"{count} datapoint{'' if count == 1 else 's'}"
    return f"{count} out of the last {criterion.periods} datapoints"


def _minimum(criterion: Criterion, state: State) -> str:
    """Return what a transition takes; said only where M was set, and the same whatever the previous state was."""
    if criterion.datapoints_to_alarm is None:
        return ""
    if state == "ALARM":
        needed, arrow = criterion.needed, "OK -> ALARM"
    else:
        needed, arrow = criterion.periods - criterion.needed + 1, "ALARM -> OK"
    return f" (minimum {needed} datapoint{'' if needed == 1 else 's'} for {arrow} transition)"


def _without_points(criterion: Criterion, verdict: Verdict) -> str:
    """Return the sentence for a state that rests on filled periods alone."""
    if verdict.received:
        received = f"{_counted(verdict.received, 'datapoint')} received"
    else:
        received = "no datapoints were received"
    periods = f"{criterion.periods} period{'' if criterion.periods == 1 else 's'}"
    return f"Threshold Crossed: {received} for {periods} and {_filled(criterion, verdict)}."


def _filled(criterion: Criterion, verdict: Verdict) -> str:
    return f"{_counted(len(verdict.filled), 'missing datapoint')} treated as [{SIDES[criterion.treatment]}]"


def _counted(count: int, what: str) -> str:
    return f"{count} {what} was" if count == 1 else f"{count} {what}s were"


def _dated(point: Datapoint) -> str:
    moment = datetime.fromtimestamp(point.timestamp_ms // 1000, UTC)
    return f"{java_double(point.value)} ({moment:%d/%m/%y %H:%M:%S})"


def _evaluated(start_ms: int, point: Datapoint | None) -> dict[str, str | float]:
    shown: dict[str, str | float] = {"timestamp": iso_ms(start_ms)}
    if point is not None:
        # Results of metric math come without a count.
        shown |= {"sampleCount": float(point.sample_count)} if point.sample_count else {}
        shown["value"] = float(point.value)
    return shown


def triggering_data(children: Sequence[tuple[str, State, int]]) -> str:
    """Return the reason data of a composite alarm: ARN, state and time of change of the children that set it off."""
    shown = [
        {"arn": arn, "state": {"value": state, "timestamp": iso_ms(changed_ms)}} for arn, state, changed_ms in children
    ]
    return msgspec.json.encode({"triggeringAlarms": shown}).decode()


def spelled_out(moment_ms: int) -> str:
    """Return a moment as reasons of composite alarms write it: `Monday 14 September, 2026 11:18:52 UTC`."""
    return f"{datetime.fromtimestamp(moment_ms // 1000, UTC):%A %d %B, %Y %H:%M:%S} UTC"
