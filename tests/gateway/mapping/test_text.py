"""Values as text and as JSON."""

from __future__ import annotations

import pytest

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.errors import PayloadError
from groundwatch.gateway.mapping.text import parse_payload, to_json
from groundwatch.gateway.mapping.values import java_double

DOUBLES = [
    (0.0, "0.0"), (1.0, "1.0"), (1.5, "1.5"), (-2.25, "-2.25"), (0.001, "0.001"), (0.0001, "1.0E-4"),
    (1e7, "1.0E7"), (9999999.0, "9999999.0"), (12345678.9, "1.23456789E7"), (-1e-10, "-1.0E-10"), (1e100, "1.0E100"),
    (float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (float("nan"), "NaN"),
]  # fmt: skip


@pytest.mark.parametrize(("number", "text"), DOUBLES)
def test_doubles_as_in_java(number, text):
    assert java_double(number) == text


JSON = [
    ('{"b":1,"a":[1,2]}', '{"b":1,"a":[1,2]}', "order"),
    ("[1.50, 123456789012345678901234567890, 1E3]", "[1.5,123456789012345678901234567890,1000.0]", "numbers"),
    ("[12345678.5, 1e20, 0.0001]", "[1.23456785E7,1.0E20,1.0E-4]", "numbers in Java's notation"),
    ('["a/b","\\u00fc"]', '["a/b","ü"]', "slashes and letters stay"),
    ('["\\u0007","\\u007f","\\u2028","\\n"]', '["\\u0007","\\u007F","\\u2028","\\n"]', "controls are escaped"),
    ('["\\u001f","\\\\u001f","\\\\\\u001f"]', '["\\u001F","\\\\u001f","\\\\\\u001F"]', "controls in upper case"),
    ('{"a":"12e5 0.001 12345678.5 \u2014"}', '{"a":"12e5 0.001 12345678.5 \\u2014"}', "numbers within texts"),
    ('{"a":[{"b":[0.00012]}],"c":-0.0}', '{"a":[{"b":[1.2E-4]}],"c":-0.0}', "numbers within containers"),
    ('["\\\\u0041"]', '["\\\\u0041"]', "an escaped backslash"),
    ('[true,null,""]', '[true,null,""]', "constants"),
]  # fmt: skip


@pytest.mark.parametrize("mutated", [False, True], ids=["fast", "exact"])
@pytest.mark.parametrize(("source", "text"), [pytest.param(s, t, id=i) for s, t, i in JSON])
def test_json_as_json_smart_writes_it(source, text, mutated):
    budget = Budget(1000)
    budget.mutated = mutated
    assert to_json(parse_payload(source), budget) == text


PAYLOADS = [("", {}), ("  ", {}), ("a=b", "a=b"), ('"a"', "a"), (" [1]", [1]), ("12", "12"), ("true", "true")]


@pytest.mark.parametrize(("text", "value"), PAYLOADS)
def test_payload(text, value):
    assert parse_payload(text) == value


@pytest.mark.parametrize("text", ["{", "[1,]", '{"a":NaN}', "[" * 100_000, "[1e999]"])
def test_malformed_payload(text):
    with pytest.raises(PayloadError):
        parse_payload(text)
