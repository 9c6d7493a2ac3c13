"""The operations of CloudWatch, for the service port."""

from __future__ import annotations

from groundwatch.monitoring.metrics.operations import MetricOperations


class CloudWatchOperations(MetricOperations):
    """All operations of the service (API version 2010-08-01)."""
