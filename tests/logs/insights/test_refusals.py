"""What is wrong or not supported is refused by name, with its place; nothing is dropped."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.test_examples import EXAMPLES

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.insights.parse import parse_query
from groundwatch.storage.errors import StorageError

QUERIES = [
    *(example["query"] for example in EXAMPLES),
    "join type=left left=l right=r where l.a=r.b (SOURCE 'x' | stats count(*) as c by b) | stats sum(r.c) by l.a",
    "stats count(*) as n by bin(5m) as t, b offset 1m | fillmissing with 0 for n | sort t | accum n as m",
    "fields a, n | sort a | filldown a | appendcols max=3 (SOURCE 'x' | fields b) | addtotals col=true | tail 2",
    "filter a in (SOURCE 'x' | stats count(*) as c by a | display a) | sessionize b maxspan 5m as s | stats values(s)",
]
PIECES = (
    *(
        "|",
        "(",
        ")",
        "[",
        "]",
        ",",
        "not",
        "-",
        "/",
        "`",
        '"',
        "'",
        "*",
        "5m",
        "bin(1q)",
        "count(*)",
        "by",
        "as x",
        " ",
    ),
    *("0", "9" * 30, "1e308", "-1", "like /x/", "in [1]", "^", "%", "=~", "@timestamp", "a.0.b", "@@x", "null", "\x00"),
    *("sort a", "| limit 3", "| dedup a", "| stats sum(a) as a by bin(1w)", 'parse "*-*" as a, b |', "é", "\n# c\n"),
    *("md5(", "case(", "pct(a, 50)", "parseDate(a, 'QQ')", "formatDate(a, '%Y')", "1d", "dateceil(a, 9999y)"),
    *(
        "| expand a",
        "| unnest a into b",
        "| countFrequent a",
        "addtotals a, b",
        "logfmt as m",
        "csv as x, y",
        "@duration",
        "| join left=l right=r where l.a=r.b (SOURCE 'x' | fields a)",
        "| appendcols (limit 3)",
        "| filter a in (fields b)",
        "| fillmissing with 0 for x",
        "by bin(1h) offset 3m",
        "| tail 3",
        "| accum a",
        "| filldown a*",
        "| autoregress a p=1-2",
        "| sessionize a maxspan 1m",
        "| addtotals col=true",
        "| outlier a",
        "| estimate",
        "| pattern @message",
        "| diff",
        "values(a)",
        "topk(2, a)",
        "| lookup t a OUTPUT b",
        "| lookup t b as s, a OUTPUTNEW n as x, b",
        "| cidrlookup t s as net OUTPUT b",
        "| relevantfields where a = 1",
        "| relevantfields n, b where a = 1",
        "rate(a, 5m)",
        "histogram(a, 3)",
        "split(a, ',')",
    ),
)


TIMES = (
    *("yyyy", "ddd", "'T'", "SSSSSSSSS", "LL", "ZZ", "zzzz", "%S", "%", "EEE", "w", "xx"),
    *("date_format(a, 'yy')", "to_timestamp(a, 'HH:mm')", "to_date('5', 'MM')", "timestampadd(day, 9e15, @timestamp)"),
    *(
        "date_trunc('year', a)",
        "last_day(@timestamp)",
        "year(n)",
        "unix_timestamp(a)",
        "'9999-12-31'",
        "interval 9 day",
    ),
)
"""Formats of times, right and wrong, and functions of SQL and PPL."""


@pytest.mark.parametrize(
    ("query", "where", "said"),
    [
        ("filtre a = 1", (0, 6), "unknown command filtre; did you mean filter?"),
        ("fields a | search b", (11, 17), "the command search is not supported by Groundwatch"),
        ("fields a |", (10, 10), "the query ends where a command is expected"),
        ("", (0, 0), "the query ends where a command is expected"),
        ("fields a\n| filter a ~ 1", (20, 21), "unexpected symbol found ~ at line 2 and position 12; expected one of"),
        ("filter a", None, None),
        # Words inside commands are whole words, and slips of them are recognized.
        ("stats count(*) bye b", (15, 18), "unexpected symbol found bye at line 1 and position 16; did you mean by?"),
        ("filter a = 1 adn b = 2", (13, 16), "unexpected symbol found adn at line 1 and position 14; did you mean and"),
        ("filter a = 1 andb = 2", (13, 17), "unexpected symbol found andb"),
        ('fields a,\n  "b', (12, 14), 'the string that begins with " has no end (at line 2 and position 3)'),
        ("fields @mesage", (7, 14), "unknown field @mesage; did you mean @message? (at line 1 and position 8)"),
        ("fields cuont(a)", (7, 15), "unknown function cuont; did you mean count?"),
        ("fields a | unmask b", (11, 17), "the command unmask is not supported by Groundwatch"),
        ("stats histogram(a, 0)", (19, 20), "histogram has between 1 and 1000 buckets"),
        ("stats histogram(a, b)", (19, 20), "histogram has between 1 and 1000 buckets"),
        ("stats rate(a, 3)", (14, 15), "rate(n, period): a period of time, such as 5m, is expected"),
        ("stats rate(a, 1mo)", (14, 17), "the interval of rate is a period of fixed length"),
        ("stats sum(5m)", (10, 12), "sum(n): a value is expected"),
        ("stats count(a) as c by a | stats rate(c, 5m)", (33, 44), "rate needs the time of events, which stats drops"),
        ("stats topk(3, a) by b", (6, 16), "topk stands alone in stats"),
        ("stats count(*), topk(3, a)", (16, 26), "topk stands alone in stats"),
        ("stats topk(0, a)", (11, 12), "topk takes between 1 and 10000 values"),
        ("stats count(*) by bin(5m) offset 1mo", (33, 36), "the offset of bins is a period of fixed length"),
        ("sort a | pattern @message", (9, 25), "sort and limit must come after the last stats"),
        ("stats count(*) by a | pattern a", (22, 31), "patterns are looked for in events"),
        ("filter a in (pattern @message)", (13, 29), "a subquery cannot look for patterns"),
        ("diff previousYear", (5, 17), "diff compares with the period before, or previousDay"),
        ("relevantfields a", (16, 16), "unexpected end of the query at line 1 and position 17; expected one of"),
        ("stats count(*) as a | relevantfields a where a = 1", (22, 50), "relevantfields looks at events"),
        ("sort a | relevantfields where a = 1", (9, 35), "sort and limit must come after the last stats"),
        (f"relevantfields {', '.join(['a'] * 101)} where a = 1", None, "relevantfields looks at up to 100 fields"),
        ("fields a | anomaly", (11, 18), "the command anomaly is not supported by Groundwatch"),
        ("filterIndex a != 1", (0, 18), "filterIndex compares a field"),
        ("json feld=a 'b' as c", (5, 9), "json has no option feld; it has field"),
        ("autoregress a p=0", (16, 17), "p is between 1 and 100"),
        # Behind zeros, too.
        ("autoregress a p=000000001999", (16, 28), "p is between 1 and 100"),
        ("stats topk(000000001999999, a)", (11, 26), "topk takes between 1 and 10000 values"),
        ("stats histogram(a, 000000001999)", (19, 31), "histogram has between 1 and 1000 buckets"),
        ("fields a | appendcols max=0000000019999999 (fields b)", None, "max of appendcols is between 1 and"),
        ("autoregress a p=3-2", (16, 19), "the range of p begins with the smaller number"),
        ("stats count(*) by a | fillmissing", (22, 33), "fillmissing follows stats … by bin(…)"),
        ("stats count(*) by bin(5m) | fillmissing with 0 for cuont", (51, 56), "Unknown symbols found in or"),
        ("stats count(*) | sessionize a", (17, 29), "sessionize needs the time of events"),
        ("outlier acton=remove a", (8, 13), "outlier has no option acton; did you mean action?"),
        ("outlier mark=true a", (8, 12), "mark=true of outlier is not supported by Groundwatch"),
        ("join left=l right=l where l.a=l.b (source 'x')", None, "join names both its sides: left=NAME right=NAME"),
        ("join type=outer left=l right=r where l.a=r.b (source 'x')", None, "unknown type of join outer"),
        ("join left=l right=r where a=r.b (source 'x')", None, "join compares a field l.… with a field r.…"),
        ("join left=l right=r where l.a>r.b (source 'x')", (29, 30), "join compares with = alone"),
        ("stats sum(avg(a))", (10, 16), "avg is an aggregate: it stands in stats, and in no other aggregate"),
        ("fields count(*)", (7, 15), "count is an aggregate"),
        ("stats a by b", (6, 7), "stats needs an aggregate function, which a has not"),
        ("stats max(a) as hi by k | filter hy > 1", (33, 35), "Unknown symbols found in or after stats: hy"),
        ("stats count(*) | stats count(*) by bin(5m)", (35, 42), "bin needs @timestamp, which stats drops"),
        ("fields a | sort a | stats count(*)", (20, 34), "sort and limit must come after the last stats"),
        ("dedup a | filter a = 1", (10, 22), "only limit may follow dedup"),
        ("fields @entity.Name", (7, 19), "the field @entity.Name is not supported by Groundwatch"),
        ("addtotals cal=true a", (10, 13), "addtotals has no option cal; did you mean col?"),
        ("addtotals col=yes a", (10, 13), "the option col is true or false"),
        ("parse @message logfmt as a, b", (0, 29), "parse logfmt has one name, that of the map"),
        ("sort a | countFrequent b", (9, 24), "sort and limit must come after the last stats"),
        ("fields @ptr + 1", (7, 11), "the field @ptr is not supported by Groundwatch"),
        ('parse @message "a*b*" as x', (15, 21), "the pattern has 2 wildcards (*) for 1 names"),
        ("parse @message /(a)(b)/ as x", (15, 23), "the regular expression has 2 groups for 1 names"),
        ("parse @message /ab/", (15, 19), "name the groups of the regular expression"),
        ("parse @message /[/ as x", (15, 18), "the regular expression is refused: missing ]: ["),
        ("filter @message like /(?=a)/", (21, 28), "the regular expression is refused: invalid perl operator: (?="),
        ("fields abs(a, b)", (7, 16), "abs(n) does not take 2 arguments"),
        ("fields bin(a)", (11, 12), "bin(period): period must be a period of time, such as 5m"),
        ("fields 5m", (7, 9), "a period of time is an argument of bin, datefloor and dateceil alone"),
        ("fields isIpInSubnet(a, 'zz')", (23, 27), "zz is no network in CIDR form"),
        ("fields formatDate(@timestamp, 'at %Q')", (34, 36), "formatDate does not support %Q, at character 4"),
        ("fields formatDate(@timestamp, '%')", (31, 32), "formatDate does not support %, at character 1"),
        ("fields parseDate(a, 'yyyy QQ')", (26, 28), "parseDate does not support QQ, at character 6 of the format"),
        ("fields parseDate(a, 'SSSSSSS')", (21, 28), "parseDate does not support SSSSSSS, at character 1"),
        ("fields parseDate(a, '')", (20, 22), "parseDate needs a pattern"),
        (f"fields parseDate(a, '{'-' * 201}')", None, "a format of parseDate has at most 200 characters"),
        ("fields formatDate(@timestamp, '%Y', 'Mars/Crater')", (36, 49), "unknown time zone Mars/Crater"),
        ("stats pct(a, 100)", (13, 16), "the percentile must be a number between 0 and 100"),
        ("limit 0", (6, 7), "the limit must be an integer between 1 and 100000"),
        ("limit 100001", (6, 12), "the limit must be an integer between 1 and 100000"),
        ("fields 1e999", (7, 12), "the number 1e999 is out of range"),
        (f"fields {'(' * 60}a{')' * 60}", (57, 58), "the query nests more than 50 levels deep"),
        ("fields " + "- " * 5000 + "a", None, "the query nests"),
        ("filter " + "not " * 2400 + "a", None, "the query nests"),
        ("fields " + "a+" * 500 + "a", None, "more than 200 operands in a row"),
        ("fields a as b" + " | fields b + 1 as b" * 100, None, "the query is too complex"),
        (" | ".join(["stats count(*) as a"] * 11), (220, 239), "a query has at most 10 stats commands"),
    ],
)  # fmt: skip
def test_a_query_is_refused(group, query, where, said):
    if said is None:
        group.compile(query)
        return
    group.assert_refused(query, where, said)


@st.composite
def mutated_of(draw, queries, pieces=()) -> str:
    """A query with parts repeated, dropped, and foreign pieces put in."""
    query = draw(st.sampled_from(queries))
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(query))), draw(st.integers(0, len(query)))))
        piece = draw(st.sampled_from([*PIECES, *pieces, query[start:end]]) | st.text(max_size=3))
        end = draw(st.sampled_from([start, end]))
        query = query[:start] + piece + query[end:]
    return query[:10_000]


COMMANDS = (
    *("fields a, n * 2 as d", "display a, b, n", "filter n > 1 or b like 'x'", "filterIndex b = 'x'", "sort n desc, b"),
    *("limit 3", "tail 2", "dedup b", "stats count(*) as c, avg(n) as n by b", "stats sum(a) as a by bin(5m) as t, b"),
    *("stats rate(n, 5m) as r, histogram(a, 3) as h by b", "stats values(b) as v, max(@timestamp) as m, min(b) as b"),
    *(
        "stats count(*) as n by dateceil(@timestamp, 1d) as t | fillmissing with 0 for n",
        "countFrequent a, b",
        "expand l",
    ),
    *(
        "parse b '*' as p",
        "parse @message /(?<q>[a-z])/",
        "parse b /(.)/ as w multi",
        "parse s logfmt as m",
        "fields m.x",
    ),
    *("parse s csv as x, y", "unnest l into u", "addtotals col=true", "accum n", "autoregress n p=1-2", "filldown"),
    *("sessionize b maxspan 1h", "outlier n", "estimate", "json field=l 'c' as j", "filter b in (fields b | limit 1)"),
    *("join type=left left=l right=r where l.b = r.b (SOURCE 'x' | fields b)", "appendcols (fields b as bb)"),
    *("lookup t b as b OUTPUT net as w", "lookup t a, b OUTPUTNEW n", "cidrlookup t b as net OUTPUT a, n as x"),
    *(
        "relevantfields where n > 1",
        "relevantfields b, s, n where a = 1",
        "fields unmask(b) as b, formatDate(n, '%Y') as f",
    ),
    *(
        "pattern b",
        "pattern @message",
        "diff",
        "fields parseDate(s, 'yyyy-MM-dd') as n",
        "filter ispresent(b)",
        "fields @ptr2",
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands=st.lists(st.sampled_from(COMMANDS), min_size=2, max_size=6))
def test_commands_in_any_order_have_a_result_or_are_refused(group, commands):
    check(group, " | ".join(commands))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=mutated_of(QUERIES))
def test_a_mutated_query_has_a_result_or_is_refused(group, query):
    check(group, query)


def check(group, query: str) -> None:
    """Check that a query has a result, or is refused when it is compiled."""
    group.tables = {"t": "a,b,n,net\n1,x,5,10.0.0.0/8\n"}
    if not group.streams:
        group.put(
            [{"timestamp": 1_767_312_000_000, "message": '{"a":1,"b":"x","n":2.5,"s":"2026-01-02","l":[1,{"c":2}]}'}]
        )
    try:
        compiled = group.compile(query)
    except ServiceError as refused:
        assert refused.code == "MalformedQueryException"
        return
    try:
        group.rows(compiled.sql, compiled.parameters)
    except StorageError as error:
        raise AssertionError(f"{query!r} became a statement that fails:\n{compiled.sql}") from error


@settings(deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_query_or_refused(text):
    try:
        parse_query(text)
    except ServiceError as refused:
        assert refused.code == "MalformedQueryException"
