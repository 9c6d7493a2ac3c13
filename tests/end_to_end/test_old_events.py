"""How old an event may be is the service's two weeks, unless the operator says otherwise."""

from __future__ import annotations

import time

import pytest

DAY_MS = 86_400_000


@pytest.mark.parametrize(("flags", "stored"), [((), 1), (("--max-event-age-days", "4000"), 3)])
def test_old_events(make_server, flags, stored):
    running = make_server(*flags).start()
    logs = running.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    now_ms = int(time.time() * 1000)
    for age in (3650, 15, 13):
        event = {"timestamp": now_ms - age * DAY_MS, "message": f"{age} days old"}
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    found = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
    assert len(found) == stored
    assert found[-1]["message"] == "13 days old"
