import json
import sys

import pytest

from groundwatch.logs.patterns.document import LongInteger, read_object, read_without_repeats


@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "[]",
        "1",
        '"a"',
        "null",
        "{",
        '{"a":1,}',
        '{"a":NaN}',
        '{"a":-Infinity}',
        '{"a":01}',
        '{"a":1}x',
        "{'a':1}",
        '{"a":"\t"}',
        '{"a":"\\ud800"}',
        '{"a":"\\udc00\\ud800"}',
        '{"a":"\\ud800x\\udc00"}',
        '{"a":1e999}',
        "\ufeff\ufeff{}",
    ],
)
def test_unusable(message):
    assert read_object(message) is None
    assert read_without_repeats(message) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('\ufeff {"a":1}\n', {"a": 1}),
        ('{"a":-0,"b":0.50,"c":1E+2}', {"a": 0, "b": 0.5, "c": 100}),
        ('{"a":[true,null,"\\ud83d\\ude00"]}', {"a": [True, None, "😀"]}),
        ('{"a":"\\\\ud800"}', {"a": "\\ud800"}),
        ('{"a":1,"repeat":2,"a":3}', {"a": 1, "repeat": 2}),
        ('{"a":' + "7" * 5000 + "}", {"a": LongInteger("7" * 5000)}),
        ('{"a":' + "7" * 4000 + "}", {"a": int("7" * 4000)}),
    ],
)
def test_usable(message, expected):
    assert read_object(message) == expected
    if "repeat" not in expected:
        assert read_without_repeats(message) == expected


@pytest.mark.parametrize(
    "inner", ['"x"', "{}", "[]", '[1,"[",{"b":[]}]', "-1.5e3", "true", "null", '{"b":1,"c":{"d":2},"b":3}']
)
def test_deep_messages_are_read_without_recursion(inner):
    message = '{"a":' * 3 + "[" * 990 + inner + " , 7]" + "]" * 989 + "}" * 3
    value = read_object(message)
    for _ in range(3):
        value = value["a"]
    for _ in range(989):
        (value,) = value
    assert read_without_repeats(message) is not None
    flat = read_object(f'{{"a":{inner}}}')["a"]
    assert value == [flat, 7]
    if isinstance(flat, dict) and "c" in flat:
        assert value[0].pairs == flat.pairs


@pytest.mark.parametrize("end", ["]", "}", ",]", "x", "", "]]", '"', " 01]", "]1"])
def test_broken_deep_messages_are_unusable(end):
    assert read_object('{"a":' + "[" * 1000 + "1" + end + "]" * 999 + "}") is None or end == "]"


@pytest.mark.parametrize(("depth", "usable"), [(1023, True), (1024, False), (100_000, False)])
def test_levels(depth, usable):
    message = '{"a":' + "[" * (depth - 1) + "1" + "]" * (depth - 1) + "}"
    assert (read_object(message) is not None) is usable
    assert (read_without_repeats(message) is not None) is usable
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 5000)
    try:
        assert (read_object(message) is not None) is usable
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_in_strings_are_no_levels():
    assert read_object(json.dumps({"a": "[{" * 2000 + '"\\'})) is not None
