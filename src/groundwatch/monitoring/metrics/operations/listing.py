"""ListMetrics."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.tokens import seal
from groundwatch.monitoring.metrics.directory import LISTED_MS, MetricFilter
from groundwatch.monitoring.metrics.model import Dimensions
from groundwatch.monitoring.metrics.operations.base import Operations
from groundwatch.monitoring.metrics.tokens import position_in

PAGE = 500
RECENT_MS = 3 * 3_600_000


class ListingOperations(Operations):
    """Operations that say which metrics there are."""

    async def list_metrics(
        self,
        context: RequestContext,
        *,
        namespace: str | None = None,
        metric_name: str | None = None,
        dimensions: list[dict[str, str]] | None = None,
        next_token: str | None = None,
        recently_active: str | None = None,
    ) -> dict[str, object]:
        """Return a page of metrics that have had samples within two weeks, or three hours (`PT3H`)."""
        age_ms = LISTED_MS if recently_active is None else RECENT_MS
        wanted = MetricFilter(
            context.account_id,
            context.region,
            self._metrics.clock_ms() - age_ms,
            namespace or "",
            metric_name or "",
            [(given["Name"], given.get("Value", "")) for given in dimensions or []],
        )
        request = (context.account_id, context.region, namespace, metric_name, dimensions, recently_active)
        after = ("", "", 0) if next_token is None else _position(request, next_token)
        found = await self._metrics.directory.find(wanted, PAGE + 1, after)
        page = found[:PAGE]
        answer: dict[str, object] = {
            "Metrics": [metric_member(m.metric.namespace, m.metric.name, m.metric.dimensions) for m in page],
            "OwningAccounts": None,
        }
        if len(found) > PAGE:
            last = page[-1]
            # A number of 128 bits is more than JSON readers take.
            answer["NextToken"] = seal(request, [last.metric.namespace, last.metric.name, f"{last.number:x}"])
        return answer


def metric_member(namespace: str, name: str, dimensions: Dimensions) -> dict[str, Any]:
    """Return the `Metric` of the service model."""
    named = [{"Name": key, "Value": value} for key, value in dimensions]
    return {"Namespace": namespace, "MetricName": name, "Dimensions": named}


def _position(request: object, token: str) -> tuple[str, str, int]:
    namespace, name, number = map(str, position_in(request, token, str, str, str))
    try:
        parsed = int(number, 16)
    except ValueError as error:
        raise ServiceError("InvalidNextToken") from error
    if not 0 <= parsed < 2**128:
        raise ServiceError("InvalidNextToken")
    return namespace, name, parsed
