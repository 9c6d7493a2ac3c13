import json
from pathlib import Path

import pytest

from groundwatch.logs.patterns.explain import explain
from groundwatch.logs.patterns.parse import parse_pattern

ROWS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS[::3], ids=lambda row: f"{row['pattern']} ~ {row['message'][:20]}")
def test_the_verdict_is_the_predicates(row):
    assert explain(parse_pattern(row["pattern"]), row["message"]).matches is row["matches"]


def lines(explanation, depth=0):
    yield depth, explanation.matches, explanation.condition, explanation.found
    for part in explanation.parts:
        yield from lines(part, depth + 1)


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "x", [(0, True, "", "the empty pattern matches every event")]),
        (
            'a -"b c" ?d',
            "a d",
            [
                (0, True, 'a -"b c" ?d', ""),
                (1, True, "a", "occurs at character 1"),
                (1, True, '-"b c"', "does not occur"),
                (1, None, "?d", "occurs at character 3; ? terms are ignored beside others"),
            ],
        ),
        ("%4..%", "x 404", [(0, True, "%4..%", 'matches "404" at character 3')]),
        ("{ $.a = 1 }", "text", [(0, False, "{ $.a = 1 }", "the message is not a JSON object")]),
        (
            "{ $.a = 1 && ($.b NOT EXISTS || $.c[*] > 2) }",
            '{"a":1.0,"b":{"x":1},"c":[1,"y",null,4,5,6,7]}',
            [
                (0, True, "{ $.a = 1 && ($.b NOT EXISTS || $.c[*] > 2) }", ""),
                (1, True, "$.a = 1 && ($.b NOT EXISTS || $.c[*] > 2)", ""),
                (2, True, "$.a = 1", "found 1"),
                (2, True, "$.b NOT EXISTS || $.c[*] > 2", ""),
                (3, False, "$.b NOT EXISTS", "found an object of 1 property"),
                (3, True, "$.c[*] > 2", 'found 1, "y", null, 4, 5 and 2 more'),
            ],
        ),
        (
            "[a, b = x || b > 5, ...]",
            "1 7",
            [
                (0, True, '[a, b = "x" || b > 5, ...]', ""),
                (1, True, 'b = "x" || b > 5', ""),
                (2, False, 'b = "x"', 'found "7"'),
                (2, True, "b > 5", 'found "7"'),
            ],
        ),
        ("[a, b = 1]", "x", [(0, False, "[a, b = 1]", "the message has 1 field, the pattern needs 2")]),
        ("[a]", "x", [(0, True, "[a]", "no slot has a condition")]),
    ],
)
def test_reasons(pattern, message, expected):
    assert list(lines(explain(parse_pattern(pattern), message))) == expected
