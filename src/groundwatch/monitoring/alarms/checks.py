"""What PutMetricAlarm and PutCompositeAlarm refuse beyond lengths, ranges and lists of the service model."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.monitoring.alarms.evaluation import COMPARISONS
from groundwatch.monitoring.alarms.messages import period_of
from groundwatch.monitoring.alarms.model import ACTION_LISTS, Place, dimensions_of
from groundwatch.monitoring.metrics.statistics import SIMPLE, UnknownStatisticError, is_percentile, parse_statistic

SHORT_PERIODS = (10, 20, 30)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
LOW_SAMPLES = ("evaluate", "ignore")
DAY_S, WEEK_S, HOUR_S = 86_400, 604_800, 3_600
MAX_QUERIES, MAX_OF_A_KIND = 20, 10
MAX_TAGS = 50
OF_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Unit", "Period", "Statistic", "ExtendedStatistic")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
QUERY_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
SHORT_INTERVAL_S, LONG_INTERVAL_S = 10, 60


def check_metric_alarm(members: Mapping[str, Any], place: Place) -> None:
    """Return unless something is wrong with the input of PutMetricAlarm."""
    check_name(members["AlarmName"])
    check_actions(members, place)
    for name in ("EvaluationPeriods", "ComparisonOperator"):
        _require(members, name)
    if members["ComparisonOperator"] not in COMPARISONS:
        raise NotImplementedByServer(f"PutMetricAlarm.ComparisonOperator {members['ComparisonOperator']}")
    _require(members, "Threshold")
    _check_threshold(members["Threshold"])
    _check_choice(members, "TreatMissingData", TREATMENTS)
    if "Metrics" in members:
        _check_queries(members, place)
    else:
        _check_one_metric(members)
    _check_low_samples(members)
    _check_lengths(members)


def _check_threshold(threshold: float) -> None:
    # Of an infinite threshold no message could tell: JSON has no such number.
    if not math.isfinite(threshold):
        raise ServiceError("InvalidParameterValue", f"The value {threshold} for parameter Threshold is invalid.")


def check_name(name: str) -> None:
    """Return unless an alarm's name has control characters."""
    if CONTROL.search(name):
        raise ServiceError("ValidationError", "AlarmName must not contain ASCII control characters.")


def check_actions(members: Mapping[str, Any], place: Place) -> None:
    """Return unless an action is no ARN, of another Region, or of a kind that nobody here carries out."""
    for action in all_actions(members):
        try:
            arn = parse_arn(action)
        except ValueError as error:
            raise ServiceError("ValidationError", f"Invalid arn syntax: {action}") from error
        # Taking an action that nobody carries out would make an alarm that looks as if it worked.
        if arn.service != "sns":
            raise NotImplementedByServer(f"The alarm action {action}: of all kinds of actions, only SNS topics")
        if not re.fullmatch(r"\d{12}", arn.account_id) or ":" in arn.resource:
            raise ServiceError("ValidationError", f"Invalid arn syntax: {action}")
        if arn.region != place.region:
            message = f"Invalid region {arn.region} specified. Only {place.region} is supported."
            raise ServiceError("ValidationError", message)


def all_actions(members: Mapping[str, Any]) -> list[str]:
    """Return the actions of all three states."""
    return [action for name in ACTION_LISTS.values() for action in members.get(name) or ()]


def check_suppressor(members: Mapping[str, Any]) -> None:
    """Return unless a composite alarm has half of what a suppressor takes."""
    periods = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    if "ActionsSuppressor" not in members:
        given = [name for name in periods if name in members]
        if given:
            raise ServiceError("ValidationError", f"{given[0]} cannot be specified without ActionsSuppressor")
        return
    for name in periods:
        _require(members, name)
        if members[name] < 0:
            raise ServiceError("ValidationError", f"{name} must not be negative")


def tags_of(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return tags as a mapping; `AccessDenied` for keys that AWS keeps for itself."""
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            message = 'The provided tag keys must not start with any case of "aws:"'
            raise ServiceError("AccessDenied", message, status=403)
    if len({tag["Key"] for tag in tags}) != len(tags):
        raise ServiceError("InvalidParameterValue", "The tag keys must be unique.")
    if len(tags) > MAX_TAGS:
        raise ServiceError("InvalidParameterValue", f"An alarm can have at most {MAX_TAGS} tags.")
    return {tag["Key"]: tag["Value"] for tag in tags}


def metric_digest(namespace: str, name: str, dimensions: Sequence[Mapping[str, str]]) -> str:
    """Return what an alarm on this metric is found by."""
    told = msgspec.json.encode([namespace, name, dimensions_of(dimensions)])
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def interval_of(members: Mapping[str, Any]) -> int:
    """Return how often a metric alarm is evaluated, in seconds."""
    return SHORT_INTERVAL_S if period_of(members) in SHORT_PERIODS else LONG_INTERVAL_S


def _check_one_metric(members: Mapping[str, Any]) -> None:
    for name in ("MetricName", "Namespace", "Period"):
        _require(members, name)
    if "Statistic" in members and "ExtendedStatistic" in members:
        raise ServiceError(
            "ValidationError",
            "PutMetricAlarm request can not be made with both Statistic and ExtendedStatistic parameters. Only one of "
            "them should be present",
        )
    if "Statistic" not in members:
        _require(members, "ExtendedStatistic", "Statistic or ExtendedStatistic")
        _check_extended(members["ExtendedStatistic"])
    _check_dimensions(members["Dimensions"])
    _check_period(members["Period"])


def _check_extended(statistic: str) -> None:
    message = f"The value {statistic} for parameter ExtendedStatistic is not supported."
    try:
        parse_statistic(statistic)
    except UnknownStatisticError as error:
        raise ServiceError("InvalidParameterValue", message) from error
    if statistic in SIMPLE:
        raise ServiceError("InvalidParameterValue", message)


def _check_queries(members: Mapping[str, Any], place: Place) -> None:
    queries = members["Metrics"]
    # An empty list of dimensions is what SDKs send for none.
    mixed = [name for name in OF_ONE_METRIC if members.get(name) not in (None, [])]
    if mixed:
        message = f"The parameters {mixed[0]} and Metrics are mutually exclusive and you have specified both."
        raise ServiceError("ValidationError", message)
    if not queries or len(queries) > MAX_QUERIES:
        raise ServiceError("ValidationError", f"Metrics must have between 1 and {MAX_QUERIES} members.")
    for kind in ("MetricStat", "Expression"):
        if sum(kind in query for query in queries) > MAX_OF_A_KIND:
            raise ServiceError("ValidationError", f"Metrics must have at most {MAX_OF_A_KIND} members with {kind}.")
    for number, query in enumerate(queries, 1):
        _check_query(f"Metrics.member.{number}", query, place)
    repeated = [name for name, count in Counter(query["Id"] for query in queries).items() if count > 1]
    if repeated:
        raise ServiceError("ValidationError", "The values for parameter id in Metrics are not unique.")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise ServiceError("ValidationError", "Exactly one element of the metrics list should return data.")
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    periods |= {query["Period"] for query in queries if "Period" in query}
    if len(periods) != 1:
        raise ServiceError("ValidationError", "Period must be given, and be the same for all metrics of an alarm.")


def _check_query(path: str, query: Mapping[str, Any], place: Place) -> None:
    if not QUERY_ID.fullmatch(query["Id"]):
        pattern = "^[a-z][a-zA-Z0-9_]*$"
        message = f"The value for parameter {path}.Id is not matching the expected pattern {pattern}."
        raise ServiceError("ValidationError", message)
    if ("MetricStat" in query) == ("Expression" in query):
        message = f"Exactly one of {path}.Expression and {path}.MetricStat must be specified."
        raise ServiceError("ValidationError", message)
    if query.get("AccountId", place.account_id) != place.account_id:
        raise NotImplementedByServer("PutMetricAlarm.Metrics with the AccountId of another account")
    if "Period" in query:
        _check_period(query["Period"])
    stat = query.get("MetricStat")
    if stat is None:
        if re.search(r"\bSEARCH\s*\(", query["Expression"]):
            raise ServiceError("ValidationError", "SEARCH is not supported on Metric Alarms.")
        return
    for name in ("MetricName", "Namespace"):
        _require(stat["Metric"], name, f"{path}.MetricStat.Metric.{name}")
    _check_dimensions(stat["Metric"].get("Dimensions", []))
    _check_period(stat["Period"])
    try:
        parse_statistic(stat["Stat"])
    except UnknownStatisticError as error:
        message = f"The value for parameter {path}.MetricStat.Stat is not a valid statistic."
        raise ServiceError("ValidationError", message) from error


def _check_low_samples(members: Mapping[str, Any]) -> None:
    _check_choice(members, "EvaluateLowSampleCountPercentile", LOW_SAMPLES)
    if "EvaluateLowSampleCountPercentile" not in members:
        return
    # Of metric math, the percentile may be in any of the metrics.
    statistics = [members.get("ExtendedStatistic", "")]
    statistics += [query["MetricStat"]["Stat"] for query in members.get("Metrics", ()) if "MetricStat" in query]
    if not any(statistic and is_percentile(statistic) for statistic in statistics):
        message = "EvaluateLowSampleCountPercentile is only supported for percentile statistics."
        raise ServiceError("ValidationError", message)


def _check_lengths(members: Mapping[str, Any]) -> None:
    period_s, periods = period_of(members), members["EvaluationPeriods"]
    if members.get("DatapointsToAlarm", 1) > periods:
        message = "DatapointsToAlarm must be less than or equal to EvaluationPeriods"
        raise ServiceError("ValidationError", message)
    if period_s >= HOUR_S and period_s * periods > WEEK_S:
        raise ServiceError(
            "ValidationError",
            f"Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= {WEEK_S}) for "
            f"alarms using period >= {HOUR_S}",
        )
    if period_s < HOUR_S and period_s * periods > DAY_S:
        raise ServiceError(
            "ValidationError",
            f"Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= {DAY_S})",
        )


def _check_period(period_s: int) -> None:
    if period_s not in SHORT_PERIODS and period_s % 60:
        raise ServiceError("ValidationError", "Period must be 10, 20, 30 or a multiple of 60")


def _check_dimensions(dimensions: Sequence[Mapping[str, str]]) -> None:
    repeated = [name for name, count in Counter(held["Name"] for held in dimensions).items() if count > 1]
    if repeated:
        message = f"No repeated dimension names are allowed, but {repeated[0]} was given more than once."
        raise ServiceError("InvalidParameterValue", message)


def _check_choice(members: Mapping[str, Any], name: str, choices: Sequence[str]) -> None:
    if members.get(name, choices[0]) not in choices:
        message = f"The value {members[name]} for parameter {name} is not supported: use {', '.join(choices)}."
        raise ServiceError("ValidationError", message)


def _require(members: Mapping[str, Any], name: str, shown: str | None = None) -> None:
    if name not in members:
        raise ServiceError("MissingParameter", f"The parameter {shown or name} is required.")
