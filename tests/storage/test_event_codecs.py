"""Messages are compressed in one way when inserted and in another when merged, where the engine is ours."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from groundwatch.storage.clickhouse import open_client
from groundwatch.storage.event_codecs import choose_codecs
from groundwatch.storage.event_schema import migrate_events

ROWS = """
    INSERT INTO events (group_id, stream_id, timestamp, ingested, batch, seq, message)
    SELECT 1, 2, 1760000000000 + number, 1760000000000, {batch:UInt64}, number, concat('request ', toString(number))
    FROM numbers(20000)
"""
PARTS = """
    SELECT level, default_compression_codec FROM system.parts
    WHERE active AND database = currentDatabase() AND table = 'events' ORDER BY ALL
"""
CODECS = """
    SELECT compression_codec, extract(engine_full, 'default_compression_codec = \\'(\\w+)\\'') FROM system.columns AS c
    JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database = currentDatabase() AND c.table = 'events' AND c.name = 'message'
"""
CONTENT = "SELECT count(), sum(cityHash64(*)) FROM events"


def inserted_and_merged(directory):
    client = open_client(f"chdb://{directory}")
    migrate_events(client)
    client.command("SYSTEM STOP MERGES events")
    client.command(ROWS, parameters={"batch": 1})
    choose_codecs(client, embedded=True)
    client.command(ROWS, parameters={"batch": 2})
    inserted, before = client.query(PARTS).result_rows, client.query(CONTENT).result_rows
    client.command("SYSTEM START MERGES events")
    client.command("OPTIMIZE TABLE events FINAL")
    merged, after = client.query(PARTS).result_rows, client.query(CONTENT).result_rows
    client.close()
    return inserted, merged, before == after


def chosen(directory, engines):
    client = open_client(f"chdb://{directory}")
    migrate_events(client)
    found = []
    for embedded in engines:
        choose_codecs(client, embedded=embedded)
        found.append(client.query(CODECS).result_rows[0])
    client.close()
    return found


def in_a_process(work, *arguments):
    # The engine opens one directory a process.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def test_what_is_inserted_is_written_fast_and_what_is_merged_is_read_fast(tmp_path):
    inserted, merged, is_unchanged = in_a_process(inserted_and_merged, tmp_path / "events")
    assert [tuple(row) for row in inserted] == [(0, "LZ4"), (0, "LZ4")]
    assert [codec for _, codec in merged] == ["LZ4HC(4)"]
    assert is_unchanged


@pytest.mark.parametrize(
    ("engines", "codecs"),
    [
        pytest.param([True, True], [("CODEC(Default)", "")] * 2, id="embedded, and started again"),
        pytest.param([False], [("CODEC(ZSTD(1))", "LZ4")], id="a server"),
        pytest.param([True, False], [("CODEC(Default)", ""), ("CODEC(ZSTD(1))", "LZ4")], id="moved to a server"),
    ],
)
def test_who_configures_the_engine_decides(tmp_path, engines, codecs):
    found = in_a_process(chosen, tmp_path / "events", engines)
    assert [tuple(row) for row in found] == codecs
