"""Putting and deleting alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

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


class AlarmMembers(TypedDict, total=False):
    """What is said about an alarm of either kind."""

    alarm_description: str
    actions_enabled: bool
    ok_actions: list[str]
    alarm_actions: list[str]
    insufficient_data_actions: list[str]


class MetricAlarmMembers(AlarmMembers, total=False):
    """What is said about a metric alarm; most of it is optional in the model and demanded by the checks."""

    metric_name: str
    namespace: str
    statistic: str
    extended_statistic: str
    dimensions: list[Json]
    period: int
    unit: str
    evaluation_periods: int
    datapoints_to_alarm: int
    threshold: float
    comparison_operator: str
    treat_missing_data: str
    evaluate_low_sample_count_percentile: str
    metrics: list[Json]


class CompositeAlarmMembers(AlarmMembers, total=False):
    """What is said about a composite alarm beside its rule."""

    actions_suppressor: str
    actions_suppressor_wait_period: int
    actions_suppressor_extension_period: int


DEFAULTS: Json = {"ActionsEnabled": True, "OKActions": [], "AlarmActions": [], "InsufficientDataActions": []}
"""Members that answers have even if they were never given; all others are absent then."""


class ConfigurationOperations(Operations):
    """PutMetricAlarm, PutCompositeAlarm, DeleteAlarms."""

    async def put_metric_alarm(
        self,
        context: RequestContext,
        *,
        alarm_name: str,
        tags: list[Json] | None = None,
        **said: Unpack[MetricAlarmMembers],
    ) -> None:
        """Create a metric alarm, or replace its whole configuration; state and history stay."""
        members = {**DEFAULTS, "AlarmName": alarm_name, "Dimensions": [], **_named(said)}
        checks.check_metric_alarm(members, place_of(context))
        await self._check_math(members, context)
        await self._put_metric_alarm(place_of(context), members, tags or [])

    async def put_composite_alarm(
        self,
        context: RequestContext,
        *,
        alarm_name: str,
        alarm_rule: str,
        tags: list[Json] | None = None,
        **said: Unpack[CompositeAlarmMembers],
    ) -> None:
        """Create a composite alarm, or replace its whole configuration, and evaluate its rule."""
        members = {**DEFAULTS, "AlarmRule": alarm_rule, **_named(said)}
        await self._put_composite_alarm(place_of(context), alarm_name, members, tags or [])

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


def _named(said: Mapping[str, Any]) -> Json:
    """Return members under the model's names, as they are kept and shown."""
    # The one name that the model does not write as one would.
    names = {name: name.title().replace("_", "").replace("OkActions", "OKActions") for name in said}
    return {names[name]: value for name, value in said.items()}


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
