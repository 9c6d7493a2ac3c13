"""Which fields a pattern gives names to, and what they are in a message."""

import pytest

from groundwatch.logs.metric_filters.tokens import canonical_token, token_reader
from groundwatch.logs.patterns.parse import parse_pattern

APACHE = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        pytest.param("ERROR", "ERROR 1", {}, id="terms name nothing"),
        pytest.param("%ERR%", "ERROR 1", {}, id="an expression names nothing"),
        pytest.param(
            "[..., request=*.html*, status_code=4*,]",
            APACHE,
            {
                "$1": "127.0.0.1",
                "$2": "Prod",
                "$3": "frank",
                "$4": "10/Oct/2000:13:25:15 -0700",
                "$request": "GET /index.html HTTP/1.0",
                "$status_code": "404",
                "$7": "1534",
            },
            id="the documented example",
        ),
        pytest.param(
            "[level, , size]", "INFO x 12", {"$level": "INFO", "$2": "x", "$size": "12"}, id="an unnamed slot"
        ),
        pytest.param("{ $.a = * }", '{"a": 1.5}', {"$.a": "1.5"}, id="a number"),
        pytest.param("{ $.a = * }", '{"a": "x"}', {"$.a": "x"}, id="a string"),
        pytest.param(
            "{ ($.a = *) && ($.b.c NOT EXISTS || $.l[0] = 7) }",
            '{"a": true, "l": [7]}',
            {"$.a": "true", "$.l[0]": "7"},
            id="what is not there is left out",
        ),
        pytest.param("{ $.l[*] = 2 }", '{"l": [{}, 1, 2]}', {"$.l[*]": "1"}, id="the first scalar of a wildcard"),
        pytest.param("{ $.a = * }", '{"a": {"b": 1}}', {}, id="objects have no text"),
    ],
)
def test_values(pattern, message, expected):
    assert token_reader(parse_pattern(pattern))(message) == expected


@pytest.mark.parametrize(
    ("pattern", "token", "expected"),
    [
        ("{ $.a.b = * }", "$.a.b", "$.a.b"),
        ("{ $.a.b = * }", "$.a['b']", "$.a.b"),
        ("{ $.a = * }", "$.b", None),
        ("{ $.a = * || $.b = * }", "$.a = 1 || $.b", None),
        ("{ $.a = * }", "a", None),
        ("{ $.a = * }", "$.", None),
        ("[a, b]", "$a", "$a"),
        ("[a, b]", "$c", None),
        ("[a, b]", "$2", None),
        ("[a, ]", "$2", "$2"),
        ("[..., b]", "$17", "$17"),
        ("[..., b]", "$0", None),
        ("[..., b]", "$²", None),
        ("ERROR", "$a", None),
        ("%a%", "$.a", None),
        ("", "$1", None),
    ],
)
def test_only_what_the_pattern_mentions(pattern, token, expected):
    assert canonical_token(parse_pattern(pattern), token) == expected
