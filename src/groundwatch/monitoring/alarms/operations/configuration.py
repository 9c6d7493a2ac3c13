"""Putting and deleting alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms import checks
from groundwatch.monitoring.alarms.messages import period_of
from groundwatch.monitoring.alarms.model import Place
from groundwatch.monitoring.alarms.operations.room import Operations, place_of
from groundwatch.monitoring.alarms.rules import ALARM_ARN, parse_rule
from groundwatch.monitoring.alarms.store import Draft
from groundwatch.monitoring.alarms.watching import queries_of

Json = dict[str, Any]


class ConfigurationOperations(Operations):
    """PutMetricAlarm, PutCompositeAlarm, DeleteAlarms."""

    async def put_metric_alarm(
        self,
        context: RequestContext,
        *,
        alarm_name: str,
        alarm_description: str | None = None,
        actions_enabled: bool = True,
        ok_actions: list[str] | None = None,
        alarm_actions: list[str] | None = None,
        insufficient_data_actions: list[str] | None = None,
        metric_name: str | None = None,
        namespace: str | None = None,
        statistic: str | None = None,
        extended_statistic: str | None = None,
        dimensions: list[Json] | None = None,
        period: int | None = None,
        unit: str | None = None,
        evaluation_periods: int | None = None,
        datapoints_to_alarm: int | None = None,
        threshold: float | None = None,
        comparison_operator: str | None = None,
        treat_missing_data: str | None = None,
        evaluate_low_sample_count_percentile: str | None = None,
        metrics: list[Json] | None = None,
        tags: list[Json] | None = None,
    ) -> None:
        """Create a metric alarm, or replace its whole configuration; state and history stay."""
        members = {
            "AlarmName": alarm_name,
            "AlarmDescription": alarm_description,
            "ActionsEnabled": actions_enabled,
            "OKActions": ok_actions or [],
            "AlarmActions": alarm_actions or [],
            "InsufficientDataActions": insufficient_data_actions or [],
            "MetricName": metric_name,
            "Namespace": namespace,
            "Statistic": statistic,
            "ExtendedStatistic": extended_statistic,
            "Dimensions": dimensions or [],
            "Period": period,
            "Unit": unit,
            "EvaluationPeriods": evaluation_periods,
            "DatapointsToAlarm": datapoints_to_alarm,
            "Threshold": threshold,
            "ComparisonOperator": comparison_operator,
            "TreatMissingData": treat_missing_data,
            "EvaluateLowSampleCountPercentile": evaluate_low_sample_count_percentile,
            "Metrics": metrics,
        }
        given = _given(members)
        checks.check_metric_alarm(given, place_of(context))
        await self._check_math(given, context)
        await self._put_metric_alarm(place_of(context), given, tags or [])

    async def put_composite_alarm(
        self,
        context: RequestContext,
        *,
        alarm_name: str,
        alarm_rule: str,
        alarm_description: str | None = None,
        actions_enabled: bool = True,
        ok_actions: list[str] | None = None,
        alarm_actions: list[str] | None = None,
        insufficient_data_actions: list[str] | None = None,
        actions_suppressor: str | None = None,
        actions_suppressor_wait_period: int | None = None,
        actions_suppressor_extension_period: int | None = None,
        tags: list[Json] | None = None,
    ) -> None:
        """Create a composite alarm, or replace its whole configuration, and evaluate its rule."""
        members = {
            "AlarmDescription": alarm_description,
            "ActionsEnabled": actions_enabled,
            "OKActions": ok_actions or [],
            "AlarmActions": alarm_actions or [],
            "InsufficientDataActions": insufficient_data_actions or [],
            "AlarmRule": alarm_rule,
            "ActionsSuppressor": actions_suppressor,
            "ActionsSuppressorWaitPeriod": actions_suppressor_wait_period,
            "ActionsSuppressorExtensionPeriod": actions_suppressor_extension_period,
        }
        await self._put_composite_alarm(place_of(context), alarm_name, _given(members), tags or [])

    async def delete_alarms(self, context: RequestContext, *, alarm_names: list[str]) -> None:
        """Delete alarms, of which one can be a composite alarm; unknown names are passed over, history stays."""
        await self._alarms.alarms.delete(place_of(context), alarm_names)

    async def _check_math(self, members: Json, context: RequestContext) -> None:
        """Evaluate expressions once, over the last period: `ValidationError` for what no evaluation could do."""
        if not any("Expression" in query for query in members.get("Metrics", ())):
            return
        place, period_ms = place_of(context), period_of(members) * 1000
        end_ms = context.received_ms // period_ms * period_ms
        series = await self._alarms.metrics.evaluate(
            place.account_id, place.region, queries_of(members, place), end_ms - period_ms, end_ms
        )
        if len(series) > 1:
            raise ServiceError(
                "ValidationError", f"The metrics list must result in one time series, but results in {len(series)}."
            )

    async def _put_metric_alarm(self, place: Place, members: Json, tags: list[Json]) -> None:
        metric = None
        if "Metrics" in members:
            # A metric of a math alarm is no metric of the alarm, and the service shows none of its members.
            members.pop("Dimensions")
        else:
            metric = checks.metric_digest(members["Namespace"], members["MetricName"], members["Dimensions"])
        draft = Draft(
            place=place,
            name=members.pop("AlarmName"),
            kind="MetricAlarm",
            members=members,
            tags=checks.tags_of(tags),
            metric=metric,
            interval_s=checks.interval_of(members),
        )
        await self._alarms.alarms.put(draft)

    async def _put_composite_alarm(self, place: Place, name: str, members: Json, tags: list[Json]) -> None:
        checks.check_name(name)
        checks.check_actions(members, place)
        checks.check_suppressor(members)
        draft = Draft(
            place=place,
            name=name,
            kind="CompositeAlarm",
            members=members,
            tags=checks.tags_of(tags),
            children=parse_rule(members["AlarmRule"], place).names,
            suppressor=_suppressor(members, place),
        )
        await self._alarms.alarms.put(draft)
        self._alarms.wake()


def _given(members: Mapping[str, Any]) -> Json:
    """Return the members that were given: those never set are absent from answers, too."""
    return {name: value for name, value in members.items() if value is not None}


def _suppressor(members: Mapping[str, Any], place: Place) -> str | None:
    named = members.get("ActionsSuppressor")
    if named is None:
        return None
    found = ALARM_ARN.fullmatch(named)
    if found is None:
        return str(named)
    if (found["region"], found["account"]) != (place.region, place.account_id):
        raise ServiceError("ValidationError", "The suppressor must be an alarm of the same account and Region.")
    return found["name"]
