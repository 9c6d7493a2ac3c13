"""Which fields get columns, each row a rule."""

import json

import pytest

from groundwatch.logs.shredding.choosing import choose_columns
from groundwatch.logs.shredding.columns import MAX_COLUMNS, FieldColumn

LEVEL = FieldColumn(1, ("level",), "word")


def messages(*documents, times=100):
    return [document if isinstance(document, str) else json.dumps(document) for document in documents] * times


@pytest.mark.parametrize(
    ("sample", "known", "chosen"),
    [
        pytest.param(messages({"level": "INFO"}), [], [(1, ("level",), "word")], id="texts that repeat are words"),
        pytest.param(
            [json.dumps({"id": f"{n:016x}"}) for n in range(100)], [], [(1, ("id",), "text")], id="others are text"
        ),
        pytest.param(
            messages({"a": {"b": 1, "c": True}, "d": 1.5}),
            [],
            [(1, ("a", "b"), "integer"), (2, ("a", "c"), "boolean"), (3, ("d",), "double")],
            id="members of objects, each by its type",
        ),
        pytest.param(
            messages({"ms": 1}, {"ms": 1.5}),
            [],
            [(1, ("ms",), "integer"), (2, ("ms",), "double")],
            id="a column for each type that is common",
        ),
        pytest.param(messages({"a.b": 1}), [], [(1, ("a", "b"), "integer")], id="names with dots are flattened names"),
        pytest.param(messages({"level": "x"}), [LEVEL], [], id="what has a column gets no other"),
        pytest.param(
            messages({"level": 5}), [LEVEL], [(2, ("level",), "integer")], id="except for another type of its values"
        ),
        pytest.param(messages({"level": {"x": 1}}), [LEVEL], [], id="no member of what is a value elsewhere"),
        pytest.param([*messages({}, times=5000), *messages({"x": 1}, times=30)], [], [], id="a rare field"),
        pytest.param(messages({"x": 1}, times=5), [], [], id="too few to tell"),
        pytest.param(messages({"x": "long " * 40}), [], [], id="long texts"),
        pytest.param(messages({"it's": 1, "a`b": 1, "é": 1, "0": 1, "": 1}), [], [], id="names that need quoting"),
        pytest.param(messages({"x": None, "y": [1], "z": {}}), [], [], id="no values"),
        pytest.param(messages({"x": 2**63}), [], [], id="integers beyond 64 bits"),
        pytest.param(messages("plain text", "[1]", "{broken", '{"x":1} y'), [], [], id="no objects"),
        pytest.param(
            messages({"a": {"b": {"c": {"d": {"e": 1}}}}}), [], [], id="too deep"
        ),
    ],
)  # fmt: skip
def test_columns_are_chosen(sample, known, chosen):
    assert [(each.number, each.path, each.kind) for each in choose_columns(sample, known)] == chosen


def test_there_are_only_so_many_columns():
    found = choose_columns(messages({f"f{n}": n for n in range(MAX_COLUMNS + 5)}), [])
    assert len(found) == MAX_COLUMNS
    assert choose_columns(messages({"one more": 1}), found) == []
