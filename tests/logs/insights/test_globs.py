"""Globs of `parse`: the same fields as by the regular expression that says the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.logs.insights.conftest import EventGroup

from groundwatch.logs.insights.commands.globs import MOST_WILDCARDS, glob_expression

PIECES = st.text("ab[ é", max_size=3)
TEXTS = st.text("aab[ é\n", max_size=14)


def expected(glob: str, message: str) -> list[str | None]:
    found = re.search(glob_expression(glob), message, re.DOTALL)
    return list(found.groups()) if found else [None] * glob.count("*")


def parsed(group: EventGroup, glob: str) -> list[list[str | None]]:
    names = [f"n{number}" for number in range(glob.count("*"))]
    rows = group.run(
        f'parse @message "{glob}" as {", ".join(names)} | display {", ".join(names)} | sort @timestamp asc'
    )
    return [[dict(row).get(name) for name in names] for row in rows]


def put(event_database, messages: list[str]) -> EventGroup:
    group = EventGroup(event_database)
    group.put({"timestamp": 1_000 + at, "message": message} for at, message in enumerate(messages))
    return group


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(PIECES, min_size=2, max_size=5), messages=st.lists(TEXTS, min_size=1, max_size=8))
def test_a_glob_finds_what_its_expression_does(event_database, pieces, messages):
    glob = "*".join(pieces)
    assert parsed(put(event_database, messages), glob) == [expected(glob, message) for message in messages]


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("*", "all of it"),
        ("*", ""),
        ("a*", "baab"),
        ("*a", "bab"),
        ("a*b*a", "ab ab"),
        ("a*b*c", "a b a b c"),
        ("aa*a", "aaa"),
        ("x*", "no match"),
        ("é*é", "aéüé"),
        ("a*", "a\nb"),
        ("**", "ab"),
        ("a**b", "a b"),
        ("*,".join([""] * (MOST_WILDCARDS + 2)), "a,b,c,d,e,f,g,h,i,j,k,l"),
    ],
)
def test_places(event_database, glob, message):
    assert parsed(put(event_database, [message]), glob) == [expected(glob, message)]


def test_a_field_that_is_missing_has_no_parts(event_database):
    group = put(event_database, ['{"path":"/a/b"}', "{}", '{"path":""}'])
    rows = group.run('parse path "*" as whole | parse path "/*/*" as first, second | sort @timestamp asc')
    shown = [{name: value for name, value in row if name in {"whole", "first", "second"}} for row in rows]
    assert shown[0] == {"whole": "/a/b", "first": "a", "second": "b"}
    assert not any(shown[1].values())
    assert shown[2].get("whole") == ""


def test_numbers_within_text_are_numbers(event_database):
    group = put(event_database, ["took 5 ms", "took 7.5 ms", "took x ms", "nothing"])
    rows = group.run('parse @message "took * ms" as took | stats sum(took) as s, count(took) as c')
    assert rows == [[("s", "12.5"), ("c", "3")]]
