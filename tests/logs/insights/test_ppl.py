"""Queries in PPL: their answers, and their refusals."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.test_refusals import TIMES, mutated_of

from groundwatch.aws.errors import ServiceError
from groundwatch.storage.errors import StorageError

START_MS = 1_767_312_000_000


def values(rows) -> list[str]:
    return [" ".join(value for _, value in row) for row in rows]


@pytest.fixture
def requests(group, beside):
    messages = [
        '{"n":1,"user":"a","ms":10,"path":"/x","ip":"10.0.0.1"}',
        '{"n":2,"user":"b","ms":20,"path":"/y"}',
        '{"n":3,"user":"a","path":"/x","tags":["p","q"]}',
        '{"n":4,"user":"a","ms":30,"path":"/x"}',
        '{"n":5,"ms":1000,"path":"/z","line":"GET 1.2.3.4 200"}',
    ]
    group.put([{"timestamp": START_MS + n * 60_000, "message": message} for n, message in enumerate(messages)])
    beside.put([{"timestamp": START_MS, "message": '{"id":"a","team":"red"}'}])
    return group


CASES = [
    ("fields n | sort n | head 2", ["1", "2"]),
    ("fields n, ms | sort - ms, n | head 3", ["5 1000", "4 30", "2 20"]),
    ("fields n, user, ms | fields - user | sort n | head 1", ["1 10"]),
    ("fields n | sort n | head 2 from 1", ["2", "3"]),
    ("where user = 'a' and not isnull(ms) | fields n | sort n", ["1", "4"]),
    ("where n in (1, 3, 9) | fields n | sort n", ["1", "3"]),
    ("where n not in (1, 3, 9) and n < 5 | fields n | sort n", ["2", "4"]),
    ("where path like '/_' and n between 2 and 3 | fields n | sort n", ["2", "3"]),
    ("where like(user, 'A%') | fields n", []),
    ("eval x = n * 2, y = upper(user) | where x > 6 | fields x, y | sort x", ["8 A", "10"]),
    ("stats count() as c, avg(ms) by user | sort user", ["1 1000", "3 20 a", "1 20 b"]),
    ("stats count() by span(@timestamp, 2m) as t | sort t",
     ["2 2026-01-02 00:00:00.000", "2 2026-01-02 00:02:00.000", "1 2026-01-02 00:04:00.000"]),
    ("stats count() as c by span(n, 2) as s | sort s", ["1 0", "2 2", "2 4"]),
    ("stats distinct_count(user) as d, percentile(ms, 50) as p, stddev_samp(n) as s", ["2 25 1.5811"]),
    ("stats count() as c by user | where c > 1 | fields user", ["a"]),
    ("sort n | stats count() as c", ["5"]),
    ("sort n | dedup user | fields n", ["1", "2"]),
    ("sort n | dedup 2 user | eval m = n + 1 | fields m", ["2", "3", "4"]),
    ("top 1 path", ["/x 3"]),
    ("rare 1 path | fields path", ["/y"]),
    ("top 2 path by user | where count = 3 | fields user", ["a"]),
    ("top 1 path by user | sort user | fields user, path", ["/z", "a /x", "b /y"]),
    ('where n = 5 | parse line "(?<verb>[A-Z]+) (?<addr>\\S+)" | fields verb, addr', ["GET 1.2.3.4"]),
    ("where n = 5 | grok line '%{WORD:verb} %{IP:addr} %{NUMBER:status}' | fields status", ["200"]),
    ("fields n, user | rename user as who | sort n | head 1 | fields who", ["a"]),
    ("fields n, ms | sort n | fillnull using ms = 0", ["1 10", "2 20", "3 0", "4 30", "5 1000"]),
    ("fields n, user | sort n | fillnull with 'x' in user | where user = 'x'", ["5 x"]),
    ("where n = 3 | expand tags as t | fields t | sort t", ["p", "q"]),
    ("sort n | eventstats max(ms) as m by user | fields n, m", ["1 30", "2 20", "3 30", "4 30", "5 1000"]),
    ("sort n | trendline sma(2, n) as t | fields t", ["", "1.5", "2.5", "3.5", "4.5"]),
    ("join left=l right=r on l.user = r.id `/beside` | stats count() as c by r.team", ["3 red"]),
    ("left join left=l right=r on l.user = r.id `/beside` | where isnull(r.team) | fields n | sort n", ["2", "5"]),
    ("where user in [ search source=[lg:`/beside`] | fields id ] | fields n | sort n", ["1", "3", "4"]),
    ("where ms > [ where n < 5 | stats avg(ms) as m ] | fields n | sort n", ["4", "5"]),
    ("where user = [ source=`/beside` | fields id | head 1 ] and n < 4 | fields n | sort n", ["1", "3"]),
    ("where exists [ source=`/beside` | where team = 'red' ] and n = 1 | fields n", ["1"]),
    ("where not exists [ source=`/beside` | where team = 'blue' ] and n = 1 | fields n", ["1"]),
    ("where exists [ search source=`/beside` | where team = 'blue' ] | fields n", []),
    ("where cidrmatch(ip, '10.0.0.0/8') | fields n", ["1"]),
    (
        ("where n = 1 | eval a = substring(path, 2, 1), b = concat(user, '-', path), c = length(path),"
        " d = position('x' , path), e = right(path, 1), f = ifnull(nope, 'z'), g = if(n = 1, 'one', 'more'),"
        " h = nullif(user, 'a'), i = reverse(ip) | fields a, b, c, d, e, f, g, h, i"),
        ["x a-/x 2 2 x z one 1.0.0.01"],
    ),
    (
        ("where n = 1 | eval a = year(@timestamp), b = hour(@timestamp), c = date_add(@timestamp, interval 1 day),"
        " d = timestampdiff(DAY, @timestamp, c), e = date_format(@timestamp, 'yyyy/MM'), f = unix_timestamp(@timestamp)"
        " | fields a, b, c, d, e, f"),
        ["2026 0 2026-01-03 00:00:00.000 1 2026/01 1767312000"],
    ),
    (
        ("where n = 1 | eval a = pow(2, 3), b = mod(7, 4), c = log10(100), d = cast('7' as int) + 1,"
        " e = cast(n as string), f = case(n = 2, 'two', n = 1, 'one' else 'more'), g = ceil(1.2), h = sign(-3)"
        " | fields a, b, c, d, e, f, g, h"),
        ["8 3 2 8 1 one 2 -1"],
    ),
    (
        ("where n = 3 | eval a = json_extract(@message, '$.tags[0]'), b = array_length(tags), c = json_valid(@message),"
        " d = md5('x'), e = crc32('x') | fields a, b, c, d, e"),
        ["p 2 1 9dd4e461268c8034f5c8564e155c67a6 2363233923"],
    ),
    ("where n > 1 | fieldsummary includefields=ms", ["ms 3 3 20 1000 350 350 562.9387 1 bigint"]),
    ("fieldsummary includefields=ms nulls=true | fields AVG, Nulls", ["212 1"]),
    ("fieldsummary nulls=false includefields = `user`", ["user 4 2 a b 1 string"]),
    ("fieldsummary includefields=@timestamp | fields TYPEOF, MIN", ["timestamp 2026-01-02 00:00:00.000"]),
    ("where n = 9 | fieldsummary includefields=n", []),
    ("eval o = from_json('{\"b\":2,\"a\":{\"c\":[5]}}') | flatten o | where b - n = 1 | fields n, a.c.0", ["1 5"]),
    ("eval o = from_json('{\"user\":7}') | flatten o | sort n | head 1 | stats sum(user) as s, max(path) as p",
     ["7 /x"]),
    ("where n = 1 | eval o = '{\"b\":2,\"a\":\"x\"}' | flatten o as (p, q, r) | fields n, p, q, r", ["1 x 2"]),
    ("where n = 2 | flatten tags as (p) | fields n, p", ["2"]),
    ("where n = 1", ['2026-01-02 00:00:00.000 {"n":1,"user":"a","ms":10,"path":"/x","ip":"10.0.0.1"}']),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), CASES)
def test_a_query_has_its_answer(requests, query, expected):
    assert values(requests.run(query, language="PPL")) == expected


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ("feilds a", (0, 6), "unknown command feilds; did you mean fields?"),
        ("patterns a", (0, 8), "the command patterns is not supported by Groundwatch"),
        ("fields a | where", (16, 16), "unexpected end of the query at line 1 and position 17"),
        ("eval x = lenght(a)", (9, 18), "unknown function lenght; did you mean length?"),
        ("eval x > 1", (7, 8), "= is expected in place of >"),
        ("eval x = date_format(@timestamp, 'notyyyy/MM')", (34, 35), "date_format does not support n, at character 1"),
        ("eval x = date_format(@timestamp, 'yyyy''MM')", None, "unexpected symbol found"),
        (
            'eval x = date_format(@timestamp, "yyyy\'MM")',
            (38, 41),
            "date_format: the quoted text in the pattern",
        ),
        ("eval x = to_date(a, 'yyyy-LL')", (26, 28), "to_date does not support LL, at character 6"),
        ("fieldsummary includefields=a, b", (30, 31), "fieldsummary is about one field: includefields=FIELD"),
        ("fieldsummary", (0, 12), "fieldsummary is about one field: includefields=FIELD"),
        (
            "fieldsummary includefeilds=a",
            (13, 26),
            "fieldsummary has no option includefeilds; did you mean includefields?",
        ),
        ("fieldsummary includefields=a nulls=maybe", (35, 40), "the option nulls is true or false"),
        ("fields a | flatten b", (11, 20), "which members an object has differs from event to event"),
        ("flatten b as (c", (15, 15), "unexpected end of the query"),
        ("grok a '%{WROD:x}'", (7, 18), "unknown kind %{WROD} of grok; did you mean WORD?"),
        ("eval x = cast(a as itn)", (9, 23), "unknown type itn; did you mean int?"),
        ("source = [ds:`amazon_vpc.flow`] | fields a", None, "a source other than log groups"),
        ("right join left=l right=r on l.a = r.b g", None, "right join is not supported by Groundwatch"),
        (
            "where a in [ source=x | where b in [ source=y | fields c ] ]",
            None,
            "a subquery cannot have a subquery itself",
        ),
        ("where a = [ source=x | fields b ]", (12, 31), "a subquery that stands for a value gives one row"),
        ("where a = [ source=x | stats count() by b ]", (12, 41), "a subquery that stands for a value gives one"),
        ("where a = [ source=x | head 1 | expand b as c | fields c ]", (12, 56), "a subquery that stands for a value"),
        ("where exists [ where a in [ fields b ] ]", (28, 36), "a subquery cannot have a subquery itself"),
        ("head 0", (5, 6), "an integer between 1 and 100000 is expected"),
        ("stats count() by user | where usr = 1", (30, 33), "Unknown symbols found in or after stats: usr"),
        ("where a = 'x", (10, 12), "the string that begins with ' has no end"),
    ],
)
def test_a_query_is_refused(group, query, where, said):
    group.assert_refused(query, where, said, language="PPL")


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    query=mutated_of(
        [query for query, _ in CASES],
        (
            "| top 2 a by b",
            "| eventstats sum(a) as x",
            "cast(",
            "fields - a",
            "[ stats max(a) as m ]",
            "exists [ fields a ]",
            "| flatten o as (a)",
            "| flatten a | fields b",
            "| fieldsummary includefields=a nulls=true",
            *TIMES,
        ),
    )
)
def test_a_mutated_query_has_a_result_or_is_refused(requests, query):
    try:
        compiled = requests.compile(query, language="PPL")
    except ServiceError as refused:
        assert refused.code == "MalformedQueryException"
        return
    try:
        requests.rows(compiled.sql, compiled.parameters)
    except StorageError as error:
        raise AssertionError(f"{query!r} became a statement that fails:\n{compiled.sql}") from error


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60))
def test_any_text_is_a_query_or_refused(group, text):
    try:
        group.compile(text, language="PPL")
    except ServiceError as refused:
        assert refused.code == "MalformedQueryException"
