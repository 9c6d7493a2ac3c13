"""GetMetricData."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.aws.tokens import seal
from groundwatch.monitoring.metrics.model import MetricDataQuery, Series
from groundwatch.monitoring.metrics.operations.base import Operations
from groundwatch.monitoring.metrics.requests import VALIDATION, queries_of
from groundwatch.monitoring.metrics.times import MINUTE_MS, aligned, time_range
from groundwatch.monitoring.metrics.tokens import position_in

MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800
ASCENDING = "TimestampAscending"


class DataOperations(Operations):
    """Operations that read many metrics, and expressions of them."""

    async def get_metric_data(
        self,
        context: RequestContext,
        *,
        metric_data_queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        next_token: str | None = None,
        scan_by: str | None = None,
        max_datapoints: int | None = None,
        label_options: dict[str, str] | None = None,
    ) -> dict[str, object]:
        """Return a page of the series of all queries; each page evaluates the queries again."""
        if label_options and label_options.get("Timezone") not in {None, "+0000"}:
            raise NotImplementedByServer("LabelOptions.Timezone other than +0000")
        if len(metric_data_queries) > MAX_QUERIES:
            text = f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}."
            raise ServiceError(VALIDATION, text)
        limit = _limit(max_datapoints)
        queries = queries_of(metric_data_queries, context.account_id, context.region)
        request = (context.account_id, context.region, metric_data_queries, start_time, end_time, scan_by)
        first = (0, 0) if next_token is None else _position(request, next_token)
        series = await self._series(context, queries, start_time, end_time)
        results, position = _page(series, first, limit, ascending=scan_by == ASCENDING)
        answer: dict[str, object] = {"MetricDataResults": results, "Messages": []}
        if position is not None:
            answer["NextToken"] = seal(request, list(position))
        return answer

    async def _series(
        self, context: RequestContext, queries: Sequence[MetricDataQuery], start: datetime, end: datetime
    ) -> list[Series]:
        now_ms = self._metrics.clock_ms()
        wanted = time_range(start, end, now_ms, VALIDATION)
        periods = [query.stat.period_s for query in queries if query.stat is not None]
        # The reader rounds each metric to its own period from here.
        least_s = min(periods, default=MINUTE_MS // 1000)
        rounded = aligned(wanted, least_s, now_ms)
        return await self._metrics.reader.evaluate(
            context.account_id, context.region, queries, rounded.start_ms, rounded.end_ms
        )


def _position(request: object, token: str) -> tuple[int, int]:
    number, point = map(int, position_in(request, token, int, int))
    return number, point


def _limit(given: int | None) -> int:
    if given is None:
        return MAX_DATAPOINTS
    if not 1 <= given <= MAX_DATAPOINTS:
        text = f"The parameter MaxDatapoints must be between 1 and {MAX_DATAPOINTS}."
        raise ServiceError(VALIDATION, text)
    return given


def _page(
    series: Sequence[Series], first: tuple[int, int], limit: int, *, ascending: bool
) -> tuple[list[dict[str, object]], tuple[int, int] | None]:
    """Return results from a position (series, datapoint) on, and the position to go on from when there is more."""
    results = []
    number, start = first
    if number < 0 or start < 0:
        raise ServiceError("InvalidNextToken")
    for position in range(number, len(series)):
        points = series[position].points if ascending else series[position].points[::-1]
        taken = points[start : start + limit]
        is_complete = start + len(taken) >= len(points)
        results.append(_result(series[position], taken, is_complete=is_complete))
        limit -= len(taken)
        if not is_complete:
            return results, (position, start + len(taken))
        start = 0
        if limit <= 0 and position + 1 < len(series):
            return results, (position + 1, 0)
    return results, None


def _result(series: Series, points: Sequence[tuple[int, float]], *, is_complete: bool) -> dict[str, object]:
    result: dict[str, object] = {
        "Id": series.query_id,
        "Label": series.label,
        "Timestamps": [at / 1000 for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete" if is_complete else "PartialData",
    }
    if series.messages:
        result["Messages"] = [{"Code": code, "Value": text} for code, text in series.messages]
    return result
