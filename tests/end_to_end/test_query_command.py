"""`groundwatch query` against a running server."""

import csv
import io
import json
import re
import time

import pyarrow.parquet as pq
import pytest
from tests.live import run_command

GROUP = "/query-command/app"


@pytest.fixture(scope="module")
def events(server) -> None:
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
    now_ms = int(time.time() * 1000)
    messages = [json.dumps({"level": level, "n": n}) for n, level in enumerate(["info", "error", "info", "warn"] * 25)]
    batch = [{"timestamp": now_ms - 60_000 + 500 * n, "message": message} for n, message in enumerate(messages)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=batch)


@pytest.fixture
def query(server, events):
    def query(*words: str, code: int = 0):
        environment = {"AWS_ENDPOINT_URL": server.service_url}
        return run_command("query", *words, "--data", str(server.data), environment=environment, code=code)

    return query


def test_a_table_with_a_summary_beside_it(query):
    done = query(GROUP, "stats count(*) as n by level | sort n desc, level")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["level", "n"],
        ["info", "50"],
        ["error", "25"],
        ["warn", "25"],
    ]
    assert re.match(r"3 rows · 100 events \(2\.\d kB\) scanned, 100 matched, ", done.stderr)


def test_json_and_csv_for_programs(query):
    rows = json.loads(query(GROUP, "fields n | sort n asc | limit 2", "--format", "json").stdout)
    assert [row["n"] for row in rows] == ["0", "1"]
    assert all(row["@ptr"] for row in rows)
    text = query(GROUP, "fields n, level | sort n asc | limit 2", "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(text))) == [["n", "level"], ["0", "info"], ["1", "error"]]


def test_charts(query):
    assert "┤" in query(GROUP, "stats count(*) by bin(10s)", "--chart").stdout
    assert "█" in query(GROUP, "stats count(*) by level", "--chart").stdout
    assert "no column of numbers" in query(GROUP, "fields level | limit 1", "--chart").stderr


def test_files_hold_all_rows(query, tmp_path):
    path = tmp_path / "rows.parquet"
    done = query(GROUP, "fields @timestamp, n, level", "--out", str(path))
    assert f"100 rows in {path}" in " ".join(done.stderr.split())
    found = pq.read_table(path).to_pylist()
    assert [row["n"] for row in found] == [str(n) for n in range(99, -1, -1)]


def test_a_query_may_name_its_groups(query):
    assert "100" in query(f"SOURCE '{GROUP}' | stats count(*)").stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((GROUP, "fieldz a"), 1, "MalformedQueryException: "),
        (("/none", "fields a"), 1, "ResourceNotFoundException: Log group '/none' does not exist"),
        ((GROUP, "fields a", "--start", "soon"), 2, "--start: 'soon' is no time"),
        ((GROUP, "fields a", "--out", "x.txt"), 2, "--out: 'x.txt' says no form"),
        ((GROUP, "fields a", "--out", "x.csv", "--limit", "5"), 2, "end the query with a limit command"),
        ((GROUP, "fields a", "--out", "x.csv", "--chart"), 2, "leave --format and --chart out"),
        ((GROUP, "fields a", "--out", "x.csv", "--format", "json"), 2, "leave --format and --chart out"),
    ],
)
def test_mistakes_are_one_line(query, words, code, said):
    done = query(*words, code=code)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
