"""Messages that are refused unread: only those that do not match when they are read."""

import pytest

from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.rejection import rejections_of

REJECTED = [
    pytest.param("{ $.status = 503 }", '{"status":404}', id="another integer"),
    pytest.param("{ $.status = 503 }", '{"status" : 0, "a": 1}', id="white space around the colon"),
    pytest.param("{ $.a.status = 503 }", '{"b":{"status":404}}', id="another integer at another place"),
    pytest.param("{ $.status = 503 && $.a = x }", '{"status":404,"a":"x"}', id="one part of a conjunction"),
]
READ = [
    pytest.param("{ $.status = 503 }", '{"status":503}', id="the integer itself"),
    pytest.param("{ $.status = 5.03e2 }", '{"status":503}', id="the literal spelled in another way"),
    pytest.param("{ $.status = 503 }", '{"status":503.0}', id="a fraction"),
    pytest.param("{ $.status = 503 }", '{"status":5030e-1}', id="an exponent"),
    pytest.param("{ $.status = 503 }", '{"status":"503"}', id="a string"),
    pytest.param("{ $.status = 503 }", '{"status":50', id="the number is cut off"),
    pytest.param("{ $.status = 503 }", "status: 404", id="the property is not there"),
    pytest.param("{ $.status != 503 }", '{"status":404}', id="negated"),
    pytest.param("{ $.status = 503 || $.a = x }", '{"status":404,"a":"x"}', id="one part of a disjunction"),
    pytest.param("{ $.list[0] = 503 }", '{"list":404}', id="an element"),
    pytest.param("{ $.status > 503 }", '{"status":404}', id="an order"),
    pytest.param("{ $.status = abc }", '{"status":404}', id="a text"),
    pytest.param(
        "{ $.n = 1000000000000000000 }", '{"n":1000000000000000001}', id="more digits than doubles tell apart"
    ),
]


def is_rejected(pattern, message):
    return any(rejects(message) for rejects in rejections_of(parse_pattern(pattern).condition))


@pytest.mark.parametrize(("pattern", "message"), REJECTED)
def test_is_refused_unread(pattern, message):
    assert is_rejected(pattern, message)


@pytest.mark.parametrize(("pattern", "message"), READ)
def test_is_read(pattern, message):
    assert not is_rejected(pattern, message)
