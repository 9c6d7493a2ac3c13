"""What each operation of CloudWatch is checked against (Service Authorization Reference, Amazon CloudWatch).

Metrics are no resources of policies: operations on them are checked against `*`; PutMetricData has the condition key
`cloudwatch:namespace`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.monitoring.alarms.access import OPERATIONS as ALARM_OPERATIONS
from groundwatch.monitoring.alarms.access import alarms_access


def cloudwatch_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return what the caller's policies must allow before `operation` runs."""
    if operation in ALARM_OPERATIONS:
        return alarms_access(operation, params, context)
    return [AccessCheck(f"cloudwatch:{operation}", "*", _keys(operation, params))]


def _keys(operation: str, params: Mapping[str, Any]) -> dict[str, list[str]]:
    if operation == "PutMetricData":
        return {"cloudwatch:namespace": [params["Namespace"]]}
    return {}
