"""State reasons and reason data, letter by letter."""

import json
import re
from datetime import UTC, datetime

import pytest

from groundwatch.monitoring.alarms.evaluation import Criterion, Slot, evaluate
from groundwatch.monitoring.alarms.reasons import (
    MAX_DATA,
    MAX_REASON,
    Reading,
    java_double,
    spelled_out,
    state_reason,
    state_reason_data,
    triggering_data,
)
from groundwatch.monitoring.metrics.model import Datapoint

START_MS = int(datetime(2026, 1, 2, 3, 0, tzinfo=UTC).timestamp() * 1000)
NONE = None


def slots_of(values, samples=1.0):
    starts = [START_MS + n * 60_000 for n in range(len(values))]
    return [Slot(at, None if v is None else Datapoint(at, v, samples)) for at, v in zip(starts, values, strict=True)]


def criterion_of(words):
    treatment, needed, periods, threshold, *operator = words.split()
    return Criterion(
        operator[0] if operator else "GreaterThanThreshold",
        float(threshold),
        int(periods),
        None if needed == "-" else int(needed),
        treatment,
    )


# Treatment, DatapointsToAlarm, EvaluationPeriods, threshold and operator of the alarm; its range; the reason, where @3
# stands for the date of the slot of minute 3.
REASONS = [
    (
        "missing - 1 21",
        [NONE, NONE, NONE, NONE, 21.5],
        "Threshold Crossed: 1 datapoint [21.5 @4] was greater than the threshold (21.0).",
    ),
    (
        "missing - 3 5",
        [7, 8, 9],
        ("Threshold Crossed: 3 datapoints [9.0 @2, 8.0 @1, 7.0 @0] were greater than the threshold (5.0)."),
    ),
    (
        "missing - 1 5",
        [1],
        "Threshold Crossed: 1 datapoint [1.0 @0] was not greater than the threshold (5.0).",
    ),
    (
        "missing - 2 5 LessThanOrEqualToThreshold",
        [7, 6.25],
        ("Threshold Crossed: 2 datapoints [6.25 @1, 7.0 @0] were not less than or equal to the threshold (5.0)."),
    ),
    (
        "missing - 5 10 GreaterThanOrEqualToThreshold",
        [11, 12, 13, 14, 15],
        (
            "Threshold Crossed: 5 datapoints were greater than or equal to the threshold (10.0). The most recent "
            "datapoints which crossed the threshold: [15.0 @4, 14.0 @3, "
            "13.0 @2, 12.0 @1, 11.0 @0]."
        ),
    ),
    (
        "missing 2 3 5",
        [1, 8, 9],
        (
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0 @2, 8.0 @1] were "
            "greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
        ),
    ),
    (
        "missing 2 3 5",
        [2, 9, 1],
        (
            "Threshold Crossed: 2 out of the last 3 datapoints [1.0 @2, 2.0 @0] were "
            "not greater than the threshold (5.0) (minimum 2 datapoints for ALARM -> OK transition)."
        ),
    ),
    (
        "missing 3 3 5",
        [9, 9, 1],
        (
            "Threshold Crossed: 1 out of the last 3 datapoints [1.0 @2] was not greater than the "
            "threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition)."
        ),
    ),
    (
        "notBreaching 2 2 1 LessThanThreshold",
        [NONE, NONE, 0, NONE],
        (
            "Threshold Crossed: 1 datapoint was received for 2 periods and 1 missing datapoint was treated as "
            "[NonBreaching]."
        ),
    ),
    (
        "notBreaching 1 2 1",
        [NONE, NONE, 0, NONE],
        (
            "Threshold Crossed: 1 out of the last 2 datapoints [0.0 @2] was not greater than the threshold (1.0) "
            "and 1 missing datapoint was treated as [NonBreaching] (minimum 2 datapoints for ALARM -> OK transition)."
        ),
    ),
    (
        "breaching - 3 5",
        [NONE, NONE, NONE, NONE, 9],
        (
            "Threshold Crossed: 1 datapoint [9.0 @4] was greater than the threshold (5.0) and 2 missing "
            "datapoints were treated as [Breaching]."
        ),
    ),
    (
        "breaching - 2 5",
        [NONE, NONE, NONE, NONE],
        (
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[Breaching]."
        ),
    ),
    (
        "notBreaching - 1 5",
        [NONE, NONE, NONE],
        (
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[NonBreaching]."
        ),
    ),
    ("missing - 1 5", [NONE, NONE, NONE], "Insufficient Data: 1 datapoint was unknown."),
    ("missing - 3 5", [NONE, NONE, NONE], "Insufficient Data: 3 datapoints were unknown."),
]


@pytest.mark.parametrize(("alarm", "values", "reason"), REASONS)
def test_reason(alarm, values, reason):
    criterion = criterion_of(alarm)
    expected = re.sub(r"@(\d)", r"(02/01/26 03:0\1:00)", reason)
    assert state_reason(criterion, evaluate(criterion, slots_of(values))) == expected


def test_reason_data_of_a_gap_that_was_filled():
    criterion = criterion_of("breaching - 3 5")
    verdict = evaluate(criterion, slots_of([None, None, 7, None, 9], samples=3.0))
    text = state_reason_data(criterion, verdict, Reading(60, "Sum", "Count"), START_MS + 300_123)
    assert text == (
        '{"version":"1.0","queryDate":"2026-01-02T03:05:00.123+0000","startDate":"2026-01-02T03:02:00.000+0000",'
        '"unit":"Count","statistic":"Sum","period":60,"recentDatapoints":[7.0,null,9.0],"threshold":5.0,'
        '"evaluatedDatapoints":[{"timestamp":"2026-01-02T03:04:00.000+0000","sampleCount":3.0,"value":9.0},'
        '{"timestamp":"2026-01-02T03:03:00.000+0000"},'
        '{"timestamp":"2026-01-02T03:02:00.000+0000","sampleCount":3.0,"value":7.0}]}'
    )


def test_reason_data_without_any_datapoint():
    criterion = criterion_of("missing - 1 5")
    text = state_reason_data(criterion, evaluate(criterion, slots_of([None])), Reading(60, None, None), START_MS)
    assert json.loads(text) == {
        "version": "1.0",
        "queryDate": "2026-01-02T03:00:00.000+0000",
        "period": 60,
        "recentDatapoints": [],
        "threshold": 5.0,
    }


def test_long_evaluations_keep_to_the_limits():
    criterion = criterion_of("missing 700 1440 5")
    verdict = evaluate(criterion, slots_of([1 / 3 + 6 + n for n in range(1440)]))
    data = json.loads(text := state_reason_data(criterion, verdict, Reading(60, "Sum", None), START_MS))
    assert len(text) <= MAX_DATA
    assert data["recentDatapoints"][-1] == data["evaluatedDatapoints"][0]["value"] == 1 / 3 + 6 + 1439
    assert len(state_reason(criterion, verdict)) <= MAX_REASON


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (5, "5.0"),
        (0.25, "0.25"),
        (-3, "-3.0"),
        (0, "0.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-0.00012, "-1.2E-4"),
        (9_999_999, "9999999.0"),
        (10_000_000, "1.0E7"),
        (12_345_678.9, "1.23456789E7"),
        (1e22, "1.0E22"),
        (99.50160229693434, "99.50160229693434"),
    ],
)
def test_numbers_print_as_java_doubles(number, text):
    assert java_double(number) == text


def test_words_of_composite_alarms():
    assert spelled_out(int(datetime(2026, 9, 14, 11, 18, 52, tzinfo=UTC).timestamp() * 1000)) == (
        "Monday 14 September, 2026 11:18:52 UTC"
    )
    assert triggering_data([("arn:a", "ALARM", START_MS)]) == (
        '{"triggeringAlarms":[{"arn":"arn:a","state":{"value":"ALARM","timestamp":"2026-01-02T03:00:00.000+0000"}}]}'
    )
