"""What each operation on alarms is checked against (Service Authorization Reference, CloudWatch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.tag_keys import request_tag_keys
from groundwatch.monitoring.alarms.checks import all_actions
from groundwatch.monitoring.alarms.model import Place, alarm_arn

ONE_ALARM = frozenset({"PutMetricAlarm", "SetAlarmState", "DescribeAlarmHistory"})
MANY_ALARMS = frozenset({"DeleteAlarms", "EnableAlarmActions", "DisableAlarmActions", "DescribeAlarms"})
BY_ARN = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})
EVERYWHERE = frozenset({"PutCompositeAlarm", "DescribeAlarmsForMetric"})
"""Composite alarms are a matter of permissions on `*`, as their documentation says."""
OPERATIONS = ONE_ALARM | MANY_ALARMS | BY_ARN | EVERYWHERE


def alarms_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return what the caller's policies must allow before one of `OPERATIONS` runs."""
    keys = _keys(params)
    return [AccessCheck(f"cloudwatch:{operation}", arn, keys) for arn in _resources(operation, params, context)]


def _resources(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[str]:
    if operation in BY_ARN:
        return [str(params["ResourceARN"])]
    if operation in EVERYWHERE:
        return ["*"]
    place = Place(context.account_id, context.region)
    if operation in ONE_ALARM:
        return [alarm_arn(place, params.get("AlarmName", "*"))]
    # A list without names is about all alarms; of a list of names, each must be allowed.
    return [alarm_arn(place, name) for name in params.get("AlarmNames") or ["*"]]


def _keys(params: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    actions = all_actions(params)
    return request_tag_keys(params) | ({"cloudwatch:AlarmActions": actions} if actions else {})
