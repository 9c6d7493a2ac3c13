"""The states of metric alarms: documented tables, observations and boundaries, all in `evaluation_vectors.json`."""

import json
from pathlib import Path

import pytest

from groundwatch.monitoring.alarms.evaluation import Criterion, Slot, evaluate, range_slots, samples_needed
from groundwatch.monitoring.metrics.model import Datapoint

VECTORS = json.loads(Path(__file__).with_name("evaluation_vectors.json").read_text())
MINUTE_MS = 60_000


def slots_of(values, samples=1.0):
    return [
        Slot(n * MINUTE_MS, None if value is None else Datapoint(n * MINUTE_MS, value, samples))
        for n, value in enumerate(values)
    ]


def row_name(row):
    signs = "".join("-" if value is None else str(value) + " " for value in row["datapoints"])
    return f"{signs}{row['treatMissingData']} {row['datapointsToAlarm']} of {row['evaluationPeriods']}"


@pytest.mark.parametrize("row", VECTORS, ids=row_name)
def test_the_state_that_a_range_calls_for(row):
    criterion = Criterion(
        row["operator"], row["threshold"], row["evaluationPeriods"], row["datapointsToAlarm"], row["treatMissingData"]
    )
    verdict = evaluate(criterion, slots_of(row["datapoints"]))
    assert (verdict.state if verdict else row["previousState"]) == row["expected"], row["note"]


@pytest.mark.parametrize(
    ("percentile", "needed"), [(90, 100), (99, 1000), (50, 20), (10, 100), (99.9, 10_000), (100, 0), (0, 0)]
)
def test_how_many_samples_a_percentile_needs(percentile, needed):
    assert samples_needed(percentile) == needed


@pytest.mark.parametrize(("samples", "state"), [(99, None), (100, "ALARM")], ids=["kept", "evaluated"])
def test_few_samples_keep_the_state(samples, state):
    criterion = Criterion("GreaterThanThreshold", 1, 1, samples_needed=samples_needed(90))
    verdict = evaluate(criterion, slots_of([None, None, 5], samples))
    assert (verdict and verdict.state) == state


@pytest.mark.parametrize(("periods", "period_s", "slots"), [(3, 60, 5), (3, 10, 9), (1, 300, 3)])
def test_the_length_of_the_range(periods, period_s, slots):
    assert range_slots(periods, period_s) == slots
