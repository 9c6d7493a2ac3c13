"""Metric math on series that are given: the documented examples, and what the user guide says of each function."""

from __future__ import annotations

import math

import pytest

from groundwatch.monitoring.metrics.math.evaluate import ExpressionError, Problem, Solver
from groundwatch.monitoring.metrics.math.functions import FUNCTIONS, Surroundings
from groundwatch.monitoring.metrics.math.parse import parse_expression
from groundwatch.monitoring.metrics.math.values import Budget, Line

START_MS = 1_767_322_800_000
"""Friday, 2 January 2026, 03:00 UTC."""
GAP = None


def line(values) -> Line:
    points = {START_MS + 60_000 * at: float(value) for at, value in enumerate(values) if value is not GAP}
    return Line(points, 60, is_metric=True)


def solve(expression: str, minutes: int = 5, budget: int = 10_000, expressions=None, **metrics):
    """Return the values of the resulting series, minute by minute, with None for gaps."""
    lines = {name: line(values) for name, values in metrics.items()}
    around = Surroundings(Budget(budget), lines, START_MS, START_MS + minutes * 60_000, 60)
    parsed = {name: parse_expression(text) for name, text in {**(expressions or {}), "e": expression}.items()}
    times = [START_MS + 60_000 * minute for minute in range(minutes)]
    return [[found.points.get(at) for at in times] for found in Solver(Problem(parsed, around)).solve("e")]


IF = {"m1": [1, 1, 0, 0, GAP], "m2": [30, GAP, 0, 0, 30], "m3": [0, 0, 20, GAP, 20]}
LOGIC = {"m1": [30, 20, 0, 0], "m2": [20, GAP, 20, GAP]}


@pytest.mark.parametrize(
    ("expression", "metrics", "expected"),
    [
        pytest.param("IF(m1,m2,m3)", IF, [30, 0, 20, GAP, GAP], id="IF, documented example 1"),
        pytest.param("IF(m1,5,m3)", IF, [5, 5, 20, GAP, GAP], id="IF, documented example 2"),
        pytest.param("IF(m1,m2,5)", IF, [30, 0, 5, 5, GAP], id="IF, documented example 3"),
        pytest.param("IF(m1,m2)", IF, [30, 0, GAP, GAP, GAP], id="IF without a third argument drops points"),
        pytest.param("m1<m2", LOGIC, [0, 0, 1, 0], id="a comparison, documented example"),
        pytest.param("m1>15 AND m2>15", LOGIC, [1, 0, 0, 0], id="AND, documented example"),
        pytest.param("m1>15 && m2>15", LOGIC, [1, 0, 0, 0], id="AND, the other spelling"),
        pytest.param("m1>25 OR m2>15", LOGIC, [1, 0, 1, 0], id="OR"),
        pytest.param("m1==0 || m2==20", LOGIC, [1, 0, 1, 1], id="OR, the other spelling"),
        pytest.param("m1!=20", LOGIC, [1, 0, 1, 1], id="a comparison with a number"),
        pytest.param("RUNNING_SUM(m)", {"m": [4, 4, 8, 16, 32]}, [4, 8, 16, 32, 64], id="RUNNING_SUM, documented"),
        pytest.param("a + b", {"a": [1, 2, GAP], "b": [1, GAP, 3]}, [2, 2, 3], id="a missing operand counts as 0"),
        pytest.param("a / b", {"a": [1, 2, 3], "b": [2, 0, GAP]}, [0.5], id="a division by zero drops the point"),
        pytest.param("1 / 0 + a", {"a": [1]}, [], id="a division of numbers by zero drops all points"),
        pytest.param("2 + 3 * a ^ 2", {"a": [2]}, [14], id="precedence"),
        pytest.param("-a ^ 2", {"a": [3]}, [-9], id="a power binds tighter than a sign"),
        pytest.param("2 ^ 3 ^ 2 + a", {"a": [0]}, [512], id="powers from the right"),
        pytest.param("(2 + 3) * a", {"a": [2]}, [10], id="parentheses"),
        pytest.param("10 - 2 - a", {"a": [3]}, [5], id="differences from the left"),
        pytest.param("a ^ 0.5", {"a": [4, -4]}, [2], id="the root of a negative number is no point"),
        pytest.param("a ^ 999", {"a": [10, 1]}, [GAP, 1], id="what is too large is no point"),
        *(
            pytest.param(f"{name}([a, b, a])", {"a": [1e308, 1], "b": [1e308, 1]}, [GAP, value], id=f"{name} too large")
            for name, value in (("SUM", 3), ("AVG", 1))
        ),
        pytest.param("STDDEV([a, b])", {"a": [1.7e308, 3], "b": [-1.7e308, 1]}, [1.7e308, 1], id="STDDEV, large"),
        pytest.param("a * SUM(b)", {"a": [1], "b": [1e308, 1e308]}, [], id="a sum of one series that is too large"),
        pytest.param(
            "FIRST(SORT([a, b], SUM, ASC))", {"a": [1e308, 1e308], "b": [2, 2]}, [2, 2], id="sorted by large sums"
        ),
        pytest.param("ABS(a)", {"a": [-1, 2]}, [1, 2], id="ABS"),
        pytest.param("CEIL(a)", {"a": [1.2]}, [2], id="CEIL"),
        pytest.param("FLOOR(a)", {"a": [1.8]}, [1], id="FLOOR"),
        pytest.param("LOG10(a)", {"a": [100, 0, -1]}, [2], id="LOG10 of what is not positive drops points"),
        pytest.param("LOG(a)", {"a": [math.e**2]}, [2], id="LOG is natural"),
        pytest.param("DIFF(a)", {"a": [1, GAP, 4]}, [GAP, GAP, 3], id="DIFF since the last point there is"),
        pytest.param("DIFF_TIME(a)", {"a": [1, GAP, 4]}, [GAP, GAP, 120], id="DIFF_TIME in seconds"),
        pytest.param("RATE(a)", {"a": [0, 60, GAP, 300]}, [GAP, 1, GAP, 2], id="RATE a second"),
        pytest.param("FILL(a, 7)", {"a": [GAP, 1]}, [7, 1, 7, 7, 7], id="FILL with a number"),
        pytest.param("FILL(a, REPEAT)", {"a": [GAP, 1, GAP, 2]}, [GAP, 1, 1, 2, 2], id="FILL with the last value"),
        pytest.param("FILL(a, LINEAR)", {"a": [GAP, 1, GAP, 2]}, [GAP, 1, 1.5, 2], id="FILL between neighbours"),
        pytest.param("FILL(a, b)", {"a": [GAP, 1], "b": [5, 6, 7]}, [5, 1, 7], id="FILL from a series"),
        pytest.param("a - AVG(a)", {"a": [1, 3]}, [-1, 1], id="AVG of a series is a number"),
        pytest.param("AVG([a, b])", {"a": [4, 4], "b": [2, GAP]}, [3, 2], id="AVG of an array counts gaps as 0"),
        pytest.param("SUM([a, b])", {"a": [4, 4], "b": [2, GAP]}, [6, 4], id="SUM of an array"),
        pytest.param("MIN([a, b])", {"a": [4, 4], "b": [2, GAP]}, [2, 4], id="MIN of an array"),
        pytest.param("MAX([a, b])", {"a": [4, 4], "b": [2, GAP]}, [4, 4], id="MAX of an array"),
        pytest.param("STDDEV([a, b])", {"a": [4, 4], "b": [2, GAP]}, [1, 0], id="STDDEV of an array"),
        pytest.param("DATAPOINT_COUNT([a, b])", {"a": [4, 4], "b": [2, GAP]}, [2, 1], id="DATAPOINT_COUNT of an array"),
        pytest.param("a * 0 + DATAPOINT_COUNT(a)", {"a": [4, GAP, 4]}, [2, GAP, 2], id="DATAPOINT_COUNT of a series"),
        pytest.param("SUM(METRICS())", {"a": [1], "b": [2]}, [3], id="METRICS takes all metrics"),
        pytest.param(
            'SUM(METRICS("err"))', {"err1": [1], "errors": [2], "ok": [9]}, [3], id="METRICS by a part of ids"
        ),
        pytest.param("a * 0 + METRIC_COUNT(METRICS())", {"a": [1], "b": [2]}, [2], id="METRIC_COUNT"),
        pytest.param("FIRST([a, b])", {"a": [1], "b": [2]}, [1], id="FIRST"),
        pytest.param("LAST([a, b])", {"a": [1], "b": [2]}, [2], id="LAST"),
        pytest.param("a * PERIOD(a)", {"a": [2]}, [120], id="PERIOD in seconds"),
        pytest.param("TIME_SERIES(3)", {}, [3, 3, 3, 3, 3], id="TIME_SERIES has no gaps"),
        pytest.param("MINUTE(a)", {"a": [GAP, 9]}, [0, 1, 2, 3, 4], id="MINUTE has no gaps"),
        pytest.param("HOUR(a)", {"a": [9]}, [3] * 5, id="HOUR"),
        pytest.param("DAY(a)", {"a": [9]}, [5] * 5, id="DAY, 1 is Monday"),
        pytest.param("DATE(a)", {"a": [9]}, [2] * 5, id="DATE"),
        pytest.param("MONTH(a)", {"a": [9]}, [1] * 5, id="MONTH"),
        pytest.param("YEAR(a)", {"a": [9]}, [2026] * 5, id="YEAR"),
        pytest.param("EPOCH(a) - 1767322800", {"a": [9]}, [0, 60, 120, 180, 240], id="EPOCH in seconds"),
        pytest.param("a*1e2 + .5", {"a": [1]}, [100.5], id="forms of numbers"),
    ],
)
def test_one_series(expression, metrics, expected):
    assert solve(expression, **metrics) == [pytest.approx([*expected, *[GAP] * (5 - len(expected))])]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("[a, b]", [[1, 2], [5, 3]], id="an array"),
        pytest.param("[a, b] + 1", [[2, 3], [6, 4]], id="a number with every member"),
        pytest.param("a - [a, b]", [[0, 0], [-4, -1]], id="a series with every member"),
        pytest.param("[a, b] * [b, a]", [[5, 6], [5, 6]], id="members one by one"),
        pytest.param("IF([a, b] > 2, 1, 0)", [[0, 0], [1, 1]], id="IF on every member"),
        pytest.param("SORT([a, b], MAX, DESC)", [[5, 3], [1, 2]], id="SORT"),
        pytest.param("SORT([a, b], SUM, DESC, 1)", [[5, 3]], id="SORT and cut"),
        pytest.param("SLICE([a, b], 1)", [[5, 3]], id="SLICE to the end"),
        pytest.param("SLICE([a, b], 0, 1)", [[1, 2]], id="SLICE, the end excluded"),
        pytest.param("REMOVE_EMPTY([a, empty])", [[1, 2]], id="REMOVE_EMPTY"),
        pytest.param("FILL([a, empty], 0)", [[1, 2], [0, 0]], id="FILL of every member"),
        pytest.param("RUNNING_SUM([a, b])", [[1, 3], [5, 8]], id="other functions of every member"),
    ],
)
def test_arrays(expression, expected):
    assert solve(expression, minutes=2, a=[1, 2], b=[5, 3], empty=[]) == expected


def test_expressions_refer_to_one_another():
    assert solve("e1 / 2", minutes=1, expressions={"e1": "e0 + m", "e0": "m * 10"}, m=[2]) == [[11]]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        pytest.param("NOT_A_FUNCTION(m)", "Function 'NOT_A_FUNCTION' not found", id="unknown function (recorded)"),
        pytest.param("5", "must be a time series", id="a number alone"),
        pytest.param("AVG(m)", "must be a time series", id="a number from a series"),
        pytest.param("nope", "Unknown identifier 'nope'", id="unknown id"),
        pytest.param("e + 1", "'e' refers to itself", id="a circle"),
        pytest.param("loop", "refers to itself", id="a circle through another"),
        pytest.param("ABS(m, m)", "takes 1 arguments, not 2", id="too many arguments"),
        pytest.param("FILL(m)", "takes 2 arguments, not 1", id="too few arguments"),
        pytest.param("FILL(m, NOTHING)", "A number is expected", id="unknown way to fill"),
        pytest.param("PERIOD(m + 1)", "PERIOD takes a metric", id="PERIOD of an expression"),
        pytest.param("[m, m] + [m]", "different lengths", id="arrays of different lengths"),
        pytest.param("m + REPEAT", "A text is no operand", id="a word as an operand"),
        pytest.param("ANOMALY_DETECTION_BAND(m)", "not implemented by Groundwatch", id="what is not here"),
        pytest.param("+".join(["m"] * 1000), "nested too deeply", id="a chain of a thousand"),
        pytest.param("-" * 2000 + "m", "nested too deeply", id="a tower of signs"),
    ],
)
def test_what_is_wrong_is_said(expression, why):
    with pytest.raises(ExpressionError, match=r"^Error in expression '\w+': ") as caught:
        solve(expression, minutes=40, expressions={"loop": "e"}, m=[1])
    assert why in str(caught.value)


@pytest.mark.parametrize("expression", ["FILL(m, 0) + FILL(m, 1)", "TIME_SERIES(1)", "[m, m, m] + [m, m, m]"])
def test_nobody_makes_more_points_than_there_is_room_for(expression):
    with pytest.raises(ExpressionError, match="more datapoints than one request may"):
        solve(expression, minutes=40, budget=30, m=range(10))


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("m1 +", "Unexpected end of the expression"),
        ("m1 m2", "Unexpected 'm2' at char 3"),
        ("m1 ? 2", "Unexpected '\\?' at char 3"),
        ("(m1", "Unexpected end of the expression"),
        ("", "Unexpected end of the expression"),
        ("[m1,]", "Unexpected '\\]' at char 4"),
    ],
)
def test_what_is_no_expression_is_refused(expression, why):
    from groundwatch.monitoring.metrics.math.errors import MathError

    with pytest.raises(MathError, match=why):
        parse_expression(expression)


@pytest.mark.parametrize(("length", "is_kept"), [(100, True), (1_000, False)])
def test_trees_of_long_expressions_are_not_kept(length, is_kept):
    text = "m" + "+1" * (length // 2)
    assert (parse_expression(text) is parse_expression(text)) == is_kept


def test_the_table_of_functions_is_the_user_guides():
    documented = {
        *(
            "ABS",
            "AVG",
            "CEIL",
            "DATAPOINT_COUNT",
            "DATE",
            "DAY",
            "DIFF",
            "DIFF_TIME",
            "EPOCH",
            "FILL",
            "FIRST",
            "LAST",
        ),
        *("FLOOR", "HOUR", "IF", "LOG", "LOG10", "MAX", "METRIC_COUNT", "METRICS", "MIN", "MINUTE", "MONTH", "PERIOD"),
        *("RATE", "REMOVE_EMPTY", "RUNNING_SUM", "SLICE", "SORT", "STDDEV", "SUM", "TIME_SERIES", "YEAR"),
    }
    assert documented == FUNCTIONS.keys()
