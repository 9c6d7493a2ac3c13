"""Values, types and nulls beyond the examples, each row a rule."""

import pytest

from groundwatch.logs.record_fields import discovered_fields

START_MS = 1_767_312_000_000
MESSAGE = (
    '{"a":1.0,"b":1.5e10,"c":1e-5,"d":-0.00012,"n":12345678901234567890,"s":"nan","ar":[1,2],"x.y":5,'
    '"big":9007199254740993,"t":true,"e":1e300,"h":0.03125,"o":{"0":"zero"},"nil":null,"q":"\\u00e9\\"x"}'
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Numbers that nothing is computed from keep their form, computed ones have four decimals, halves upwards.
        ("fields h * 1 as x", {"x": "0.0313"}),
        ("fields 0 - h as x", {"x": "-0.0313"}),
        ("fields e * e as x", {}),
        ("fields e + 1 as x", {"x": "1e300"}),
        ("fields a / 0 as x, a % 0 as y", {}),
        ("fields 7.5 % 2 as x, 2 ^ 0.5 as y, -a as z", {"x": "1.5", "y": "1.4142", "z": "-1"}),
        ("fields 2 + 3 * 4 ^ 2 as x, (2 + 3) * 4 as y", {"x": "50", "y": "20"}),
        ("fields d * 0 as x", {"x": "0"}),
        # What looks like a number is compared as one; long integers keep their last digits.
        ("filter s = 'nan' | display s", {"s": "nan"}),
        ("filter big = 9007199254740993 | display a", {"a": "1.0"}),
        ("filter big = 9007199254740992 | display a", None),
        ("filter a = '1' | display a", {"a": "1.0"}),
        ("filter t = true and t = 1 | display t", {"t": "1"}),
        # Negative predicates need a value, negation does not.
        ("filter nope != 1 | display a", None),
        ("filter nope not like 'x' or nope not in [1] | display a", None),
        ("filter not (nope = 1) | display a", {"a": "1.0"}),
        ("filter nil = 'null' or ispresent(nil) | display a", None),
        # Places in arrays and odd names.
        ("fields ar.1, o.0, x.y, `x.y` as z", {"ar.1": "2", "o.0": "zero", "x.y": "5", "z": "5"}),
        ("fields ar, o, ar.2, ar.x", {}),
        ("fields q", {"q": 'é"x'}),
        ("fields @ptr, a", {"a": "1.0"}),
        ("fields @log", {"@log": "111122223333:/test/group"}),
        ("fields @ingestionTime", {"@ingestionTime": "2026-01-02 00:00:00.001"}),
        # Words of the language are names where no command begins.
        ("fields a as limit | fields limit as by | sort `by` | display by", {"by": "1.0"}),
        ("fields a as x | fields x + 1 as x | fields x * 2 as x | display x", {"x": "4"}),
        # Periods.
        (
            "fields bin(1mo) as m, bin(1w) as w, bin(1q) as q, bin(1y) as y | display m, w, q, y",
            {
                "m": "2026-01-01 00:00:00.000",
                "w": "2025-12-29 00:00:00.000",
                "q": "2026-01-01 00:00:00.000",
                "y": "2026-01-01 00:00:00.000",
            },
        ),
        (
            "fields dateceil(@timestamp, 1mo) as m, dateceil(@timestamp, 1w) as w, dateceil(@timestamp, 1d) as d",
            {"m": "2026-02-01 00:00:00.000", "w": "2026-01-05 00:00:00.000", "d": "2026-01-02 00:00:00.000"},
        ),
        ("fields formatDate(@timestamp, '%d.%m.%y %H:%M', 'Europe/Berlin') as x", {"x": "02.01.26 01:00"}),
        ("fields parseDate('02/01/2026 10:11:12.345', 'dd/MM/yyyy HH:mm:ss.SSS') as x", {"x": "1767348672345"}),
        ("fields parseDate('never', 'yyyy') as x, fromMillis('soon') as y", {}),
        # Functions at their edges.
        ("fields round(2.5) as x, round(-2.5) as y, round(a, 2) as z", {"x": "3", "y": "-3", "z": "1"}),
        ("fields substr(s, -5, 2) as x, substr(s, 1, -1) as y, substr(s, 99) as z", {"x": "na", "y": "", "z": ""}),
        ("fields hexToDec('zz') as x, base64decode('!!') as y, toInt('99999999999') as z", {}),
        ("fields decToHex(-4095.7) as x, trim('..x..', '.') as y", {"x": "-0xfff", "y": "x"}),
        ("fields case(nope, 'x') as x, if(t, 1, 2.5) as y, coalesce(nope, @timestamp) as z",
         {"y": "1", "z": "2026-01-02 00:00:00.000"}),
        ("fields greatest(nope, 1) as x, sqrt(-1) as y, log(0) as z", {"x": "1"}),
        ("fields jsonParse(@message) as j | display j.ar.1, j.nope, strlen(j.s) as l", {"j.ar.1": "2", "l": "3"}),
        # Aggregates.
        ("stats count(nope), sum(nope), min(nope) as m", {"count(nope)": "0"}),
        ("stats sum(a) as x, x * 2 as y, y + x as z | filter z > 1 | sort z", {"x": "1", "y": "2", "z": "3"}),
        ("stats count(*) by nope", {"count(*)": "1"}),
        ("stats min(s) as x, max(@timestamp) as y", {"x": "nan", "y": "2026-01-02 00:00:00.000"}),
        ("filter a = 2 | stats count(*)", None),
        ("stats count(*) as c by bin(1h) as t | sort @timestamp | limit 3", {"t": "2026-01-02 00:00:00.000", "c": "1"}),
        # Rows out of lists.
        ("expand ar | filter ar = 2 | display ar", {"ar": "2"}),
        ("expand nope", None),
        ("fields '[7]' as l | expand l | display l", {"l": "7"}),
        ("fields a as l | expand l | display l", {"l": "1"}),
        ("fields jsonParse('[]') as j | unnest j into x", None),
        ("fields jsonParse('{\"k\":3}') as j | unnest j into x | display x.k", {"x.k": "3"}),
        ("fields ar | expand ar | limit 1 | fields a | display ar, a", {"ar": "1", "a": "1.0"}),
        # Values between commas, pairs, totals, frequencies.
        (
            'fields "\\"a,\\"\\"b\\"\\"\\",,c" as l | parse l csv as p, q, r, s | display p, q, r, s',
            {"p": 'a,"b"', "q": "", "r": "c"},
        ),
        ('fields "k=1 m=\\"x y\\"" as l | parse l logfmt as f | display f.m, f.k, f.n', {"f.m": "x y", "f.k": "1"}),
        ("addtotals fieldname=all a, h, nope | display all", {"all": "1.0313"}),
        ("countFrequent a, s", {"a": "1.0", "s": "nan", "_approxcount": "1"}),
        # Fields of other formats are missing in JSON.
        ("fields @duration, @type, srcAddr, bytes", {}),
        # A `parse` pattern that meets no text.
        ('parse nope "*" as x', {}),
        ("parse @message /(?<x>zzz)?(?<y>a)/", {"x": "", "y": "a"}),
    ],
)  # fmt: skip
def test_a_value_is_right(group, query, expected):
    group.put([{"timestamp": START_MS, "message": MESSAGE}])
    found = group.run(query)
    assert found == ([] if expected is None else [list(expected.items())])


def test_discovered_fields_are_those_of_a_record(group):
    group.put([{"timestamp": START_MS, "message": MESSAGE}])
    fields = discovered_fields(MESSAGE)
    found = dict(group.run(f"fields {', '.join(fields)}")[0])
    assert found == fields


DNS_LINE = "1.0 2026-01-02T08:16:02.130Z Z123412341234 example.com AAAA NOERROR UDP FRA6 2001:db8::1 -"


def test_lines_of_dns_queries_have_fields(group):
    group.put([{"timestamp": START_MS, "message": DNS_LINE}])
    fields = discovered_fields(DNS_LINE)
    assert fields["queryName"] == "example.com"
    assert dict(group.run(f"fields {', '.join(fields)}, ednsClientSubnet")[0]) == fields
    assert group.run("stats count(*) as n by queryType, protocol, version") == [
        [("queryType", "AAAA"), ("protocol", "UDP"), ("version", "1.0"), ("n", "1")]
    ]


def test_a_name_of_the_query_hides_a_field(group):
    group.put([{"timestamp": START_MS, "message": '{"a":1,"b":2}'}])
    assert group.run("fields b as a | filter a = 2 | display a") == [[("a", "2")]]


def test_counts_for_the_statistics(group):
    group.put([{"timestamp": START_MS + n, "message": f'{{"n":{n}}}'} for n in range(10)])
    compiled = group.compile("filter n > 3 | fields n | sort n | limit 2")
    assert group.rows(compiled.matched_sql, compiled.parameters) == [(6,)]
    assert group.rows(compiled.scanned_sql, compiled.parameters) == [(1, 10, 70, START_MS, START_MS + 9)]
