"""The yardsticks for Insights queries: statements written by hand in chDB on the store that Groundwatch has filled, and
DuckDB on the same events, with the fields in typed columns and the rows sorted.

Run as processes of their own (`python -m benchmarks.query_alone by_hand EVENTS_DIRECTORY PARQUET ROUNDS` and `… duckdb
DATABASE PARQUET ROUNDS`), after the server has let go of the directory. They print seconds of every round, by name.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from groundwatch.logs.insights.compile import Group, Source, compile_query
from groundwatch.logs.insights.discovery import StoredFields
from groundwatch.logs.insights.pipeline import Window
from groundwatch.logs.shredding.columns import read_columns
from groundwatch.storage.clickhouse import open_client

TIMEOUT_S = 3_600
NEEDLE = "zanzibar"
HAYSTACK_WORD = "ERROR"
QUERIES = {
    "filter, count by bin": "filter status = 500 | stats count(*) by bin(5m)",
    "distinct by field": "stats count_distinct(user.id) by level",
    "percentile by field": "stats pct(latency_ms, 99) by path",
    "parse, mean by field": r'parse @message /"latency_ms":(?<took>[0-9.]+)/ | stats avg(took), count(*) by level',
    "rare word, newest 20": f'filter @message like "{NEEDLE}" | sort @timestamp desc | limit 20',
    "rare word, last 100": f'filter @message like "{NEEDLE}" | limit 100',
    "histogram": "stats count(*) by bin(5m)",
    "histogram of a word": f'filter @message like "{HAYSTACK_WORD}" | stats count(*) by bin(5m)',
}
# The number of the bin, so small that the engine counts in an array, and its time made of it afterwards.
BINS = """
    SELECT {{first}} + toInt64(number) * 300000 AS bin, events FROM (
        SELECT toUInt16(intDiv(toUInt32(timestamp - {{first}}), 300000)) AS number, count() AS events FROM events
        WHERE {{range}}{condition} GROUP BY number
    )
"""
AT_ONCE = "SETTINGS enable_multiple_prewhere_read_steps = 0"
NEEDLES = "SELECT timestamp, message FROM events WHERE {range} AND message LIKE '%{needle}%' ORDER BY timestamp DESC"
LATENCY = '"latency_ms":([0-9.]+)'
BY_HAND = {
    "filter, count by bin": BINS.format(condition=" AND {status} = 500") + AT_ONCE,
    "distinct by field": "SELECT {level} AS key, uniqExact({user.id}) FROM events WHERE {range} GROUP BY key",
    "percentile by field": (
        "SELECT {path} AS key, quantileExactInclusive(0.99)({latency_ms}) FROM events WHERE {range} GROUP BY key"
    ),
    "parse, mean by field": (
        f"SELECT {{level}} AS key, avg(toFloat64OrNull(extract(message, '{LATENCY}'))), count() FROM events "
        "WHERE {range} GROUP BY key"
    ),
    "rare word, newest 20": f"{NEEDLES} LIMIT 20",
    "rare word, last 100": f"{NEEDLES} LIMIT 100",
    "histogram": BINS.format(condition=""),
    "histogram of a word": BINS.format(condition=f" AND message LIKE '%{HAYSTACK_WORD}%'"),
}
"""Fields of messages are named in braces: each is in a column of the table."""
GROUP = "SELECT group_id FROM events GROUP BY group_id ORDER BY count() DESC LIMIT 1"
TIMES = "SELECT intDiv(min(timestamp), 300000) * 300000, max(timestamp) FROM events WHERE group_id = {group}"
RANGE = "group_id = {group} AND timestamp BETWEEN {first} AND {last}"
EXPORT = "SELECT timestamp, message FROM events WHERE {range} INTO OUTFILE '{parquet}' FORMAT Parquet"
STORE = """
    CREATE TABLE events AS SELECT timestamp, message, j->>'level' AS level, j->>'service' AS service,
        j->>'region' AS region, j->>'path' AS path, CAST(j->>'status' AS INTEGER) AS status,
        CAST(j->>'latency_ms' AS DOUBLE) AS latency_ms, CAST(j->>'bytes' AS BIGINT) AS bytes,
        CAST(j->>'retries' AS INTEGER) AS retries, j->>'request_id' AS request_id,
        CAST(j->>'cached' AS BOOLEAN) AS cached, CAST(j->>'$.user.id' AS BIGINT) AS user_id,
        j->>'$.user.plan' AS user_plan, j->>'$.http.method' AS http_method, j->>'$.http.agent' AS http_agent
    FROM (SELECT *, message::JSON AS j FROM read_parquet('{parquet}')) ORDER BY timestamp
"""
DUCK_BIN = "timestamp // 300000 * 300000"
DUCKDB = {
    "filter, count by bin": f"SELECT {DUCK_BIN} AS bin, count(*) FROM events WHERE status = 500 GROUP BY bin",
    "distinct by field": "SELECT level, count(DISTINCT user_id) FROM events GROUP BY level",
    "percentile by field": "SELECT path, quantile_cont(latency_ms, 0.99) FROM events GROUP BY path",
    "parse, mean by field": (
        f"SELECT level, avg(TRY_CAST(regexp_extract(message, '{LATENCY}', 1) AS DOUBLE)), count(*) FROM events "
        "GROUP BY level"
    ),
    "rare word, newest 20": (
        f"SELECT timestamp, message FROM events WHERE contains(message, '{NEEDLE}') ORDER BY timestamp DESC LIMIT 20"
    ),
    "rare word, last 100": (
        f"SELECT timestamp, message FROM events WHERE contains(message, '{NEEDLE}') ORDER BY timestamp DESC LIMIT 100"
    ),
    "histogram": f"SELECT {DUCK_BIN} AS bin, count(*) FROM events GROUP BY bin",
    "histogram of a word": (
        f"SELECT {DUCK_BIN} AS bin, count(*) FROM events WHERE contains(message, '{HAYSTACK_WORD}') GROUP BY bin"
    ),
}


Took = dict[str, list[float]]
"""Seconds of every round, by the name of the query."""


class Alone(msgspec.Struct, frozen=True):
    """What the statements took: those by hand, those that Groundwatch makes of the queries, and DuckDB's."""

    by_hand: Took
    compiled: Took
    duckdb: Took


def measure(events: Path, scratch: Path, rounds: int) -> Alone:
    """Run both yardsticks in processes of their own, one after the other."""
    parquet = scratch / "events.parquet"
    took = _measured("by_hand", events, parquet, rounds)
    return Alone(**took, **_measured("duckdb", scratch / "duck.db", parquet, rounds))


def _measured(yardstick: str, store: Path, parquet: Path, rounds: int) -> dict[str, Took]:
    command = [sys.executable, "-m", "benchmarks.query_alone", yardstick, str(store), str(parquet), str(rounds)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        raise RuntimeError(f"{yardstick} failed: {done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=dict[str, Took])


def _times(run: Callable[[str], object], statements: Iterable[tuple[str, str]], rounds: int) -> Took:
    found: Took = {}
    for name, sql in statements:
        for _ in range(rounds):
            start_s = time.perf_counter()
            run(sql)
            found.setdefault(name, []).append(time.perf_counter() - start_s)
    return found


def by_hand(events: str, parquet: str, rounds: int) -> dict[str, Took]:
    """Time the statements on the events table, and write the events down for DuckDB."""
    client = open_client(f"chdb://{events}")
    columns = read_columns(client)
    group = client.query(GROUP).result_rows[0][0]
    first, last = client.query(TIMES.format(group=group)).result_rows[0]
    of_group = RANGE.format(group=group, first=first, last=last)
    names = {"{" + ".".join(column.path) + "}": column.name for column in columns}
    names |= {"{range}": of_group, "{needle}": NEEDLE, "{first}": str(first)}
    statements = ((name, _filled(template, names)) for name, template in BY_HAND.items())
    took = _times(lambda sql: client.query(sql).result_rows, statements, rounds)
    stored = StoredFields(columns, complete=True, certain=True)
    source = Source("111122223333", [Group(group, "")], Window(first, last, last), stored=stored)

    def run(query: str) -> object:
        compiled = compile_query(query, source)
        return client.query(compiled.sql, compiled.parameters).result_rows

    compiled = _times(run, QUERIES.items(), rounds)
    client.command(EXPORT.replace("{range}", of_group).replace("{parquet}", parquet))
    client.close()
    return {"by_hand": took, "compiled": compiled}


def _filled(template: str, names: Mapping[str, str]) -> str:
    for placeholder, text in names.items():
        template = template.replace(placeholder, text)
    return template


def duckdb(database: str, parquet: str, rounds: int) -> dict[str, Took]:
    """Time the statements on a table of DuckDB."""
    import duckdb as engine  # noqa: PLC0415 - the other yardstick does without

    connection = engine.connect(database)
    connection.execute("SET threads = 2")
    connection.execute(STORE.replace("{parquet}", parquet))
    connection.execute("CHECKPOINT")
    return {"duckdb": _times(lambda sql: connection.execute(sql).fetchall(), DUCKDB.items(), rounds)}


def main() -> None:
    """Run the yardstick that the command line names."""
    yardstick, store, parquet, rounds = sys.argv[1:]
    took = {"by_hand": by_hand, "duckdb": duckdb}[yardstick](store, parquet, int(rounds))
    sys.stdout.buffer.write(msgspec.json.encode(took))


if __name__ == "__main__":
    main()
