"""What every match of a regular expression begins with."""

import pytest
import re2

from groundwatch.logs.insights.regexes import MOST_ALONE, for_engine, groups_alone, match_prefix

TEXTS = ["", "user=", "user=ann", "xuser=ann user=bob", "key: a|b", "café: é", "a.b", "user=\nuser=x y", "éa"]


@pytest.mark.parametrize(
    ("expression", "prefix"),
    [
        (r'"latency_ms":(?P<t>[0-9.]+)', '"latency_ms":'),
        (r"(?-s)user=(.)", ""),
        (r"(?s)user=(.*?) (.*)", "user="),
        (r"user=([^ ]+)", "user="),
        (r"(user=)(a)?", "user="),
        (r"user\.x{2}y(.)", "user.xxy"),
        (r"café: (.)", "café: "),
        (r"caf[éè]: (.)", "caf"),
        (r"us(er)?=(.)", ""),
        (r"(?i)user=(.)", ""),
        (r"user=(.)|key: (.)", ""),
        (r"(user|used)=(.)", "use"),
        (r"^user=(.)", ""),
        (r"(?m)^user=(.)", ""),
        (r"\Auser=(.)", ""),
        (r"\buser=(.)", ""),
        (r"\Buser=(.)", ""),
        (r".*user=(.)", ""),
        (r"(.*)", ""),
        (r"[[:alpha:]]+", ""),
        (r"", ""),
        (r"x*", ""),
    ],
)
def test_prefixes(expression, prefix):
    assert match_prefix(expression) == prefix
    for text in TEXTS:
        start = text.find(prefix)
        found = re2.search(expression, text)
        later = re2.search(expression, text[start:] if start >= 0 else "")
        assert (found and found.groups()) == (later and later.groups())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (r'"latency_ms":(?P<took>[0-9.]+)', r'"latency_ms":([0-9.]+)'),
        (r"user=(?<name>.*) (?:a|b)", r"user=([^\n]*) (?:a|b)"),
        (r"\.[.](.)\\.", r"\.[.]([^\n])\\[^\n]"),
        (r"[]\].](.)", r"[]\].]([^\n])"),
        (r"[^].](.)", r"[^].]([^\n])"),
        (r"[[:alpha:].](.)", r"[[:alpha:].]([^\n])"),
        (r"(a(.))", r"(a([^\n]))"),
        (r"\d+\pN\x{41}{2}", r"\d+\pN\x{41}{2}"),
        (r"(?s)a.", r"(?-s)(?s)a."),
        (r"a(?i:b).", r"(?-s)a(?i:b)."),
        (r"\Qa.b\E.", r"(?-s)\Qa.b\E."),
        (r"\ba.", r"(?-s)\ba."),
        ("", ""),
    ],
)
def test_the_engine_gets_neither_flags_nor_names_where_it_can_do_without(group, expression, expected):
    assert for_engine(expression) == expected
    texts = [
        *TEXTS,
        "user=a b",
        "..a\\b",
        "..\n",
        "].x",
        "a.x\n",
        "\n.x",
        "7\u0663AA",
        "a\n",
        "aB.",
        "aBx",
        "a.bc",
        "a.b\n",
    ]
    sql = "SELECT arrayMap(text -> match(text, {expression:String}), {texts:Array(String)})"
    [[found]] = group.rows(sql, {"expression": for_engine(expression), "texts": texts})
    assert [bool(one) for one in found] == [re2.search(expression, text) is not None for text in texts]


@pytest.mark.parametrize(
    ("expression", "alone"),
    [
        (r"x.*(a)", [r"x[^\n]*(a)"]),
        (r"user=(\w+) (\d+)", [r"user=(\w+) (?:\d+)", r"user=(?:\w+) (\d+)"]),
        (r"^(\S+) (?:a|b)(\d)?", [r"^(\S+) (?:a|b)(?:\d)?", r"^(?:\S+) (?:a|b)(\d)?"]),
        (r"user=(a(b|c))\(", [r"user=(a(?:b|c))\(", r"user=(?:a(b|c))\("]),
        (r"user=([(]+)(\))", [r"user=([(]+)(?:\))", r"user=(?:[(]+)(\))"]),
        (r"user=(\w+)|user:(\w+)", [r"user=(\w+)|user:(?:\w+)", r"user=(?:\w+)|user:(\w+)"]),
        (r"(\w+)=(\d+)", []),
        (r"user=(.*) (\d+)", []),
        (r"user=(\w+?)(\d+)", []),
        (r"(?i)user=(\w+) (\d+)", []),
        ("user=" + r"(\w),?" * (MOST_ALONE + 1), []),
    ],
)
def test_groups_are_looked_for_one_by_one_where_that_is_faster(group, expression, alone):
    pattern = re2.compile(expression)
    assert groups_alone(for_engine(expression), pattern.groups) == alone
    texts = [*TEXTS, "user=ann 5", "user=b 7 8", "user=ab(", "user=(()", "user:x", "a b a5", "a a", "user=ab12", "1=2"]
    group.put([{"timestamp": 1_000 + at, "message": text} for at, text in enumerate(texts)])
    names = [f"n{number}" for number in range(pattern.groups)]
    rows = group.run(f"parse @message /{expression}/ as {', '.join(names)} | sort @timestamp asc")
    for text, row in zip(texts, rows, strict=True):
        found = re2.search(expression, text)
        wanted = [part or "" for part in found.groups()] if found else [None] * len(names)
        assert [dict(row).get(name) for name in names] == wanted
