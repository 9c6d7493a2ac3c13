"""Statistics from summaries: every kind, with values worked out by hand or by the standard library."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from groundwatch.monitoring.metrics.histogram import Histogram, rounded
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.metrics.samples import Period, sample_of
from groundwatch.monitoring.metrics.statistics import (
    Summary,
    UnknownStatisticError,
    is_percentile,
    parse_statistic,
)

METRIC = MetricKey("111122223333", "us-east-1", "N", "m")


def summary(values: list[float], *, opaque: float = 0) -> Summary:
    period = Period()
    period.add(sample_of(METRIC, 0, [(value, 1.0) for value in values]))
    return Summary(period.samples + opaque, period.total, period.minimum, period.maximum, period.counted)


def compute(stat: str, values: list[float]) -> float | None:
    return parse_statistic(stat).compute(summary(values))


TEN = [10.0 * n for n in range(1, 11)]


@pytest.mark.parametrize(
    ("stat", "values", "expected"),
    [
        pytest.param("SampleCount", TEN, 10, id="SampleCount"),
        pytest.param("Sum", TEN, 550, id="Sum"),
        pytest.param("Average", TEN, 55, id="Average"),
        pytest.param("Minimum", TEN, 10, id="Minimum"),
        pytest.param("Maximum", TEN, 100, id="Maximum"),
        pytest.param("p0", TEN, 10, id="p0 is the least"),
        pytest.param("p100", TEN, 100, id="p100 is the largest"),
        pytest.param("p50", TEN, 55, id="p50 between two"),
        pytest.param("p90", [2.0, 2.0, 10.0, 10.0, 10.0], 10, id="p90 (recorded, with tolerance)"),
        pytest.param("p99.9", TEN, 99.91, id="p99.9"),
        pytest.param("p50", [7.0], 7, id="one value"),
        pytest.param("tm90", TEN, 50, id="tm90 leaves out the largest tenth"),
        pytest.param("TM(10%:90%)", TEN, 55, id="TM leaves out both ends"),
        pytest.param("TM(:90%)", TEN, 50, id="TM with an open end"),
        pytest.param("TM(0%:100%)", TEN, 55, id="TM of everything"),
        pytest.param("TM(20:40)", TEN, 35, id="TM by values: the lower left out, the upper not"),
        pytest.param("IQM", TEN, 55, id="IQM is the middle half"),
        pytest.param("tc90", TEN, 9, id="tc90 counts"),
        pytest.param("TC(10%:)", TEN, 9, id="TC from a percentile on"),
        pytest.param("ts90", TEN, 450, id="ts90 sums"),
        pytest.param("TS(:30)", TEN, 60, id="TS by values"),
        pytest.param("wm50", [1.0, 1.0, 1.0, 9.0], 1, id="wm50 moves what lies beyond to the bound"),
        pytest.param("WM(20:40)", TEN, 35, id="WM by values"),
        pytest.param("PR(:50)", TEN, 50, id="PR: the share up to a value"),
        pytest.param("PR(20:50)", TEN, 30, id="PR between values"),
        pytest.param("PR(100:)", TEN, 0, id="PR beyond everything"),
        pytest.param("TM(1000:)", TEN, None, id="TM of nothing"),
        pytest.param("p50", [-1.0, 1.0], None, id="no percentile where a value is negative"),
        pytest.param("Average", [-1.0, 1.0], 0, id="but an average"),
    ],
)
def test_statistics(stat, values, expected):
    found = compute(stat, values)
    assert found == (expected if expected is None else pytest.approx(expected))


def test_sets_whose_values_are_not_known_have_no_percentiles():
    assert parse_statistic("p50").compute(summary(TEN, opaque=3)) is None
    assert parse_statistic("SampleCount").compute(summary(TEN, opaque=3)) == 13


@pytest.mark.parametrize(
    "text",
    [
        *("", "average", "p101", "p-1", "p", "P90", "pp90", "tm", "p1e1", "p99\n", "TM()", "TM(:)", "TM(10%:90)"),
        *("TM(90%:10%)", "TM(0%:101%)", "PR(10%:20%)", "IQM(1:2)", "XX(1:2)", "TM(1:2", "TM(a:b)", "p\uff19\uff10"),
    ],
)
def test_what_is_no_statistic_is_refused(text):
    with pytest.raises(UnknownStatisticError):
        parse_statistic(text)


def test_which_statistics_are_percentiles():
    assert [is_percentile(text) for text in ("p99", "p99.9", "tm99", "Sum", "PR(:1)")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("value", [0.0, 1.0, 7.0, 99.5, 511.0, 512.0, 1024.0, 2.0**300])
def test_round_values_are_kept_exactly(value):
    assert rounded(value) == value


def test_any_value_is_kept_within_two_thousandths():
    generator = random.Random(1)
    values = [generator.uniform(1, 10) * 10.0 ** generator.randint(-300, 100) for _ in range(10_000)]
    assert all(math.isclose(rounded(value), value, rel_tol=0.002) for value in values)


@pytest.mark.parametrize("percent", [1, 25, 50, 90, 99, 99.9])
def test_percentiles_of_many_values_are_within_a_third_of_a_percent(percent):
    generator = random.Random(2)
    values = [generator.lognormvariate(3, 1) for _ in range(20_000)]
    exact = statistics.quantiles(values, n=1000, method="inclusive")[round(percent * 10) - 1]
    assert compute(f"p{percent}", values) == pytest.approx(exact, rel=0.003)


def test_counts_may_be_fractions():
    histogram = Histogram({1.0: 0.5, 2.0: 0.25, 3.0: 0.0})
    assert (histogram.size, histogram.percentile(100)) == (0.75, 1.0)
