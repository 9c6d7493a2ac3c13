"""Looking at alarms and their history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.tokens import seal
from groundwatch.monitoring.alarms.checks import all_actions, metric_digest
from groundwatch.monitoring.alarms.evaluation import State
from groundwatch.monitoring.alarms.model import Alarm, Kind, Place
from groundwatch.monitoring.alarms.operations.room import Operations, place_of
from groundwatch.monitoring.alarms.store import AlarmQuery, HistoryQuery
from groundwatch.monitoring.metrics.tokens import position_in

DEFAULT_PAGE = 100
KINDS: tuple[Kind, ...] = ("MetricAlarm", "CompositeAlarm")
Json = dict[str, Any]


class ListingOperations(Operations):
    """DescribeAlarms, DescribeAlarmsForMetric, DescribeAlarmHistory."""

    async def describe_alarms(
        self,
        context: RequestContext,
        *,
        alarm_names: list[str] | None = None,
        alarm_name_prefix: str | None = None,
        alarm_types: list[str] | None = None,
        children_of_alarm_name: str | None = None,
        parents_of_alarm_name: str | None = None,
        state_value: State | None = None,
        action_prefix: str | None = None,
        max_records: int = DEFAULT_PAGE,
        next_token: str | None = None,
    ) -> Json:
        """List alarms by name: metric alarms, unless other types are asked for."""
        place = place_of(context)
        filters = [alarm_names, alarm_name_prefix, alarm_types, state_value, action_prefix]
        request = ["alarms", place.account_id, place.region, filters, children_of_alarm_name, parents_of_alarm_name]
        after = cast("str", position_in(request, next_token, str)[0]) if next_token else ""
        if children_of_alarm_name or parents_of_alarm_name:
            if any(filters) or (children_of_alarm_name and parents_of_alarm_name):
                raise _not_together("ChildrenOfAlarmName or ParentsOfAlarmName", "any other filter")
            found = await self._relatives(place, children_of_alarm_name, parents_of_alarm_name)
            relatives = [alarm for alarm in found if alarm.name > after]
            return _brief_page(relatives, request, max_records)
        if alarm_names and alarm_name_prefix:
            raise _not_together("AlarmNames", "AlarmNamePrefix")
        query = AlarmQuery(
            kinds=tuple(kind for kind in KINDS if kind in (alarm_types or ("MetricAlarm",))),
            names=None if alarm_names is None else tuple(alarm_names),
            prefix=alarm_name_prefix,
            state=state_value,
        )
        return _page(await self._filtered(place, query, action_prefix, after, max_records + 1), request, max_records)

    async def describe_alarms_for_metric(
        self,
        context: RequestContext,
        *,
        metric_name: str,
        namespace: str,
        statistic: str | None = None,
        extended_statistic: str | None = None,
        dimensions: list[Json] | None = None,
        period: int | None = None,
        unit: str | None = None,
    ) -> Json:
        """List the alarms on exactly this metric; those with metric math are not among them."""
        wanted = {"Statistic": statistic, "ExtendedStatistic": extended_statistic, "Period": period, "Unit": unit}
        digest = metric_digest(namespace, metric_name, dimensions or [])
        found = await self._alarms.alarms.of_metric(place_of(context), digest)
        return {
            "MetricAlarms": [
                described(alarm)
                for alarm in found
                if all(value is None or alarm.members.get(name) == value for name, value in wanted.items())
            ]
        }

    async def describe_alarm_history(
        self,
        context: RequestContext,
        *,
        alarm_name: str | None = None,
        alarm_types: list[str] | None = None,
        history_item_type: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        scan_by: str = "TimestampDescending",
        max_records: int = DEFAULT_PAGE,
        next_token: str | None = None,
    ) -> Json:
        """List what happened to alarms in the last two weeks, also to those that are deleted."""
        place = place_of(context)
        start_ms, end_ms = _ms(start_date), _ms(end_date)
        filters = [alarm_name, alarm_types, history_item_type, start_ms, end_ms, scan_by]
        request = ["alarm-history", place.account_id, place.region, *filters]
        after = cast("tuple[int, int]", tuple(position_in(request, next_token, int, int))) if next_token else None
        query = HistoryQuery(
            name=alarm_name,
            kinds=tuple(kind for kind in KINDS if not alarm_types or kind in alarm_types),
            item_type=history_item_type,
            start_ms=start_ms,
            end_ms=end_ms,
            order="TimestampAscending" if scan_by == "TimestampAscending" else "TimestampDescending",
        )
        found = await self._alarms.alarms.history(place, query, after=after, limit=max_records + 1)
        page = found[:max_records]
        answer: Json = {
            "AlarmHistoryItems": [
                {
                    "AlarmName": row.name,
                    "AlarmType": row.kind,
                    "Timestamp": row.at_ms / 1000,
                    "HistoryItemType": row.item.item_type,
                    "HistorySummary": row.item.summary,
                    "HistoryData": row.item.data,
                }
                for row in page
            ]
        }
        if len(found) > max_records:
            answer["NextToken"] = seal(request, [page[-1].at_ms, page[-1].id])
        return answer

    async def _relatives(self, place: Place, children_of: str | None, parents_of: str | None) -> list[Alarm]:
        if children_of:
            return await self._alarms.alarms.children(place, children_of)
        return await self._alarms.alarms.parents(place, cast("str", parents_of))

    async def _filtered(
        self, place: Place, query: AlarmQuery, action_prefix: str | None, after: str, limit: int
    ) -> list[Alarm]:
        found: list[Alarm] = []
        # Actions are inside of the members, where the database cannot look; so pages are filtered here.
        while len(found) < limit:
            page = await self._alarms.alarms.page(place, query, after=after, limit=limit)
            found += [alarm for alarm in page if action_prefix is None or _acts(alarm, action_prefix)]
            if len(page) < limit:
                break
            after = page[-1].name
        return found[:limit]


def described(alarm: Alarm) -> Json:
    """Return an alarm as DescribeAlarms shows it."""
    state = alarm.state
    shown: Json = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": alarm.configured_ms / 1000,
        **alarm.members,
        "StateValue": state.value,
        "StateReason": state.reason,
        "StateUpdatedTimestamp": state.updated_ms / 1000,
        "StateTransitionedTimestamp": state.transitioned_ms / 1000,
    }
    # Metric alarms always show the list, also those on metric math, which have none.
    if alarm.kind == "MetricAlarm":
        shown.setdefault("Dimensions", [])
    if state.data is not None:
        shown["StateReasonData"] = state.data
    if alarm.evaluation_state is not None:
        shown["EvaluationState"] = alarm.evaluation_state
    if alarm.suppression is not None and alarm.suppression.by is not None:
        shown["ActionsSuppressedBy"] = alarm.suppression.by
        shown["ActionsSuppressedReason"] = f"Actions suppressed by {alarm.suppression.by}"
    return shown


def _page(found: Sequence[Alarm], request: object, limit: int) -> Json:
    page = found[:limit]
    answer: Json = _by_kind(page, map(described, page))
    if len(found) > limit:
        answer["NextToken"] = seal(request, [page[-1].name])
    return answer


def _brief_page(found: Sequence[Alarm], request: object, limit: int) -> Json:
    """Return relatives with the few members that the service shows of them."""
    answer = _page(found, request, limit)
    names = ("AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp", "ActionsSuppressedBy")
    for members in (answer["MetricAlarms"], answer["CompositeAlarms"]):
        members[:] = [{name: shown[name] for name in names if name in shown} for shown in members]
    return answer


def _by_kind(alarms: Sequence[Alarm], shown: Iterable[Json]) -> Json:
    answer: Json = {"CompositeAlarms": [], "MetricAlarms": [], "LogAlarms": []}
    for alarm, members in zip(alarms, shown, strict=True):
        answer[f"{alarm.kind}s"].append(members)
    return answer


def _acts(alarm: Alarm, prefix: str) -> bool:
    return any(action.startswith(prefix) for action in all_actions(alarm.members))


def _not_together(one: str, other: str) -> ServiceError:
    return ServiceError("InvalidParameterCombination", f"{one} and {other} cannot be specified together.")


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
