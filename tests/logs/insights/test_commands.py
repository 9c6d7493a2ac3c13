"""Commands that look beyond one row, each row of a table a rule."""

import json

import pytest
from tests.logs.insights.conftest import END_MS

from groundwatch.logs.insights.pipeline import Window

START_MS = 1_767_312_000_000
MINUTE_MS = 60_000


def put(group, rows) -> None:
    group.put([{"timestamp": START_MS + minute * MINUTE_MS, "message": message} for minute, message in rows])


@pytest.fixture
def logins(group, beside):
    put(
        group,
        [
            (0, '{"n":1,"user":"a","ms":10}'),
            (1, '{"n":2,"user":"b","ms":20}'),
            (2, '{"n":3,"user":"a"}'),
            (50, '{"n":4,"user":"a","ms":30}'),
            (51, '{"n":5,"ms":1000}'),
        ],
    )
    put(beside, [(0, '{"id":"a","team":"red","level":1}'), (1, '{"id":"a","team":"blue"}'), (2, '{"id":"z"}')])
    return group


def values(rows) -> list[str]:
    """Return each row as its values, joined."""
    return [" ".join(value for _, value in row) for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Rows before.
        ("sort n | accum ms as t | display n, t", ["1 10", "2 30", "3 30", "4 60", "5 1060"]),
        ("sort n desc | accum n | display n", ["5", "9", "12", "14", "15"]),
        ("sort n | autoregress n p=1-2 | display n, n_p1, n_p2", ["1", "2 1", "3 2 1", "4 3 2", "5 4 3"]),
        ("sort n | autoregress n as before | display before", ["", "1", "2", "3", "4"]),
        ("sort n | filldown ms | display n, ms", ["1 10", "2 20", "3 20", "4 30", "5 1000"]),
        ("fields n, user, ms | sort n | filldown u*", ["1 a 10", "2 b 20", "3 a", "4 a 30", "5 a 1000"]),
        ("fields n, user, ms | sort n | filldown", ["1 a 10", "2 b 20", "3 a 20", "4 a 30", "5 a 1000"]),
        ("stats count(*) as c by user | sort user | accum c as t", ["1 1", "a 3 4", "b 1 5"]),
        # Sessions.
        ("sort n | sessionize user | display n, session_id", ["1 a-1", "2 b-1", "3 a-1", "4 a-2", "5"]),
        ("sort n | sessionize user maxspan 1h as s | display s", ["a-1", "b-1", "a-1", "a-1", ""]),
        # Ends of the order.
        ("fields n | sort n | tail 2", ["4", "5"]),
        ("fields n | tail 2", ["2", "1"]),
        ("fields n | order by n desc | head 1", ["5"]),
        # Nothing is masked.
        ("filter n = 1 | fields unmask(@message) as m, unmask(ms) + 1 as x", ['{"n":1,"user":"a","ms":10} 11']),
        # Changes and ranges.
        ("stats rate(n, 1m) as r, rate(ms, 1h) as s", ["0.0784 1164.7059"]),
        ("stats rate(n, 1m) as r by user | sort user", ["", "a 0.06", "b"]),
        ("stats histogram(n, 2) as h", ['{"1":2,"3":3}']),
        ("stats histogram(n, 3) as h by user | sort user", ['{"5":1}', 'a {"1":1,"2":0,"3":2}', 'b {"2":1}']),
        ("stats histogram(ms, 2) as h | display h.10", ["3"]),
        ("stats histogram(nope, 2) as h, count(*) as c", ["5"]),
        ("stats count_over_time(ms) as c, sum_over_time(n) as s by bin(10m) | display c, s | sort s",
         ["2 6", "2 9"]),
        # Sums.
        ("fields n | sort n | head 2 | appendcols (fields n) | appendcols (fields n as b) | appendcols (fields n as c)",
         ["1 5 5", "2 4 4"]),
        ("fields n, ms | sort n | limit 2 | addtotals", ["1 10 11", "2 20 22"]),
        ("fields n, ms | sort n | addtotals row=false col=true", ["1 10", "2 20", "3", "4 30", "5 1000", "15 1060"]),
        (
            "fields user, n | sort n | limit 2 | addtotals col=true fieldname=sum n",
            ["a 1 1", "b 2 2", "3 3"],
        ),
        # Outliers.
        ("fields ms | sort n | outlier param=1 ms", ["10", "20", "", "30", "527.5"]),
        ("fields n | sort n | outlier action=remove param=1 ms", ["1", "2", "3", "4"]),
        # Bins.
        (
            "stats count(*) as c by bin(25m) as t | fillmissing with 0 for c | sort t",
            ["2026-01-02 00:00:00.000 3", "2026-01-02 00:25:00.000 0", "2026-01-02 00:50:00.000 2"],
        ),
        (
            "filter ispresent(user) | stats max(n) as m by bin(25m) as t, user | fillmissing | sort user, t",
            [
                "2026-01-02 00:00:00.000 a 3",
                "2026-01-02 00:25:00.000 a",
                "2026-01-02 00:50:00.000 a 4",
                "2026-01-02 00:00:00.000 b 2",
            ],
        ),
        (
            "stats count(*) as c by bin(20m) as t offset 15m | sort t",
            ["2026-01-01 23:55:00.000 3", "2026-01-02 00:35:00.000 2"],
        ),
        # Lists.
        ("stats values(user) as u", ['["a","b"]']),
        ("stats topk(1, user)", ['["a"]']),
        ("fields split('a,b', ',') as l | limit 1 | display l.1, l", ['b ["a","b"]']),
        # Other sources.
        (
            "join left=l right=r where l.user=r.id (SOURCE '/beside') | sort n, r.team | display l.n, r.team, r.level",
            ["1 blue", "1 red 1", "3 blue", "3 red 1", "4 blue", "4 red 1"],
        ),
        (
            ("join type=left left=l right=r where r.id = l.user (SOURCE '/beside' | filter team = 'red')"
            " | filter not ispresent(r.team) | sort n | display n, r.level"),
            ["2", "5"],
        ),
        (
            ("join left=l right=r where l.user=r.id (SOURCE '/beside' | stats count(*) as c by id)"
            " | stats sum(r.c) as s, count(*) as n by l.user"),
            ["a 6 3"],
        ),
        (
            "stats count(*) as c by user | sort user | appendcols (SOURCE '/beside' | sort @timestamp | fields id, c)",
            ["1 a", "a 3 a", "b 1 z"],
        ),
        ("fields n | sort n | limit 2 | appendcols override=true max=1 (SOURCE '/beside' | fields id as n)", ["z", ""]),
        # What is read.
        ("filter n = 1 | estimate", ["113"]),
        ("json 'n' as m | filter m = 2 | display m", ["2"]),
        ("fields '{\"k\":[{\"s\":7}]}' as t | json field=t 'k.0.s' as s | limit 1 | display s", ["7"]),
        ("filterIndex user = 'b' | display n", ["2"]),
        ("filterIndex user in ['b', 'x'] | display n", ["2"]),
        # Addresses.
        (
            ("fields isPublicIP('8.8.8.8') as a, isPublicIP('10.0.0.1') as b, isPublicIP('127.0.0.1') as c, "
            "isReservedIP('127.0.0.1') as d, isReservedIP('8.8.8.8') as e, isPublicIP('2001:4860::1') as f, "
            "isReservedIP('no') as g | limit 1"),
            ["1 0 0 1 0 1 0"],
        ),
    ],
)  # fmt: skip
def test_a_command_gives_its_rows(logins, query, expected):
    assert values(logins.run(query)) == expected


@pytest.fixture
def lines(group):
    now = [f"user {n} logged in from 10.0.0.{n}" for n in range(1, 7)] + ["Error: disk full"] * 2
    earlier = [f"user {n} logged in from 10.1.0.{n}" for n in range(3)] + ["Warning: slow"]
    put(group, [(60 * 24 + n, line) for n, line in enumerate(now)] + list(enumerate(earlier)))
    return group


DAY_MS = 24 * 60 * MINUTE_MS
TODAY = Window(START_MS + DAY_MS, START_MS + 2 * DAY_MS - 1, END_MS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "pattern @message | display @pattern, @ratio, @sampleCount, @severityLabel",
            ["user <Number-1> logged in from <IP-2> 0.75 6 INFO", "Error: disk full 0.25 2 ERROR"],
        ),
        ("filter @message like 'rror' | pattern @message | display @logSamples", ['["Error: disk full"]']),
        ("pattern @message | filter @sampleCount < 3 | display @ratio", ["0.25"]),
        ("pattern @message | sort @sampleCount | limit 1 | display @pattern", ["Error: disk full"]),
        ("parse @message 'user *' as u | pattern u | display @pattern", ["<Number-1> logged in from <IP-2>"]),
        (
            "diff | display @pattern, @sampleCount, @differenceCount, @differenceDescription, @severityLabel",
            [
                "user <Number-1> logged in from <IP-2> 6 3 100% more events INFO",
                "Error: disk full 2 2 New pattern ERROR",
                "Warning: slow 0 -1 Pattern no longer present WARN",
            ],
        ),
        ("pattern @message | diff previousDay | filter @differenceCount > 2 | display @differenceCount", ["3"]),
        ("logcompare timeshift 2d | display @differenceDescription", ["New pattern", "New pattern"]),
        ("filter @message = 'none' | pattern @message", []),
    ],
)
def test_patterns_are_rows(lines, query, expected):
    assert values(lines.run(query, window=TODAY)) == expected


def test_a_pattern_has_all_its_columns(lines):
    row = dict(lines.run("pattern @message | limit 1", window=TODAY)[0])
    assert list(row) == [
        *("@PatternId", "@pattern", "@ratio", "@sampleCount", "@severityLabel", "@regexString", "@tokens"),
        "@logSamples",
    ]
    assert [token["tokenString"] for token in json.loads(row["@tokens"])] == ["<Number-1>", "<IP-2>"]


def test_many_patterns_are_as_many_rows(group):
    put(
        group,
        [(0, f"{chr(97 + a)}{chr(97 + b)}x only {'word ' * 20}here {b} {a}") for a in range(20) for b in range(20)],
    )
    assert len(group.run("pattern @message | display @pattern, @tokens")) == len(group.run("pattern @message"))


def test_rows_that_are_made_bring_no_count_of_events(group):
    query = "filter n > 0 | stats count(*) by bin(5m)"
    assert group.compile(query).counts_along
    assert not group.compile(f"{query} | fillmissing").counts_along
