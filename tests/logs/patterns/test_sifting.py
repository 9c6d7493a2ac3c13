"""Messages that are passed over unread: only those that do not match when they are read."""

import pytest

from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.sifting import compile_sieve, one_by_one, probes_of, suspects

PASSED_OVER = [
    pytest.param("{ $.status = 503 }", '{"status":404}', id="another integer"),
    pytest.param("{ $.status = 503 }", '{"status" : 0, "a": 1}', id="white space around the colon"),
    pytest.param("{ $.status = 503 }", '{"status":5031}', id="an integer that begins alike"),
    pytest.param("{ $.a.status = 503 }", '{"b":{"status":404}}', id="another integer at another place"),
    pytest.param("{ $.status = 503 && $.a = x }", '{"status":404,"a":"y"}', id="a conjunction"),
    pytest.param("{ $.status = 503 || $.a = x }", '{"status":404,"a":"y"}', id="every part of a disjunction"),
    pytest.param("{ $.status = 503 }", "status: 404", id="the property is not there"),
    pytest.param("{ $.level = ERROR }", '{"level":"INFO\\n"}', id="another text, and escapes of other characters"),
    pytest.param("error timeout", "error", id="the longest of several terms"),
    pytest.param("?warn ?error", "info", id="all of the terms of which one must occur"),
    pytest.param("[ip, level = ERROR, ...]", "::1 INFO x", id="a slot's text"),
]
READ = [
    pytest.param("{ $.status = 503 }", '{"status":503}', id="the integer itself"),
    pytest.param("{ $.status = 5.03e2 }", '{"status":503}', id="the literal spelled in another way"),
    pytest.param("{ $.status = 503 }", '{"status":503.0}', id="a fraction"),
    pytest.param("{ $.status = 503 }", '{"status":5030e-1}', id="an exponent"),
    pytest.param("{ $.status = 503 }", '{"status":"503"}', id="a string"),
    pytest.param("{ $.status = 503 }", '{"status":404,"status":503}', id="the property is repeated"),
    pytest.param("{ $.status = 503 }", '{"st\\u0061tus":503}', id="an escape in the property's name"),
    pytest.param("{ $.level = ERROR }", '{"level":"\\u0045RROR"}', id="an escape in the text"),
    pytest.param("{ $.['a\"b'] = 503 }", '{"a\\"b":503}', id="a name that is always escaped"),
    pytest.param("{ $.[', '] = 503 }", '{"a": "x", ", ":503}', id="a name that begins where something like it ends"),
    pytest.param("{ $.status = 503 || $.a = x }", '{"status":404,"a":"x"}', id="one part of a disjunction"),
    pytest.param(
        "{ $.n = 1000000000000000000 }", '{"n":1000000000000000001}', id="more digits than doubles tell apart"
    ),
    pytest.param("?warn ?error", "an error", id="one of the terms"),
]
WITHOUT_PROBES = [
    pytest.param("", id="everything"),
    pytest.param("-debug", id="an excluded term"),
    pytest.param("%5\\d\\d%", id="a regular expression"),
    pytest.param("{ $.status != 503 }", id="an inequality"),
    pytest.param("{ $.status > 503 }", id="an order"),
    pytest.param("{ $.cached IS FALSE }", id="a literal"),
    pytest.param("{ $.status NOT EXISTS }", id="an absence"),
    pytest.param("{ $.status = 503 || $.a NOT EXISTS }", id="a disjunction with one of them"),
    pytest.param("{ $.list[0] = 503 }", id="a number as an element"),
    pytest.param('{ $.status = "503" }', id="a text that may be a number"),
    pytest.param('{ $.a = "*" }', id="a presence"),
    pytest.param("?a ?b ?c ?d ?e", id="more probes than pay"),
    pytest.param("[a, b]", id="slots without a condition"),
    pytest.param("[status = 404]", id="a number in a slot"),
]
OTHERS = ["", '{"status":301,"level":"INFO"}', "\n"]


def suspected(pattern, messages):
    return suspects(probes_of(parse_pattern(pattern)), messages)


@pytest.mark.parametrize(("pattern", "message"), PASSED_OVER)
def test_is_passed_over(pattern, message):
    assert suspected(pattern, [message]) == []


@pytest.mark.parametrize(("pattern", "message"), READ)
def test_is_read(pattern, message):
    assert suspected(pattern, [*OTHERS, message, *OTHERS, message]) == [3, 7]


@pytest.mark.parametrize("pattern", WITHOUT_PROBES)
def test_is_asked_one_by_one(pattern):
    assert probes_of(parse_pattern(pattern)) == ()


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["x x"], [0], id="twice in one"),
        pytest.param(["x", "x", "", "x"], [0, 1, 3], id="neighbours"),
        pytest.param(["é", "😀x", "ax"], [1, 2], id="after wide characters"),
    ],
)
def test_places_are_told_by_message(messages, found):
    assert suspected("x", messages) == found


def test_what_runs_over_the_end_of_a_message_hides_nothing():
    term = "b\nb"
    assert suspected(f'"{term}"', ["ab", term, "ba"]) == [0, 1]
    assert compile_sieve(parse_pattern(f'"{term}"'))(["ab", term, "ba"]) == [1]


def test_one_by_one():
    assert one_by_one(str.isdigit)(["1", "a", "2"]) == [0, 2]
