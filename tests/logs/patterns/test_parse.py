"""What is refused, with the service's sentence, the place and a remedy; and what the tree of the rest is."""

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.patterns import nodes
from groundwatch.logs.patterns.parse import parse_pattern

STRAY = "Invalid filter pattern: Invalid character(s) in term '{}'"
PLAIN = "Invalid filter pattern"
ROWS = [
    # pattern, the service's sentence, position, part of the remedy
    ("ERROR [", STRAY.format("["), 7, "double quotes"),
    ("ERROR (", STRAY.format("("), 7, "double quotes"),
    ("a && b", STRAY.format("&&"), 3, "side by side must all occur"),
    ("a || b", STRAY.format("||"), 3, "?a ?b"),
    ("!(a", STRAY.format("!("), 1, "double quotes"),
    ("a\\b", STRAY.format("\\"), 2, "double quotes"),
    ("`a`", STRAY.format("`"), 1, "double quotes"),
    ("?Status: timeout", STRAY.format(":"), 8, "double quotes"),
    ("ERR*", STRAY.format("*"), 4, "leave the asterisk out"),
    ("us-east-1", STRAY.format("-"), 3, "double quotes"),
    ("a?b", STRAY.format("?"), 2, "double quotes"),
    ('a"b"', PLAIN, 2, None),
    ("“x”", STRAY.format("“"), 1, "straight double quotes"),
    ("'x'", STRAY.format("'"), 1, "double quotes"),
    ('""', STRAY.format('""'), 1, "at least one character"),
    ('a -""', STRAY.format('""'), 4, "at least one character"),
    ('"open', PLAIN, 1, "close the double quotes"),
    ('"a\\d"', PLAIN, 1, "\\\\ for a backslash"),
    ("a -", PLAIN, 4, "a term follows"),
    ("?", PLAIN, 2, "a term follows"),
    ("{ $.a = 1", STRAY.format("{"), 1, "ends with }"),
    ("[a, b", STRAY.format("["), 1, "ends with ]"),
    ("%a", STRAY.format("%"), 1, "whole pattern"),
    ("  ERROR *", STRAY.format("*"), 9, None),
    ("{ }", PLAIN, 3, "complete"),
    ("{ $.a == 1 }", PLAIN, 8, "a single ="),
    ("{ $.a <> 1 }", PLAIN, 8, "!="),
    ('{ $.a =~ "x" }', STRAY.format("~"), 8, "%…%"),
    ("{ $.a = 1 AND $.b = 2 }", PLAIN, 11, "&&"),
    ("{ $.a = 1 & $.b = 2 }", PLAIN, 11, "&&"),
    ("{ $.a = 1 or $.b = 2 }", PLAIN, 11, "||"),
    ('{ $.a = "x", $.b = "y" }', STRAY.format(","), 12, "&& or ||"),
    ("{ $.a = 'x' }", STRAY.format("'"), 9, 'use double quotes (")'),
    ('{ $."sc-status" = 5* }', STRAY.format('$."'), 3, "$.['name']"),
    ("{ $.@timestamp = 1 }", STRAY.format("$.@"), 3, "$.['name']"),
    ("{ $.a:b = 1 }", STRAY.format(":"), 6, None),
    ("{ $.a = arn:aws }", STRAY.format(":"), 12, "double quotes"),
    ('{ $.a = "x }', PLAIN, 9, "close the double quotes"),
    ('{ "v": [1] }', PLAIN, 3, "begins with a selector"),
    ('{ level = "x" }', PLAIN, 3, "begins with $."),
    ('{ $.v > "abc" }', PLAIN, 9, "a number"),
    ("{ $.v > 5* }", PLAIN, 9, "a number"),
    ("{ $.v EXISTS }", PLAIN, 7, "NOT EXISTS"),
    ("{ $.v IS NOT NULL }", PLAIN, 10, "presence"),
    ("{ $.v is null }", PLAIN, 7, "IS NULL"),
    ("{ ($.a = 1 }", PLAIN, 12, "complete"),
    ("{ $.a = 1) }", PLAIN, 10, "complete"),
    ("{ !($.a = 1) }", PLAIN, 3, "no negation"),
    ("{ $ = 1 }", PLAIN, 5, "begins with $."),
    ("{ $..a = 1 }", PLAIN, 4, None),
    ("{ $.a[-1] = 1 }", PLAIN, 6, "an index"),
    ("{ $.a[1:2] = 1 }", PLAIN, 6, "an index"),
    ("{ $.a .b = 1 }", PLAIN, 7, "no white space"),
    ("{ $.a[*].b[*] = 1 }", PLAIN, 3, "one wildcard"),
    ("{$.a[*]=1 && $.b[*]=1 && $.c.*=1 && $.d[*]=1}", PLAIN, 37, "at most 3"),
    ("{ $.a = %a% && $.b = %b% && $.c = %c% }", PLAIN, 35, "at most 2"),
    ("[a=%a%, b=%b%, c=%c%]", PLAIN, 18, "at most 2"),
    ("{ $.a = 1e999 }", PLAIN, 9, "range"),
    ("{ $.a = 1e-99999999999999999999 }", PLAIN, 9, "range"),
    ("{ $.a = %x }", PLAIN, 9, "two percent signs"),
    ("{ $.a = %a(b)% }", STRAY.format("("), 11, "\\x28"),
    ("[a, ..., b, ...]", PLAIN, 13, "once"),
    ("[..., status_code = 4* && bytes > 1000]", PLAIN, 27, "a slot of its own"),
    ("[a b]", PLAIN, 4, "commas"),
    ("[(a=1)]", STRAY.format("("), 2, "no parentheses"),
    ("[$a]", PLAIN, 2, "without $"),
    ("[a==1]", PLAIN, 4, "a single ="),
    ("[a > x]", PLAIN, 6, "a number"),
    ("%a(b)%", STRAY.format("("), 3, "\\x28"),
    ("%(?i)x%", STRAY.format("("), 2, "flags"),
    ("%hello!%", STRAY.format("!"), 7, "\\xhh"),
    ("%é%", STRAY.format("é"), 2, "ASCII"),
    ("%a**%", PLAIN, 4, "one quantifier"),
    ("%a*?%", PLAIN, 4, "one quantifier"),
    ("%^*%", PLAIN, 3, "one quantifier"),
    ("%a{3,2000}%", PLAIN, 2, "invalid repetition size"),
    ("%[z-a]%", PLAIN, 2, "invalid character class range"),
    ("%a]%", PLAIN, 3, "backslash"),
    ("%\\b%", PLAIN, 2, "escapes"),
    ("%a\\1%", PLAIN, 3, "back-references"),
    ("%[[:alpha:]]%", PLAIN, 12, None),
    ("%%", PLAIN, 2, None),
    ("%a|%", PLAIN, 4, "holds something"),
    ("%x%y%", STRAY.format("%"), 3, None),
    ("%", STRAY.format("%"), 1, None),
]


@pytest.mark.parametrize(("pattern", "said", "position", "remedy"), ROWS, ids=[row[0] for row in ROWS])
def test_malformed_patterns(pattern, said, position, remedy):
    with pytest.raises(ServiceError) as caught:
        parse_pattern(pattern)
    assert caught.value.code == "InvalidParameterException"
    message = caught.value.message
    assert message.startswith(f"{said} (at character {position}")
    assert (remedy or "") in message


def a(*steps):
    return nodes.Selector(steps)


@pytest.mark.parametrize(
    ("pattern", "tree"),
    [
        ("", nodes.MatchAll()),
        (" \n", nodes.MatchAll()),
        ('" "', nodes.MatchAll()),
        ('" " x', nodes.Terms(required=("x",))),
        ('"A" - "B" ? "C"', nodes.Terms(("A",), ("B",), ("C",))),
        ("AND", nodes.Terms(("AND",))),
        ("%a b[ ^] %", nodes.Regex("a b[ ^] ")),
        ("%a{,3}%", nodes.Regex("a{0,3}")),
        ("{$['a.b'].c[1][*]=*}", None),
        ("{ $.a = 1 || $.b = 1 && $.c = 1 }", None),
        ("[]", nodes.Fields(ellipsis=True)),
        ("[ERROR]", nodes.Fields((nodes.Slot("ERROR"),))),
        ("[a,,...,b]", nodes.Fields((nodes.Slot("a"), nodes.Slot()), True, (nodes.Slot("b"),))),
        ("[r =*.html*]", None),
    ],
)
def test_trees(pattern, tree):
    assert parse_pattern(pattern) == (tree or TREES[pattern])


def number(name, order_or_none=None):
    return nodes.Compare(a(nodes.Member(name)), nodes.Number("1"))


TREES = {
    "{$['a.b'].c[1][*]=*}": nodes.Json(
        nodes.Compare(
            a(nodes.Member("a.b"), nodes.Member("c"), nodes.Element(1), nodes.AnyElement()), nodes.Text("", True, True)
        )
    ),
    "{ $.a = 1 || $.b = 1 && $.c = 1 }": nodes.Json(nodes.Some((number("a"), nodes.Every((number("b"), number("c")))))),
    "[r =*.html*]": nodes.Fields((nodes.Slot("r", nodes.Compare(nodes.Field("r"), nodes.Text(".html", True, True))),)),
}


@pytest.mark.parametrize(
    "pattern",
    ["{" + "&&".join(["$.a>1"] * 145) + "}", "[" + ",".join(["a>1"] * 255) + "]", "a " * 512, "[" + "a," * 511 + "]"],
    ids=["conditions", "slots", "terms", "fields"],
)
def test_the_longest_patterns_fit_a_statement(engine_verdicts, pattern):
    assert len(pattern) <= 1024
    assert engine_verdicts(parse_pattern(pattern), ["a", '{"a":2}'])[0] is pattern.startswith("a")


def test_parentheses_without_end_are_refused():
    with pytest.raises(
        ServiceError, match=r"Invalid filter pattern \(at character 1: the parentheses nest too deeply\)"
    ):
        parse_pattern("{" + "(" * 505 + "$.a>1" + ")" * 505 + "}")


def test_conditions_nest_as_deep_as_a_pattern_is_long(engine_verdicts):
    depth = 48
    pattern = "{" + "($.a>1||($.b>1&&" * depth + "$.c>1" + "))" * depth + "}"
    assert 850 < len(pattern) <= 1024
    assert engine_verdicts(parse_pattern(pattern), ['{"a":2}', '{"b":2}'])
