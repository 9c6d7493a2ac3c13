"""Messages are compressed in one way when inserted and in another when merged, where the engine is ours."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from groundwatch.storage.clickhouse import open_client
from groundwatch.storage.event_codecs import choose_codecs
from groundwatch.storage.event_schema import migrate_events

ROWS = """
    INSERT INTO events (group_id, stream_id, timestamp, ingested, batch, seq, message)
    SELECT 1, 2, 1760000000000 + number, 1760000000000, {batch:UInt64}, number, randomPrintableASCII({size:UInt64})
    FROM numbers(20000)
"""
PARTS = """
    SELECT default_compression_codec FROM system.parts
    WHERE active AND database = currentDatabase() AND table = 'events'
"""
CODECS = """
    SELECT compression_codec, extract(engine_full, 'default_compression_codec = \\'(\\w+)\\'') FROM system.columns AS c
    JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database = currentDatabase() AND c.table = 'events' AND c.name = 'message'
"""
CONTENT = "SELECT count(), sum(cityHash64(*)) FROM events"


def merged(directory, size):
    """Return the codecs of two parts and of what they are merged into, and whether that holds the same."""
    client = open_client(f"chdb://{directory}")
    migrate_events(client)
    client.command("SYSTEM STOP MERGES events")
    client.command(ROWS, parameters={"batch": 1, "size": size})
    choose_codecs(client, embedded=True)
    client.command(ROWS, parameters={"batch": 2, "size": size})
    found = [codec for (codec,) in client.query(PARTS).result_rows]
    before = client.query(CONTENT).result_rows
    client.command("SYSTEM START MERGES events")
    client.command("OPTIMIZE TABLE events FINAL")
    found += [codec for (codec,) in client.query(PARTS).result_rows]
    after = client.query(CONTENT).result_rows
    client.close()
    return found, before == after


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


@pytest.mark.parametrize(
    ("size", "codec"), [pytest.param(10, "LZ4", id="a small part"), pytest.param(600, "LZ4HC(4)", id="a large part")]
)
def test_what_is_inserted_is_written_fast_and_what_has_grown_is_read_fast(tmp_path, size, codec):
    found, is_unchanged = in_a_process(merged, tmp_path / "events", size)
    assert found == ["LZ4", "LZ4", codec]
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
