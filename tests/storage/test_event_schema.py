"""An event store of any earlier version becomes one of today without a change to what it holds."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from groundwatch.storage import event_schema
from groundwatch.storage.clickhouse import open_client

CONTENT = "SELECT count(), sum(cityHash64(* EXCEPT shredded)) FROM events"
ROWS = """
    INSERT INTO events (group_id, stream_id, timestamp, ingested, batch, seq, message)
    SELECT 1, number % 7, 1760000000000 + number, 1760000100000, {batch}, number % 1000,
    concat('request ', toString(number), ' of batch {batch}') FROM numbers(20000)
    SETTINGS materialize_skip_indexes_on_insert = 0
"""
SEARCH = "SELECT count() FROM events WHERE message LIKE '%{word}%'"
SETTLED = "ALTER TABLE events MATERIALIZE INDEX message_runs SETTINGS mutations_sync = 1"


def store_as_of(client, version):
    """Make a store as the first `version` statements left it, some of it merged and some not."""
    newest = event_schema.MIGRATIONS
    event_schema.MIGRATIONS = newest[:version]
    event_schema.migrate_events(client)
    event_schema.MIGRATIONS = newest
    for batch in range(3):
        client.command(ROWS.format(batch=batch))
        if batch == 1:
            client.command("OPTIMIZE TABLE events FINAL")


def migrated(directory, version, repeated):
    """Return what a store of that version holds before and after, what searches find, and what they need to read."""
    client = open_client(f"chdb://{directory}")
    store_as_of(client, version)
    before = client.query(CONTENT).result_rows
    if repeated:
        # A crash came after the statement and before its number was written.
        client.command(event_schema.MIGRATIONS[version])
    event_schema.migrate_events(client)
    client.command(SETTLED)
    found = [client.query(SEARCH.format(word=word)).result_rows[0][0] for word in ("quest 4711", "nowhere")]
    plan = client.query("EXPLAIN indexes = 1 " + SEARCH.format(word="nowhere")).result_rows
    after = client.query(CONTENT).result_rows
    client.command("OPTIMIZE TABLE events FINAL")
    merged = client.query(CONTENT).result_rows
    client.close()
    return before, (after, merged), found, " ".join(line.strip() for (line,) in plan)


@pytest.mark.parametrize(
    ("version", "repeated"),
    [
        pytest.param(1, False, id="the first version"),
        *(
            pytest.param(version, True, id=f"a crash after statement {version + 1}, before its number")
            for version in range(1, len(event_schema.MIGRATIONS))
        ),
    ],
)
def test_a_store_of_an_earlier_version_keeps_its_events_and_gets_the_new_index(tmp_path, version, repeated):
    # The engine opens one directory a process.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        before, afterwards, found, plan = process.submit(migrated, tmp_path / "events", version, repeated).result()
    assert afterwards == (before, before)
    assert found == [3, 0]
    assert "Name: message_runs" in plan
    assert "Granules: 0/" in plan
    assert "message_ngrams" not in plan
