"""What `app` hands one room of another, in the form of the small interface that the room asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from groundwatch.app.clock import now_ms
from groundwatch.aws.context import Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.gateway.integrations.base import UnknownServiceError
from groundwatch.gateway.log_destinations import DeliveryStream, LogGroup
from groundwatch.gateway.runtime.access import AccessEntry
from groundwatch.gateway.runtime.stage_logs import Event, TryLaterError
from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.journal import Journal
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.insights.reach import reach_of
from groundwatch.logs.metric_filters.records import MetricPoint
from groundwatch.logs.operations import LogsRoom
from groundwatch.logs.own_log import OwnLog
from groundwatch.logs.subscriptions.targets import Record, TargetError, Targets
from groundwatch.logs.subscriptions.vendors import Target
from groundwatch.monitoring.metrics.model import MetricKey
from groundwatch.monitoring.metrics.samples import sample_of
from groundwatch.monitoring.metrics.writer import MetricWriter


class Backend:
    """The gateway's way to the services of this server; the port is set once it is built."""

    port: ServicePort

    async def call(
        self, service: str, request: WireRequest, principal: Principal, *, region: str, source_arn: str
    ) -> WireResponse:
        """Run a request as `principal`, without a signature."""
        try:
            return await self.port.call(service, request, principal, region=region, source_arn=source_arn)
        except LookupError as error:
            raise UnknownServiceError(str(error)) from error

    async def refusal(
        self, service: str, request: WireRequest, principal: Principal, *, region: str, source_arn: str
    ) -> WireResponse | None:
        """Return the answer to a request that `principal` may not make, None when it may."""
        try:
            return await self.port.refusal(service, request, principal, region=region, source_arn=source_arn)
        except LookupError as error:
            raise UnknownServiceError(str(error)) from error


def query_reach(language: str, text: str) -> tuple[Sequence[str], Sequence[str]] | None:
    """Return the log groups and the beginnings of names that a query chooses, None for one that cannot be read."""
    try:
        reach = reach_of(language, text)
    except ServiceError:
        return None
    return reach.names, reach.prefixes


class TenantLogs:
    """The logs of stages, as events in log groups of the tenants that the APIs belong to."""

    def __init__(self, logs: LogsRoom) -> None:
        self._logs = logs

    async def append(self, destination: LogGroup, stream: str, events: Sequence[Event]) -> None:
        """Store events in the order in which they are given."""
        tenant = Tenant(destination.account_id, destination.region)
        log = OwnLog(self._logs.catalog, self._logs.intake, tenant, now_ms)
        await log.append(destination.group, stream, events)


class StreamLogs:
    """The access logs of stages that go to Firehose, one record a line, at the operator's endpoint."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    async def append(self, destination: DeliveryStream, stream: str, events: Sequence[Event]) -> None:
        """Send lines in order; raises TryLaterError with those that were not taken and may be later."""
        target = Target("firehose", destination.arn, destination.region, destination.account_id, destination.name)
        # Firehose joins records as they are, so each line brings its end.
        records = [Record(f"{line}\n".encode("utf-8", "replace"), stream) for _, line in events]
        try:
            refused = await asyncio.to_thread(self._targets.send, target, records)
        except TargetError as error:
            if error.retryable:
                raise TryLaterError(events, str(error)) from error
            raise
        if refused:
            left = set(map(id, refused))
            waiting = [event for event, record in zip(events, records, strict=True) if id(record) in left]
            raise TryLaterError(waiting, "the stream is throttled")


class AccessLog:
    """The gateway's access log, as events of the server's own log group."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def record(self, entry: AccessEntry) -> None:
        """Take one answered request."""
        self._journal.access(entry)


class FilterMetrics:
    """What metric filters count, on its way to the metrics of its account."""

    def __init__(self, writer: MetricWriter) -> None:
        self._writer = writer

    async def record(self, tenant: Tenant, points: Sequence[MetricPoint]) -> None:
        """Return when the points are on disk."""
        samples = []
        for point in points:
            metric = MetricKey(tenant.account_id, tenant.region, point.namespace, point.name, point.dimensions)
            samples.append(sample_of(metric, point.minute_ms, list(point.values.items()), unit=point.unit))
        await self._writer.append(samples)


def policy_fault(document: str) -> str | None:
    """Return what is wrong with a resource policy; other rooms keep such and do not know their language."""
    try:
        parse_policy(document, "resource")
    except MalformedPolicyError as error:
        return error.message
    return None
