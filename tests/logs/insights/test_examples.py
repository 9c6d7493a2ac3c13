"""Queries with the answers that the service's documentation gives or implies, through the engine."""

import json
from pathlib import Path

import pytest

EXAMPLES = json.loads(Path(__file__).with_name("examples.json").read_text())


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["name"] for example in EXAMPLES])
def test_an_example_has_its_answer(group, example):
    group.put(example["events"])
    expected = [[(pair["field"], pair["value"]) for pair in row] for row in example["expected"]]
    found = group.run(example["query"])
    assert (found if example["ordered"] else sorted(found)) == (expected if example["ordered"] else sorted(expected))
