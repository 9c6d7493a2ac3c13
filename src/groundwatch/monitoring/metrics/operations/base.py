"""What the operations on metrics share."""

from __future__ import annotations

from groundwatch.monitoring.metrics.desk import MetricDesk


class Operations:
    """Base of the operation classes."""

    def __init__(self, metrics: MetricDesk) -> None:
        self._metrics = metrics
