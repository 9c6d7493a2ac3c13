import asyncio

import msgspec
import pytest

from groundwatch.logs import own_log
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.own_log import OwnLog

NOW_MS = 1_790_000_000_000


async def test_group_and_stream_appear_and_everything_fits(room, operations, context, clock):
    own = OwnLog(room.catalog, room.intake, Tenant(context.account_id, context.region), clock)
    big = "x" * 600_000
    await own.append("/groundwatch/server", "node", [(NOW_MS + 1, big), (NOW_MS, big)])
    await own.append("/groundwatch/server", "node", [(NOW_MS + 2, "small")])
    place = {"log_group_name": "/groundwatch/server", "log_stream_name": "node"}
    newest = await operations.get_log_events(context, **place)
    assert [event["timestamp"] - NOW_MS for event in msgspec.json.decode(newest["events"])] == [1, 2]
    oldest = await operations.get_log_events(context, **place, start_from_head=True, limit=1)
    assert msgspec.json.decode(oldest["events"])[0]["timestamp"] == NOW_MS


async def test_first_lines_that_come_together_are_all_kept(room, operations, context, clock):
    """Two writers that both find no group both make it."""
    own = OwnLog(room.catalog, room.intake, Tenant(context.account_id, context.region), clock)
    await asyncio.gather(*(own.append("/own", "s", [(NOW_MS, f"line {number}")]) for number in range(8)))
    answer = await operations.get_log_events(context, log_group_name="/own", log_stream_name="s")
    shown = msgspec.json.decode(answer["events"])
    assert sorted(event["message"] for event in shown) == [f"line {number}" for number in range(8)]


@pytest.mark.parametrize(
    ("times", "inserts"),
    [
        pytest.param([1, 1, 2, 2, 3, 3], [[[1, 1], [2, 2], [3, 3]]], id="cut between milliseconds"),
        pytest.param([1, 2, 2, 2, 3], [[[1], [2, 2, 2], [3]]], id="before one that would be cut"),
        pytest.param([1, 1, 1, 1, 2], [[[1, 1, 1]], [[1, 2]]], id="one that fills a put keeps its order"),
    ],
)
async def test_puts_that_share_no_millisecond_go_together(monkeypatch, room, context, clock, times, inserts):
    monkeypatch.setattr(own_log, "MAX_BATCH_EVENTS", 3)
    seen, running = [], 0

    class Intake:
        async def put(self, _group, _stream, timestamps, _messages, _now_ms):
            nonlocal running
            if not running:
                seen.append([])
            running += 1
            seen[-1].append([at - NOW_MS for at in timestamps])
            await asyncio.sleep(0)
            running -= 1

    own = OwnLog(room.catalog, Intake(), Tenant(context.account_id, context.region), clock)
    await own.append("/own", "s", [(NOW_MS + at, "x") for at in times])
    assert seen == inserts
