import asyncio

import msgspec

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
