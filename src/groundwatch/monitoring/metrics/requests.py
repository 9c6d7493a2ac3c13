"""MetricDataQuery members of requests, judged and turned into queries; alarms on metric math have the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.monitoring.metrics.intake import sorted_dimensions
from groundwatch.monitoring.metrics.model import MetricDataQuery, MetricKey, MetricStat
from groundwatch.monitoring.metrics.statistics import UnknownStatisticError, parse_statistic
from groundwatch.monitoring.metrics.times import check_period

ID = re.compile(r"[a-z][a-zA-Z0-9_]*\Z", re.ASCII)
NOT_UNIQUE = "The values for parameter id in MetricDataQueries are not unique."
VALIDATION = "ValidationError"

Member = Mapping[str, Any]


def queries_of(members: Sequence[Member], account_id: str, region: str) -> list[MetricDataQuery]:
    """Return the queries of a request; raises `ServiceError` (ValidationError) for the first fault."""
    ids = [member["Id"] for member in members]
    if len(set(ids)) < len(ids):
        raise ServiceError(VALIDATION, NOT_UNIQUE)
    for number, member in enumerate(members, 1):
        for fault in _faults(f"MetricDataQueries.member.{number}", member):
            raise ServiceError(VALIDATION, fault)
    return [_query(member, account_id, region) for member in members]


def _faults(path: str, member: Member) -> Iterator[str]:
    if ID.match(member["Id"]) is None:
        yield f"The value for parameter {path}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
    expression, stat = member.get("Expression"), member.get("MetricStat")
    if expression is not None and stat is not None:
        both = f"{path}.Expression and {path}.MetricStat"
        yield f"The parameters {both} are mutually exclusive and you have specified both."
    elif expression is None and stat is None:
        yield f"At least one of the parameters {path}.Expression or {path}.MetricStat must be specified."
    if stat is not None:
        yield from _stat_faults(f"{path}.MetricStat", stat)
    if "Period" in member:
        yield from _raised(lambda: check_period(member["Period"], f"{path}.Period", VALIDATION))


def _stat_faults(path: str, stat: Member) -> Iterator[str]:
    try:
        parse_statistic(stat["Stat"])
    except UnknownStatisticError:
        yield f"The value for parameter {path}.Stat is not a valid statistic."
    for name in ("Namespace", "MetricName"):
        if not stat["Metric"].get(name):
            yield f"The parameter {path}.Metric.{name} is required."
    yield from _raised(lambda: check_period(stat["Period"], f"{path}.Period", VALIDATION))


def _raised(check: Callable[[], None]) -> Iterator[str]:
    try:
        check()
    except ServiceError as error:
        yield str(error)


def _query(member: Member, account_id: str, region: str) -> MetricDataQuery:
    if member.get("AccountId") not in {None, account_id}:
        raise NotImplementedByServer("Reading another account's metrics (AccountId)")
    return MetricDataQuery(
        member["Id"],
        _stat(member["MetricStat"], account_id, region) if "MetricStat" in member else None,
        member.get("Expression"),
        member.get("Label"),
        member.get("Period"),
        member.get("ReturnData", True),
    )


def _stat(stat: Member, account_id: str, region: str) -> MetricStat:
    metric = stat["Metric"]
    dimensions = sorted_dimensions(metric.get("Dimensions", ()))
    key = MetricKey(account_id, region, metric["Namespace"], metric["MetricName"], dimensions)
    return MetricStat(key, stat["Stat"], stat["Period"], stat.get("Unit"))
