"""What a query over many events may take: its memory, and the disk in its place where that is possible."""

import asyncio
import threading
from pathlib import Path
from typing import Self

import pytest
from tests.logs.conftest import make_room

from groundwatch.logs.catalog import Tenant
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.operations import LogsOperations

NOW_MS = 1_790_000_000_000
RANGE = {"start_time": NOW_MS // 1_000 - 86_400, "end_time": NOW_MS // 1_000}
SYNTHETIC = """
    INSERT INTO events (group_id, stream_id, timestamp, ingested, batch, seq, message)
    SELECT {group:UInt64}, 1, {now:Int64} - intDiv(number * 80000000, {events:UInt64}), {now:Int64}, number, 0,
        concat('request ', hex(cityHash64(number)), ' took ', toString(number % 977))
    FROM numbers({events:UInt64})
"""
MARGIN_BYTES = 500_000_000
"""What the process takes beside: blocks that are read, the pools of the engine, the result."""


class Peak:
    """The most memory that this process has had, from `start` to `stop`."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.before = self.most = resident_bytes()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def grown(self) -> int:
        return self.most - self.before

    def _look(self) -> None:
        while not self._stopped.wait(0.02):
            self.most = max(self.most, resident_bytes())


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.fixture
def ask(event_database, sql_database, clock, context):
    """Put synthetic events into a group and run a query over them under a limit of memory."""

    async def ask(events: int, memory_bytes: int, query: str):
        limits = QueryLimits(memory_bytes=memory_bytes)
        room = make_room(event_database, sql_database, clock, 1_000_000, limits)
        operations = LogsOperations(room)
        await operations.create_log_group(context, log_group_name="/many")
        group = await room.catalog.group(Tenant(context.account_id, context.region), "/many")
        parameters = {"group": group.number, "now": NOW_MS, "events": events}
        await asyncio.to_thread(event_database.run_now, lambda client: client.command(SYNTHETIC, parameters=parameters))
        with Peak() as peak:
            started = await operations.start_query(context, query_string=query, log_group_name="/many", **RANGE)
            await room.queries.finished(started["queryId"])
        stored = await room.query_store.find(Tenant(context.account_id, context.region), started["queryId"])
        answer = await operations.get_query_results(context, query_id=started["queryId"])
        return answer, stored, peak

    return ask


CASES = [
    ("stats count_distinct(@message)", "Failed"),
    ("parse @message 'request * took *' as id, ms | stats max(ms), count(*) by id | stats count(*) as n", "Complete"),
    ("parse @message 'took *' as ms | stats count(*) as n by ms | sort n desc | limit 3", "Complete"),
]


@pytest.mark.parametrize(("query", "status"), CASES, ids=["distinct", "groups", "few groups"])
async def test_a_query_keeps_within_its_memory_or_says_so(ask, query, status):
    memory_bytes = 60_000_000
    answer, stored, peak = await ask(1_000_000, memory_bytes, query)
    check(answer, stored, peak, status=status, memory_bytes=memory_bytes)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
async def test_a_query_over_a_hundred_million_events_keeps_within_its_memory(ask):
    memory_bytes = 1 << 30
    answer, stored, peak = await ask(100_000_000, memory_bytes, CASES[0][0])
    check(answer, stored, peak, status="Failed", memory_bytes=memory_bytes)


def check(answer, stored, peak: Peak, *, status: str, memory_bytes: int) -> None:
    assert peak.grown < memory_bytes + MARGIN_BYTES
    assert answer["status"] == status, stored.message
    if status == "Failed":
        assert stored.message == "the query needs more memory than a query may have (--query-memory-bytes)"
