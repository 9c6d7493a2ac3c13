"""Inserts that go to the embedded engine through memory."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import Error

from groundwatch.storage.clickhouse import EMBEDDED_OPTIONS, open_client
from groundwatch.storage.embedded import EmbeddedClient
from groundwatch.storage.errors import StorageError

TEXTS = ["plain", "", "naïve ☃ 🌍", "a\0b\n\t'\"\\", "x" * 100_000]


def in_new_process(work, *arguments):
    # An engine opens one directory a process.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def stored(directory):
    client = open_client(f"chdb://{directory}")
    client.command("CREATE TABLE notes (number UInt16, text String) ENGINE = MergeTree ORDER BY number")
    rows = {"number": pa.array(range(len(TEXTS)), pa.uint16()), "text": pa.array(TEXTS, pa.string())}
    client.insert_arrow("notes", pa.table(rows), settings={"optimize_on_insert": "0"})
    failures = []
    for wrong in (pa.table({"nothing": pa.array([1])}), pa.table({"number": pa.array(["a"])})):
        try:
            client.insert_arrow("notes", wrong)
        except StorageError as error:
            failures.append(str(error))
    # What failed must not stand in the way of the next one.
    client.insert_arrow("notes", pa.table({"number": pa.array([9], pa.uint16()), "text": pa.array(["last"])}))
    found = client.query("SELECT number, text FROM notes ORDER BY number").result_rows
    client.command(
        "CREATE TABLE crowded (text String) ENGINE = MergeTree ORDER BY text SETTINGS parts_to_throw_insert = 1"
    )
    for _ in range(2):
        try:
            client.insert_arrow("crowded", pa.table({"text": pa.array(["a"])}))
        except StorageError as error:
            failures.append(str(error))
    client.close()
    return [tuple(row) for row in found], failures


@pytest.mark.timeout(120)
def test_rows_are_stored_as_they_are_and_failures_are_told(tmp_path):
    found, failures = in_new_process(stored, tmp_path / "events")
    assert found == [*enumerate(TEXTS), (9, "last")]
    assert len(failures) == 3
    assert "nothing" in failures[0]
    assert "number" in failures[1] or "'a'" in failures[1]
    # What goes wrong when the rows are written must not go unnoticed: callers are told that they are on disk.
    assert "TOO_MANY_PARTS" in failures[2]


FAILS = "SELECT number, throwIf(number = {last}) FROM numbers(200000) SETTINGS max_block_size = 1000, max_threads = 1"


def after_failures(directory):
    client = open_client(f"chdb://{directory}")
    found = []
    for again in (lambda: client.query(FAILS.format(last=10**9)).result_rows, lambda: client.command("SELECT 7")):
        try:
            client.query(FAILS.format(last=150_000))
        except Error as error:
            found.append(type(error).__name__)
        answer = again()
        found.append(answer if isinstance(answer, int) else len(answer))
    client.close()
    return found


@pytest.mark.timeout(120)
def test_rows_of_a_statement_that_fails_are_not_among_those_of_the_next(tmp_path):
    assert in_new_process(after_failures, tmp_path / "events") == ["DatabaseError", 200_000, "DatabaseError", 7]


def test_an_engine_that_keeps_such_rows_is_not_asked_further():
    class Broken:
        def query(self, sql):
            raise RuntimeError(sql)

        command = insert = query

    client = EmbeddedClient(Broken(), lambda: None, {})
    with pytest.raises(RuntimeError, match="one"):
        client.query("one")
    with pytest.raises(StorageError, match="does not let go"):
        client.command("two")


def known(directory):
    client = open_client(f"chdb://{directory}")
    found = dict(client.query("SELECT name, value FROM system.server_settings").result_rows)
    client.close()
    return found


@pytest.mark.timeout(120)
def test_the_engine_hears_of_its_options(tmp_path):
    told = {name: value for name, value in EMBEDDED_OPTIONS.items() if name != "config-file"}
    found = in_new_process(known, tmp_path)
    assert {name: found[name] for name in told} == told
