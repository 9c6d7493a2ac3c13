"""A byte that the disk has changed: the part is named, what is readable is served, and the doctor knows."""

import logging
import re

import pytest
from tests.upkeep.conftest import ROWS

from groundwatch.storage.broken_parts import _from_marks, broken_part, finish_rescues, tell_of_refused
from groundwatch.storage.errors import StorageError
from groundwatch.upkeep.part_checks import check_parts
from groundwatch.upkeep.store_checks import _period, check_event_store

COUNTS = "SELECT group_id, count() FROM events WHERE NOT ignore(*) GROUP BY group_id ORDER BY group_id"
ONE_GROUP = "SELECT count(), uniqExact(seq) FROM events WHERE group_id = 1 AND NOT ignore(*)"
STATISTICS = """
SELECT group_id, stream_id, min(timestamp), max(timestamp), max(ingested), count(), sum(length(message)) FROM events
GROUP BY group_id, stream_id
"""
GRANULE = 8192


async def ask(database, sql: str):
    return [tuple(row) for row in await database.run("read", lambda client: client.query(sql).result_rows)]


@pytest.mark.parametrize(
    ("file", "question", "least", "most"),
    [
        # Two granules may share a block.
        pytest.param("data.bin", COUNTS, ROWS - 2 * GRANULE, ROWS - 1, id="a block: its rows are lost alone"),
        pytest.param("primary.cidx", ONE_GROUP, 0, 0, id="the primary index, which every read needs"),
        pytest.param("stream_statistics.proj/data.bin", STATISTICS, ROWS, ROWS, id="the projection: nothing is lost"),
    ],
)
async def test_a_part_that_cannot_be_read(store, caplog, file, question, least, most):
    store.fill(groups=2)
    store.close()
    store.spoil(1, file)
    name = store.part(1).name
    database = store.open()
    with caplog.at_level(logging.ERROR):
        await ask(database, question)
    assert f"part {name} of table events in the event store is broken" in caplog.text
    kept = int(re.search(rf"(\d+) of its {ROWS} rows were kept", caplog.text)[1])
    assert least <= kept <= most
    expected = [(1, kept), (2, ROWS)] if kept else [(2, ROWS)]
    assert await ask(database, COUNTS) == expected
    found = [f for f in database.run_now(check_event_store) if f.state != "ok"]
    assert [(f.check, f.state) for f in found] == [(f"part {name} of events", "failing" if kept < ROWS else "warning")]
    assert "disk" in found[0].advice
    assert kept == ROWS or found[0].text.endswith("rows are lost, all from 2023-11-09 to 2023-11-15 (UTC)")


@pytest.mark.parametrize(
    ("table", "part", "period"),
    [
        ("events", "2810_1_1_0", ", all from 2023-11-09 to 2023-11-15 (UTC)"),
        ("metric_points", "19670_1_1_0", ", all of 2023-11-09 (UTC)"),
        ("events", "2810_41_50_1_52", ", all from 2023-11-09 to 2023-11-15 (UTC)"),
        ("events", "broken-on-start_2810_1_1_0", ", all from 2023-11-09 to 2023-11-15 (UTC)"),
        pytest.param("schema_version", "all_1_1_0", "", id="a table without partitions"),
        pytest.param("events", "9999999999_1_1_0", "", id="beyond the calendar"),
        pytest.param("events", "broken", "", id="a name of the operator's"),
    ],
)
def test_from_when_the_rows_of_a_part_are(table, part, period):
    assert _period(table, part) == period


async def test_a_broken_column_of_a_field_costs_no_event(store, caplog):
    """What is taken from messages can be taken from them again."""
    store.fill(groups=1)
    column = "ALTER TABLE events ADD COLUMN shred_1 Nullable(String) COMMENT '[\"level\"]'"
    values = "ALTER TABLE events UPDATE shred_1 = hex(sipHash128(message)), shredded = 1 WHERE 1"
    wide = "ALTER TABLE events MODIFY SETTING min_bytes_for_wide_part = 0"
    for sql in (column, wide, "OPTIMIZE TABLE events FINAL", values):
        store.database.run_now(
            lambda client, sql=sql: client.command(
                sql, settings={"mutations_sync": "1", "optimize_skip_merged_partitions": "0"}
            )
        )
    store.close()
    (file,) = store.path.glob("store/*/*/*/shred_1.bin")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    database = store.open()
    with caplog.at_level(logging.ERROR):
        await ask(database, COUNTS)
    assert f"{ROWS} of its {ROWS} rows were kept" in caplog.text
    assert await ask(database, "SELECT shredded, count() FROM events GROUP BY shredded") == [(0, ROWS)]


async def test_other_failures_are_passed_on(store):
    store.fill(groups=1)
    with pytest.raises(StorageError, match="UNKNOWN_IDENTIFIER"):
        await ask(store.database, "SELECT nothing FROM events")


def test_a_broken_part_is_found_before_anyone_reads_it(store):
    store.fill(groups=3)
    store.close()
    store.spoil(2, "data.bin")
    name = store.part(2).name
    checked = store.open().run_now(lambda client: check_parts(client, ""))
    assert [finding.check for finding in checked.findings] == [f"part {name} of events"]
    assert checked.checked > 3
    assert (checked.left, checked.last) == (0, None)


def test_parts_are_checked_in_portions(store):
    store.fill(groups=3)
    clock = iter(range(0, 1000, 6))
    after, seen = "", []
    while after is not None:
        checked = store.database.run_now(lambda client, after=after: check_parts(client, after, lambda: next(clock)))
        assert checked.checked == 1
        seen.append(checked.left)
        after = checked.last
    assert seen == list(reversed(range(len(seen))))
    assert len(seen) > 3


def test_a_part_that_the_engine_refuses_at_the_start(store, caplog):
    store.fill(groups=2)
    store.close()
    store.spoil(1, "checksums.txt")
    with caplog.at_level(logging.ERROR):
        store.open().run_now(tell_of_refused)
    assert "broken-on-start_2810_" in caplog.text
    found = [f for f in store.database.run_now(check_event_store) if f.state == "failing"]
    assert len(found) == 1
    assert "broken-on-start" in found[0].check
    assert f"all of its {ROWS} rows" in found[0].text


@pytest.mark.parametrize("detached", [pytest.param(False, id="before"), pytest.param(True, id="after")])
def test_a_crash_while_rows_are_moved_back(store, detached):
    """A rescue that ends before or after the broken part is detached is brought to its end by the next start."""
    store.fill(groups=2)
    name = store.part(1).name

    def crash(client):
        client.command(f"CREATE TABLE events_rescued AS events COMMENT '{name}'")
        client.command(f"INSERT INTO events_rescued SELECT * FROM events WHERE _part = '{name}'")
        if detached:
            client.command(f"ALTER TABLE events DETACH PART '{name}'")

    store.database.run_now(crash)
    store.close()
    store.open().run_now(finish_rescues)
    rows = store.database.run_now(lambda client: client.query(COUNTS).result_rows)
    assert [tuple(row) for row in rows] == [(1, ROWS), (2, ROWS)]
    tables = store.database.run_now(lambda client: client.query("SHOW TABLES").result_rows)
    assert "events_rescued" not in {row[0] for row in tables}


PLACE = "/d/events/store/3db/3db51186-e952-403e-99b2-bd20a86f5e2d/"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"Code: 40. Checksum … {PLACE}2810_1_1_0/primary.cidx (CHECKSUM_DOESNT_MATCH)", "2810_1_1_0"),
        (f"While reading {PLACE}2810_1_7_2_9/p.proj/data.bin (CANNOT_DECOMPRESS)", "2810_1_7_2_9"),
        (f"Memory limit … while reading from part {PLACE}2810_1_1_0/ (MEMORY_LIMIT_EXCEEDED)", None),
        (f"{PLACE}2810_1_1_0'; DROP/x (CORRUPTED_DATA)", None),
        ("Checksum doesn't match (CHECKSUM_DOESNT_MATCH)", None),
    ],
)
def test_which_part_an_error_names(text, part):
    found = broken_part(StorageError(text))
    assert (found and found.part) == part


@pytest.mark.parametrize(
    ("marks", "block", "spoilt"),
    [
        pytest.param([(8, 0, 0), (8, 50, 0), (8, 90, 0), (0, 120, 0)], 50, [1], id="a block a granule"),
        pytest.param([(8, 0, 0), (8, 0, 64), (8, 90, 0), (0, 120, 0)], 0, [0, 1], id="two granules share a block"),
        pytest.param([(8, 0, 0), (8, 50, 10), (8, 90, 0), (0, 120, 0)], 50, [0, 1], id="one reaches into the next"),
        pytest.param([(8, 0, 0), (8, 90, 0), (0, 120, 0)], 50, [0], id="a granule of several blocks"),
        pytest.param([(8, 0, 0), (3, 50, 0)], 50, [1], id="no mark at the end"),
        pytest.param([(8, 0, 0), (3, 50, 0)], None, [], id="an error that names no block"),
    ],
)
def test_which_granules_a_block_spoils(marks, block, spoilt):
    granules = list(_from_marks(marks, block))
    assert [n for n, granule in enumerate(granules) if granule.is_spoilt] == spoilt
    assert granules[0].span == (0, 8)
    assert granules[-1].span[1] == sum(rows for rows, *_ in marks)
