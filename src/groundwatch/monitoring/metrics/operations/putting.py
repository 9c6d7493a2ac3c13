"""PutMetricData."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.monitoring.metrics.intake import Sender, samples_of
from groundwatch.monitoring.metrics.operations.base import Operations


class PuttingOperations(Operations):
    """Operations that bring metric data."""

    async def put_metric_data(
        self, context: RequestContext, *, namespace: str, metric_data: list[dict[str, Any]] | None = None
    ) -> None:
        """Store samples; returns when they are on disk."""
        sender = Sender(context.account_id, context.region, context.received_ms)
        await self._metrics.writer.append(samples_of(sender, namespace, metric_data or []))
