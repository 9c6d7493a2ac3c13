"""Short reads and inserts never wait behind long searches: each purpose has clients of its own."""

import asyncio
import time

from groundwatch.storage.clickhouse import POOL_SIZES

LONG_QUERY = "SELECT sum(cityHash64(number, number + 1, number + 2)) FROM numbers({rows:UInt64})"


async def test_reads_do_not_wait_for_searches(event_database):
    def search(client):
        return client.query(LONG_QUERY, parameters={"rows": 400_000_000}).result_rows

    searches = [asyncio.create_task(event_database.run("search", search)) for _ in range(POOL_SIZES["search"] + 1)]
    await asyncio.sleep(0)
    started = time.monotonic()
    rows = await event_database.run("read", lambda client: client.query("SELECT 1").result_rows)
    waited_s = time.monotonic() - started
    assert [tuple(row) for row in rows] == [(1,)]
    assert not any(task.done() for task in searches), "the searches were too short to show anything"
    assert waited_s < 1
    await asyncio.gather(*searches)
