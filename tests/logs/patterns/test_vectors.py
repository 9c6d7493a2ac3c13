"""Pattern, message, verdict: each row names the rule's source, the AWS documentation or an inference from it."""

import json
from itertools import groupby
from pathlib import Path

import pytest

from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import compile_predicate
from groundwatch.logs.patterns.sifting import compile_sieve
from groundwatch.logs.patterns.text import pattern_text

FILES = ("vectors.json", "own_vectors.json")
ROWS = [row for name in FILES for row in json.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))]
PATTERNS = [(pattern, list(rows)) for pattern, rows in groupby(ROWS, key=lambda row: row["pattern"])]
by_pattern = pytest.mark.parametrize(
    ("pattern", "rows"), PATTERNS, ids=[pattern or "(empty)" for pattern, _ in PATTERNS]
)


@by_pattern
def test_predicate(pattern, rows):
    predicate = compile_predicate(parse_pattern(pattern))
    assert {row["message"]: predicate(row["message"]) for row in rows} == verdicts(rows)


@by_pattern
def test_sieve(pattern, rows):
    messages = [row["message"] for row in rows]
    found = compile_sieve(parse_pattern(pattern))(messages)
    assert found == [at for at, row in enumerate(rows) if row["matches"]]


@by_pattern
def test_condition(engine_verdicts, pattern, rows):
    messages = [row["message"] for row in rows]
    found = engine_verdicts(parse_pattern(pattern), messages)
    assert dict(zip(messages, found, strict=True)) == verdicts(rows)


@by_pattern
def test_round_trip(pattern, rows):
    tree = parse_pattern(pattern)
    assert parse_pattern(pattern_text(tree)) == tree


def verdicts(rows):
    return {row["message"]: row["matches"] for row in rows}
