"""The operations of CloudWatch, for the service port."""

from __future__ import annotations

from groundwatch.monitoring.alarms.operations import AlarmOperations, AlarmsRoom
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.metrics.operations import MetricOperations


class CloudWatchOperations(MetricOperations, AlarmOperations):
    """All operations of the service (API version 2010-08-01)."""

    def __init__(self, metrics: MetricDesk, alarms: AlarmsRoom) -> None:
        MetricOperations.__init__(self, metrics)
        AlarmOperations.__init__(self, alarms)
