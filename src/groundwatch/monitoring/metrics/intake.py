"""Metric data as PutMetricData brings it, judged and turned into samples.

The rules are those of the API reference, the messages those of recorded answers where there are any.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.metrics.model import Dimensions, MetricKey
from groundwatch.monitoring.metrics.samples import MINUTE_MS, SECOND_MS, Sample, sample_of

MAX_DATA = 1000
MAX_VALUES = 150
MAX_PAST_MS = 14 * 86_400_000
MAX_AHEAD_MS = 2 * 3_600_000
MAX_MAGNITUDE = 2.0**360
RESOLUTIONS_MS = {1: SECOND_MS, 60: MINUTE_MS}
NO_VALUE = "At least one of the parameters must be specified."
COUNTS_ALONE = "The parameter values must appears when the counts parameter is specified."

Datum = Mapping[str, Any]


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a request: a code of the service model, and the message."""

    code: str
    message: str


class Sender(msgspec.Struct, frozen=True):
    """Whose metrics they are, and when they came."""

    account_id: str
    region: str
    received_ms: int


def samples_of(sender: Sender, namespace: str, data: Sequence[Datum]) -> list[Sample]:
    """Return the samples of a request; raises `ServiceError` that lists all faults of the first fault's kind."""
    _raise_first([*_namespace_faults(namespace), *_data_faults(data)])
    _raise_first(
        [
            fault
            for number, datum in enumerate(data, 1)
            for fault in _datum_faults(_path(number), datum, sender.received_ms)
        ]
    )
    return [sample for datum in data for sample in _samples(sender, namespace, datum)]


def sorted_dimensions(given: Sequence[Mapping[str, str]]) -> Dimensions:
    """Return dimensions in the order that makes equal sets equal."""
    return tuple(sorted((dimension["Name"], dimension["Value"]) for dimension in given))


def _path(number: int) -> str:
    return f"MetricData.member.{number}"


def _raise_first(faults: Sequence[Fault]) -> None:
    if faults:
        code = faults[0].code
        raise ServiceError(code, "\n".join(fault.message for fault in faults if fault.code == code))


def _invalid(value: object, path: str) -> Fault:
    return Fault("InvalidParameterValue", f"The value {value} for parameter {path} is invalid.")


def _namespace_faults(namespace: str) -> Iterator[Fault]:
    if namespace.startswith(":"):
        yield _invalid(namespace, "Namespace")


def _data_faults(data: Sequence[Datum]) -> Iterator[Fault]:
    if not data:
        yield Fault("MissingParameter", "The parameter MetricData is required.")
    if len(data) > MAX_DATA:
        yield _too_many("MetricData", MAX_DATA)


def _too_many(path: str, limit: int) -> Fault:
    return Fault("InvalidParameterValue", f"The collection {path} must not have a size greater than {limit}.")


def _datum_faults(path: str, datum: Datum, now_ms: int) -> Iterator[Fault]:
    yield from _timestamp_faults(path, datum, now_ms)
    yield from dimension_faults(f"{path}.Dimensions", datum.get("Dimensions", ()))
    yield from _form_faults(path, datum)
    yield from _number_faults(path, datum)
    if datum.get("StorageResolution", 60) not in RESOLUTIONS_MS:
        yield _invalid(datum["StorageResolution"], f"{path}.StorageResolution")


def _timestamp_faults(path: str, datum: Datum, now_ms: int) -> Iterator[Fault]:
    given = datum.get("Timestamp")
    if given is None:
        return
    if not now_ms - MAX_PAST_MS <= given.timestamp() * 1000 <= now_ms + MAX_AHEAD_MS:
        text = f"The parameter {path}.Timestamp must specify a time within the past two weeks."
        yield Fault("InvalidParameterValue", text)


def dimension_faults(path: str, dimensions: Sequence[Mapping[str, str]]) -> Iterator[Fault]:
    """Yield what is wrong with dimensions beyond what the service model says."""
    names = [dimension["Name"] for dimension in dimensions]
    if len(set(names)) < len(names):
        yield Fault("InvalidParameterValue", "No metric may specify the same dimension name twice.")
    for number, dimension in enumerate(dimensions, 1):
        name, value = dimension["Name"], dimension.get("Value")
        if name.startswith(":") or not _is_word(name):
            yield _invalid(name, f"{path}.member.{number}.Name")
        if value is not None and not _is_word(value):
            yield _invalid(value, f"{path}.member.{number}.Value")


def _is_word(text: str) -> bool:
    return text.isascii() and not text.isspace() and text.isprintable()


def _form_faults(path: str, datum: Datum) -> Iterator[Fault]:
    for other in ("Values", "StatisticValues"):
        if "Value" in datum and other in datum:
            text = f"The parameters {path}.Value and {path}.{other} are mutually exclusive and you have specified both."
            yield Fault("InvalidParameterCombination", text)
    if "Counts" in datum and "Values" not in datum:
        yield Fault("InvalidParameterCombination", COUNTS_ALONE)
    elif not {"Value", "Values", "StatisticValues"} & datum.keys():
        yield Fault("InvalidParameterCombination", NO_VALUE)
    values, counts = datum.get("Values", ()), datum.get("Counts")
    if counts is not None and "Values" in datum and len(counts) != len(values):
        text = f"The parameters {path}.Values and {path}.Counts must be of the same size."
        yield Fault("InvalidParameterValue", text)
    if "Values" in datum and not values:
        yield Fault("InvalidParameterCombination", NO_VALUE)
    if len(values) > MAX_VALUES:
        yield _too_many(f"{path}.Values", MAX_VALUES)


def _number_faults(path: str, datum: Datum) -> Iterator[Fault]:
    if "Value" in datum and not _is_storable(datum["Value"]):
        yield _invalid(datum["Value"], f"{path}.Value")
    for name in ("Values", "Counts"):
        for number, value in enumerate(datum.get(name, ()), 1):
            if not _is_storable(value) or (name == "Counts" and value < 0):
                yield _invalid(value, f"{path}.{name}.member.{number}")
    for name, value in datum.get("StatisticValues", {}).items():
        if not _is_storable(value) or (name == "SampleCount" and value <= 0):
            yield _invalid(value, f"{path}.StatisticValues.{name}")


def _is_storable(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= MAX_MAGNITUDE


def _samples(sender: Sender, namespace: str, datum: Datum) -> Iterator[Sample]:
    dimensions = sorted_dimensions(datum.get("Dimensions", ()))
    metric = MetricKey(sender.account_id, sender.region, namespace, datum["MetricName"], dimensions)
    given = datum.get("Timestamp")
    timestamp_ms = sender.received_ms if given is None else round(given.timestamp() * 1000)
    unit, resolution_ms = datum.get("Unit", "None"), RESOLUTIONS_MS[datum.get("StorageResolution", 60)]
    values = [(datum["Value"], 1.0)] if "Value" in datum else _counted(datum)
    if values:
        yield sample_of(metric, timestamp_ms, values, unit=unit, resolution_ms=resolution_ms)
    if "StatisticValues" in datum:
        count, total, least, most = (
            datum["StatisticValues"][name] for name in ("SampleCount", "Sum", "Minimum", "Maximum")
        )
        # Where all samples were alike, the sums tell the values.
        alike = least == most and math.isclose(total, count * least)
        values = [(least, count)] if alike else []
        yield Sample(metric, timestamp_ms, count, total, least, most, values, unit, resolution_ms)


def _counted(datum: Datum) -> list[tuple[float, float]]:
    values = datum.get("Values", ())
    counts = datum.get("Counts", [1.0] * len(values))
    return [(value, count) for value, count in zip(values, counts, strict=True) if count > 0]
