import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.patterns.nodes import MatchAll, Pattern, Terms
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import compile_predicate
from groundwatch.logs.patterns.sql import compile_condition

ROWS = json.loads(Path(__file__).with_name("term_patterns.json").read_text(encoding="utf-8"))


def engine_verdict(event_database, pattern: Pattern, message: str) -> bool:
    condition = compile_condition(pattern)
    parameters = {"message_text": message, **condition.parameters}
    sql = f"SELECT {condition.sql} FROM (SELECT {{message_text:String}} AS message)"
    return bool(event_database.run_now(lambda client: client.query(sql, parameters=parameters).result_rows[0][0]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['pattern']} ~ {row['message'][:20]}")
def test_term_patterns(row):
    assert compile_predicate(parse_pattern(row["pattern"]))(row["message"]) is row["matches"]


def test_term_patterns_in_the_engine(event_database):
    for row in ROWS:
        assert engine_verdict(event_database, parse_pattern(row["pattern"]), row["message"]) is row["matches"], row


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("ERROR [", "Invalid filter pattern: Invalid character(s) in term '['"),
        ("a && b", "Invalid filter pattern: Invalid character(s) in term '&&'"),
        ("!(a", "Invalid filter pattern: Invalid character(s) in term '!('"),
        ("a\\b", "Invalid filter pattern: Invalid character(s) in term '\\'"),
        ("?Status: timeout", "Invalid filter pattern: Invalid character(s) in term ':'"),
        ("ERR*", "Invalid filter pattern: Invalid character(s) in term '*'"),
        ('""', "Invalid filter pattern: Invalid character(s) in term '\"\"'"),
        ('"open', "Invalid filter pattern"),
        ("a -", "Invalid filter pattern"),
    ],
)
def test_malformed_patterns(pattern, message):
    with pytest.raises(ServiceError) as caught:
        parse_pattern(pattern)
    assert (caught.value.code, caught.value.message) == ("InvalidParameterException", message)


@pytest.mark.parametrize("pattern", ["{ $.a = 1 }", "[a, b]", "%x.*%"])
def test_later_kinds_are_refused_by_name(pattern):
    with pytest.raises(NotImplementedByServer):
        parse_pattern(pattern)


def test_a_lone_minus_belongs_to_the_next_term():
    assert parse_pattern('"A" - "B"') == Terms(required=("A",), excluded=("B",))


def test_white_space_terms_match_everything():
    assert parse_pattern('" "') == MatchAll()


terms = st.lists(st.text(min_size=1, max_size=4).filter(str.strip), max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.builds(Terms, required=terms, excluded=terms, optional=terms), st.text(max_size=30))
def test_both_targets_agree(event_database, pattern, message):
    if pattern == Terms():
        return
    expected = compile_predicate(pattern)(message)
    if any("\x00" in text for text in (message, *pattern.required, *pattern.excluded, *pattern.optional)):
        return
    assert engine_verdict(event_database, pattern, message) is expected
