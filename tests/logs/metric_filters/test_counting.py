"""From events to data points."""

import json
from collections import Counter

import msgspec
import pytest

from groundwatch.logs.catalog import Tenant
from groundwatch.logs.metric_filters.counting import (
    GRACE_MS,
    MAX_COMBINATIONS,
    REMEMBERED_MINUTES,
    Combinations,
    QuietMinutes,
    points,
    recipe_of,
    tally,
)
from groundwatch.logs.metric_filters.records import MetricFilter, Transformation
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.sifting import compile_sieve
from groundwatch.logs.subscriptions.parts import Part, StreamEvents

MINUTE = 60_000
BASE = 1_790_000_000_000 // MINUTE * MINUTE
TENANT = Tenant("123456789012", "eu-west-1")


def counted(pattern: str, messages: dict[int, str], system_fields=(), **transformation):
    wanted = {"metric_name": "n", "metric_namespace": "ns", "metric_value": "1"} | transformation
    filter_ = MetricFilter(1, 1, "f", pattern, Transformation(**wanted), system_fields, 0)
    tree = parse_pattern(pattern)
    recipe = recipe_of(filter_, tree, TENANT)
    part = Part(0, 0, range(len(messages)), list(messages), list(messages.values()))
    return recipe, tally(recipe, compile_sieve(tree), [StreamEvents("s", [part])])


@pytest.mark.parametrize(
    ("pattern", "transformation", "messages", "expected"),
    [
        pytest.param("ERROR", {}, ["ERROR", "ok", "ERROR 2"], {(): {1.0: 2}}, id="a constant for each match"),
        pytest.param("ERROR", {"metric_value": "-2.5e1"}, ["ERROR"], {(): {-25.0: 1}}, id="any number"),
        pytest.param(
            "{ $.ms = * }",
            {"metric_value": "$.ms"},
            ['{"ms": 5}', '{"ms": 5.5}', '{"ms": "5"}', '{"ms": "quick"}', '{"ms": null}', '{"ms": "NaN"}'],
            {(): {5.0: 2, 5.5: 1}},
            id="a field, where it is a number",
        ),
        pytest.param(
            "[level, ms]", {"metric_value": "$ms"}, ["INFO 7", "INFO seven", "INFO 7"], {(): {7.0: 2}}, id="a slot"
        ),
        pytest.param(
            "{ $.ms = * && $.path = * }",
            {"metric_value": "$.ms", "dimensions": {"Path": "$.path", "Again": "$.path"}},
            ['{"ms": 1, "path": "/a"}', '{"ms": 2, "path": "/b"}', '{"ms": 3, "path": "/a"}'],
            {
                (("Again", "/a"), ("Path", "/a")): {1.0: 1, 3.0: 1},
                (("Again", "/b"), ("Path", "/b")): {2.0: 1},
            },
            id="a metric for each combination, sorted by name",
        ),
        pytest.param(
            "{ $.ms = * }",
            {"metric_value": "$.ms", "dimensions": {"Path": "$.request['path']"}},
            ['{"ms": 1, "request": {"path": "/a"}}', '{"ms": 2}'],
            {(("Path", "/a"),): {1.0: 1}},
            id="a dimension that the pattern does not mention",
        ),
        pytest.param(
            "{ $.ms = * }",
            {"metric_value": "$.ms"},
            ['{"ms": 1e300}', '{"ms": -1e109}', '{"ms": 1e108}'],
            {(): {1e108: 1}},
            id="no more than a metric can hold",
        ),
        pytest.param(
            "{ $.p = * }",
            {"dimensions": {"P": "$.p"}},
            [
                json.dumps({"p": text})
                for text in ("", "  ", "\u00e4", "a\u0000", "a\n", "p" * 1_025, "p" * 1_024, ":x")
            ],
            {(("P", "p" * 1_024),): {1.0: 1}, (("P", ":x"),): {1.0: 1}},
            id="no dimensions that a metric cannot have",
        ),
        pytest.param(
            "{ $.ms = * || $.path = * }",
            {"dimensions": {"Path": "$.path"}},
            ['{"ms": 1}', '{"path": "/a"}'],
            {(("Path", "/a"),): {1.0: 1}},
            id="nothing where a dimension is missing",
        ),
    ],
)
def test_values(pattern, transformation, messages, expected):
    _, found = counted(pattern, dict(enumerate(messages, BASE)), **transformation)
    assert {dimensions: dict(counts) for (dimensions, _), counts in found.values.items()} == expected


def test_system_fields_are_those_of_the_group():
    _, found = counted("", {BASE: "a"}, ["@aws.region", "@aws.account"])
    ((dimensions, _),) = found.values
    assert dimensions == (("@aws.account", "123456789012"), ("@aws.region", "eu-west-1"))


def test_points_have_the_minute_of_their_events():
    recipe, found = counted("x", {BASE + 1: "x", BASE + MINUTE - 1: "x", BASE + MINUTE: "x", BASE + 2 * MINUTE: "y"})
    made = {point.minute_ms: point.values for point in points(recipe, found.values)}
    assert made == {BASE: {1.0: 2}, BASE + MINUTE: {1.0: 1}}
    assert found.minutes == {BASE, BASE + MINUTE, BASE + 2 * MINUTE}
    assert found.matched_minutes == {BASE, BASE + MINUTE}


def test_a_minute_is_quiet_when_it_is_over_without_a_match():
    quiet = QuietMinutes()
    quiet.note([BASE, BASE + MINUTE, BASE + 2 * MINUTE], [BASE + MINUTE])
    assert quiet.next_due_ms == BASE + MINUTE + GRACE_MS
    assert quiet.due(BASE + MINUTE + GRACE_MS - 1) == []
    assert quiet.due(BASE + MINUTE + GRACE_MS) == [BASE]
    quiet.settle([BASE])
    quiet.note([BASE, BASE + MINUTE], [])
    assert quiet.due(BASE + MINUTE * 100) == [BASE + 2 * MINUTE]


def test_a_late_match_takes_the_default_back():
    quiet = QuietMinutes()
    quiet.note([BASE], [])
    quiet.note([BASE], [BASE])
    assert quiet.next_due_ms is None


def test_the_memory_of_minutes_is_bounded():
    quiet = QuietMinutes()
    quiet.note([], range(0, MINUTE * (REMEMBERED_MINUTES + 10), MINUTE))
    assert len(quiet._settled) == REMEMBERED_MINUTES


def test_combinations_are_bounded_by_the_hour():
    combinations = Combinations()
    values = {((("d", str(number)),), BASE): Counter({1.0: 1}) for number in range(MAX_COMBINATIONS + 5)}
    assert len(combinations.admitted(values, BASE)) == MAX_COMBINATIONS
    last = dict([list(values.items())[-1]])
    assert combinations.admitted(last, BASE) == {}
    assert combinations.admitted(last, BASE + 3_600_000) == last


def test_a_stored_transformation_reads_back():
    wanted = Transformation("n", "ns", "$.a", None, {"d": "$.d"}, "Count")
    assert msgspec.convert(msgspec.to_builtins(wanted), Transformation) == wanted
