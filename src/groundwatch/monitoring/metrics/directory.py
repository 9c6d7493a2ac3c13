"""Which metrics there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.storage.clickhouse import Client, EventDatabase

LISTED_MS = 14 * 86_400_000
"""How long a metric is listed after its newest sample."""
METRICS = """
    SELECT namespace, name, metric, any(dimension_names), any(dimension_values), max(last_ms) AS newest_ms
    FROM metrics
    WHERE account_id = {account:String} AND region = {region:String}
        AND ({namespace:String} = '' OR namespace = {namespace:String})
        AND ({name:String} = '' OR name = {name:String})
        AND (namespace, name, metric) > ({after_namespace:String}, {after_name:String}, {after_metric:UInt128})
        AND arrayAll((wanted, value) -> arrayExists((k, v) -> k = wanted AND (value = '' OR v = value),
            dimension_names, dimension_values), {dimension_names:Array(String)}, {dimension_values:Array(String)})
    GROUP BY namespace, name, metric
    HAVING newest_ms >= {since:Int64}
    ORDER BY namespace, name, metric LIMIT {limit:UInt32}
"""


class MetricFilter(msgspec.Struct, frozen=True):
    """Which metrics of an account and Region are wanted; empty texts stand for any."""

    account_id: str
    region: str
    since_ms: int
    """Only metrics with samples from then on."""
    namespace: str = ""
    name: str = ""
    dimensions: Sequence[tuple[str, str]] = ()
    """Dimensions that the metric must have, others allowed; an empty value stands for any."""


class ListedMetric(msgspec.Struct, frozen=True):
    """A metric and its place in the list."""

    metric: MetricKey
    number: int


class MetricDirectory:
    """The metrics of all accounts, in the order of namespace and name."""

    def __init__(self, database: EventDatabase) -> None:
        self._database = database

    async def find(
        self, wanted: MetricFilter, limit: int, after: tuple[str, str, int] = ("", "", 0)
    ) -> list[ListedMetric]:
        """Return up to `limit` metrics behind the place `after` (namespace, name, number)."""
        parameters = {
            "account": wanted.account_id,
            "region": wanted.region,
            "namespace": wanted.namespace,
            "name": wanted.name,
            "after_namespace": after[0],
            "after_name": after[1],
            "after_metric": after[2],
            "dimension_names": [name for name, _ in wanted.dimensions],
            "dimension_values": [value for _, value in wanted.dimensions],
            "since": wanted.since_ms,
            "limit": limit,
        }
        rows = await self._database.run("search", lambda client: _rows(client, parameters))
        return [_listed(wanted, row) for row in rows]


def _rows(client: Client, parameters: dict[str, Any]) -> Sequence[Sequence[Any]]:
    return client.query(METRICS, parameters=parameters).result_rows


def _listed(wanted: MetricFilter, row: Sequence[Any]) -> ListedMetric:
    dimensions = tuple(zip(row[3], row[4], strict=True))
    return ListedMetric(MetricKey(wanted.account_id, wanted.region, row[0], row[1], dimensions), row[2])
