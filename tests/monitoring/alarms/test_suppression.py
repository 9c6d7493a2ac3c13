"""When actions of composite alarms are held, as a timeline of what happens and what is seen."""

import pytest

from groundwatch.monitoring.alarms.model import Suppression
from groundwatch.monitoring.alarms.suppression import Periods, composite_changed, period_ended, suppressor_changed

# Events at seconds: A, O the composite takes ALARM, OK; +, - the suppressor enters, leaves ALARM; t time passes.
# After each: what suppresses (W, E, S or nothing), with ! when the actions of the present state are carried out.
TIMELINES = [
    ("the wait ends without a suppressor", "0A 5t 10t", "W W !"),
    ("the suppressor follows within the wait", "0A 5+ 10t 20t", "W S S S"),
    ("a change within the wait begins a new one", "0A 5O 12t 15t", "W W W !"),
    ("a change under suppression", "0+ 1A 50t", "S S S"),
    ("the extension ends with the change unsaid", "0+ 1A 5- 20t 25t", "S S E E !"),
    ("the extension ends with nothing to say", "0+ 5- 25t", "S E "),
    ("a change within the extension waits", "0+ 1A 5- 6O 16t", "S S E W !"),
    ("the suppressor comes back within the extension", "0+ 1A 5- 6+ 30t", "S S E S S"),
    ("changed there and back under suppression", "0A 10t 20+ 21O 22A 30- 50t", "W ! S S S E "),
]


@pytest.mark.parametrize(("events", "seen"), [row[1:] for row in TIMELINES], ids=[row[0] for row in TIMELINES])
def test_timeline(events, seen):
    periods, held, state, suppressed = Periods(10, 20), Suppression(notified="OK"), "OK", False
    shown = []
    for event in events.split():
        now_ms, what = int(event[:-1]) * 1000, event[-1]
        state = {"A": "ALARM", "O": "OK"}.get(what, state)
        suppressed = {"+": True, "-": False}.get(what, suppressed)
        if what == "t":
            held, acts = period_ended(held, state, now_ms)
        else:
            change = composite_changed if what in "AO" else suppressor_changed
            held, acts = change(held, periods, state, suppressor_in_alarm=suppressed, now_ms=now_ms)
        letter = {"WaitPeriod": "W", "ExtensionPeriod": "E", "Alarm": "S", None: ""}[held.by]
        shown.append(letter + "!" * acts)
        if acts:
            assert held.notified == state
    assert " ".join(shown) == seen


def test_periods_of_no_length_end_at_once():
    periods = Periods(0, 0)
    held, acts = composite_changed(Suppression(), periods, "ALARM", suppressor_in_alarm=False, now_ms=1)
    assert (held.by, acts) == (None, True)
    held, _ = suppressor_changed(held, periods, "ALARM", suppressor_in_alarm=True, now_ms=2)
    held, _ = composite_changed(held, periods, "OK", suppressor_in_alarm=True, now_ms=3)
    held, acts = suppressor_changed(held, periods, "OK", suppressor_in_alarm=False, now_ms=4)
    assert (held.by, acts) == (None, True)
