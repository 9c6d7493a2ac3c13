"""GetMetricWidgetImage."""

from __future__ import annotations

import asyncio

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.monitoring.metrics.operations.base import Operations
from groundwatch.monitoring.metrics.requests import VALIDATION
from groundwatch.monitoring.metrics.times import time_range
from groundwatch.monitoring.metrics.widget.definition import read_widget
from groundwatch.monitoring.metrics.widget.drawing import draw


class ImageOperations(Operations):
    """Operations that show metrics."""

    async def get_metric_widget_image(
        self, context: RequestContext, *, metric_widget: str, output_format: str | None = None
    ) -> dict[str, object]:
        """Return a graph as PNG."""
        if output_format not in {None, "png"}:
            raise NotImplementedByServer(f"GetMetricWidgetImage.OutputFormat {output_format}")
        now_ms = self._metrics.clock_ms()
        graph = read_widget(metric_widget, context.account_id, context.region, now_ms)
        wanted = time_range(graph.start, graph.end, now_ms, VALIDATION)
        series = await self._metrics.reader.evaluate(
            context.account_id, context.region, graph.queries, wanted.start_ms, wanted.end_ms
        )
        return {"MetricWidgetImage": await asyncio.to_thread(draw, graph, series)}
