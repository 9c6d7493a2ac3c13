"""When the actions of a composite alarm are held: while its suppressor is in ALARM, and for a while around that.

A change of the composite waits for the suppressor to follow (the wait period); after the suppressor has left ALARM, the
composite gets time to follow it (the extension period). Every new change discards the period that runs.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html
"""

from __future__ import annotations

import msgspec

from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.model import Suppression


class Periods(msgspec.Struct, frozen=True):
    """How long changes wait, in seconds."""

    wait_s: int
    extension_s: int


def composite_changed(
    held: Suppression, periods: Periods, state: State, *, suppressor_in_alarm: bool, now_ms: int
) -> tuple[Suppression, bool]:
    """Return what follows from a change of the composite to `state`, and whether its actions are carried out now."""
    if suppressor_in_alarm:
        return msgspec.structs.replace(held, by="Alarm", until_ms=None), False
    # A period of no length must not wait for the next look at the clock.
    if periods.wait_s == 0:
        return Suppression(notified=state), True
    return msgspec.structs.replace(held, by="WaitPeriod", until_ms=now_ms + periods.wait_s * 1000), False


def suppressor_changed(
    held: Suppression, periods: Periods, state: State, *, suppressor_in_alarm: bool, now_ms: int
) -> tuple[Suppression, bool]:
    """Return what follows from the suppressor's entering or leaving ALARM, for a composite in `state`."""
    if suppressor_in_alarm:
        return msgspec.structs.replace(held, by="Alarm", until_ms=None), False
    # It went from one harmless state to another.
    if held.by != "Alarm":
        return held, False
    extended = msgspec.structs.replace(held, by="ExtensionPeriod", until_ms=now_ms + periods.extension_s * 1000)
    return period_ended(extended, state, now_ms)


def period_ended(held: Suppression, state: State, now_ms: int) -> tuple[Suppression, bool]:
    """Return what follows when it is `now_ms`: the same while a period runs."""
    if held.until_ms is None or now_ms < held.until_ms:
        return held, False
    # What was not changed meanwhile needs no second message; after a wait the service carries the actions out anyway.
    due = held.by == "WaitPeriod" or state != held.notified
    return Suppression(notified=state if due else held.notified), due
