"""The logs of one server: the room, and what works in its background."""

from __future__ import annotations

from collections.abc import Sequence

from groundwatch.app.adapters import FilterMetrics, policy_fault
from groundwatch.app.clock import now_ms
from groundwatch.app.foundation import Foundation
from groundwatch.background import stop_all
from groundwatch.config import Settings
from groundwatch.logs.catalog import LogCatalog, Tenant
from groundwatch.logs.exports.buckets import Buckets
from groundwatch.logs.exports.desk import Exports
from groundwatch.logs.exports.runner import ExportRunner
from groundwatch.logs.exports.tasks import ExportTasks
from groundwatch.logs.insights.choice import GroupChoice
from groundwatch.logs.insights.field_census import FieldCensus
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.insights.queries import QueryStore
from groundwatch.logs.insights.run import Beside
from groundwatch.logs.insights.runner import QueryRunner
from groundwatch.logs.insights.stream_sums import StreamSums
from groundwatch.logs.intake import DAY_MS, Intake
from groundwatch.logs.live_tail import LiveTail
from groundwatch.logs.lookup_tables import LookupTableStore
from groundwatch.logs.operations import LogsOperations, LogsRoom
from groundwatch.logs.own_log import OwnLog
from groundwatch.logs.query_definitions import QueryDefinitionStore
from groundwatch.logs.recent import RecentEvents
from groundwatch.logs.reclaim import Reclaimer
from groundwatch.logs.resource_tags import LogGroupTags
from groundwatch.logs.schedules.delivery import Delivery
from groundwatch.logs.schedules.roles import RoleCalls
from groundwatch.logs.schedules.runner import ScheduleRunner
from groundwatch.logs.schedules.runner import Tools as ScheduleTools
from groundwatch.logs.schedules.store import ScheduleStore
from groundwatch.logs.shredding.shredder import Shredder
from groundwatch.logs.store import EventStore
from groundwatch.logs.subscriptions.assemble import Ends, Guards, Stores, Subscriptions, assemble
from groundwatch.logs.subscriptions.targets import Targets
from groundwatch.logs.walks import Walks
from groundwatch.logs.writer import Committed, EventWriter, tell_each
from groundwatch.monitoring.metrics.writer import MetricWriter


class LogService:
    """The room of logs with everything that works in its background.

    `metrics` takes what metric filters count; `listeners` hear of every commit.
    """

    def __init__(self, base: Foundation, metrics: MetricWriter, listeners: Sequence[Committed]) -> None:
        self._base = base
        settings, max_age_ms = base.settings, base.settings.max_event_age_days * DAY_MS
        # Memory of recent events is right only while this process sees every write: with the embedded engine.
        recent = RecentEvents(settings.recent_events_bytes if base.events.embedded else 0)
        self._walks = Walks(base.events, reads_ahead=base.events.embedded)
        self._live_tail = LiveTail()
        self.targets = _targets(settings)
        subscriptions = self._subscriptions(metrics, max_age_ms)
        self.deliveries = subscriptions.deliveries
        sums = StreamSums(now_ms, lambda: base.events.repairs)
        commits = (self._walks, self._live_tail, sums, self.deliveries)
        self._writer = EventWriter(
            base.events,
            tell_each(recent.committed, *(each.committed for each in commits), *listeners),
            on_failure=tell_each(recent.failed, self._walks.committed, sums.committed),
            on_begin=sums.beginning,
        )
        catalog = LogCatalog(base.metadata, now_ms)
        base.resource_tags.add("logs", LogGroupTags(catalog))
        intake = Intake(self._writer, max_age_ms)
        self.reclaimer = Reclaimer(catalog, self._writer, base.events, now_ms, on_delete=sums.clear)
        store = EventStore(base.events, recent, self._walks)
        tasks, buckets = ExportTasks(base.metadata, now_ms), Buckets(settings.s3_url)
        self._exports = Exports(tasks, ExportRunner(tasks, catalog, store, buckets, now_ms), buckets)
        limits = _query_limits(settings)
        self._query_store = QueryStore(base.metadata, now_ms, kept_ms=limits.kept_ms)
        self._shredder = Shredder(base.events, now_ms)
        lookup_tables = LookupTableStore(base.metadata)
        beside = Beside(self._shredder.columns, lookup_tables, sums if base.events.embedded else None)
        self._queries = QueryRunner(base.events, self._query_store, catalog, now_ms, limits=limits, beside=beside)
        self.room = LogsRoom(
            catalog=catalog,
            intake=intake,
            store=store,
            recent=recent,
            reclaimer=self.reclaimer,
            live_tail=self._live_tail,
            exports=self._exports,
            subscriptions=subscriptions.desk,
            query_definitions=QueryDefinitionStore(base.metadata),
            query_store=self._query_store,
            queries=self._queries,
            group_choice=GroupChoice(catalog, base.authorizer),
            schedules=ScheduleStore(base.metadata, now_ms),
            field_census=FieldCensus(base.events),
            lookup_tables=lookup_tables,
        )
        tenant = Tenant(settings.account, settings.region)
        self.own_log = OwnLog(catalog, intake, tenant, now_ms)

    def _subscriptions(self, metrics: MetricWriter, max_age_ms: int) -> Subscriptions:
        base, authorizer = self._base, self._base.authorizer
        return assemble(
            Stores(metadata=base.metadata, events=base.events, queue=base.queue),
            Guards(roles=base.roles, authorizer=authorizer, decider=authorizer, read_policy=policy_fault),
            Ends(targets=self.targets, metrics=FilterMetrics(metrics)),
            max_waiting_bytes=base.settings.delivery_queue_bytes,
            max_age_ms=max_age_ms,
            clock_ms=now_ms,
        )

    def operations(self) -> LogsOperations:
        """Return the operations, with which queries are started on schedules as well."""
        operations = LogsOperations(self.room)
        roles = RoleCalls(self._base.roles, self._base.authorizer, now_ms)
        tools = ScheduleTools(
            operations=operations,
            queries=self._queries,
            results=self._query_store,
            roles=roles,
            delivery=Delivery(self._exports.buckets, roles),
            clock_ms=now_ms,
        )
        self._schedules = ScheduleRunner(self.room.schedules, tools)
        return operations

    async def start(self) -> None:
        """Begin the background work."""
        await self.deliveries.start()
        self.reclaimer.start()
        await self._shredder.begin()
        self._exports.runner.start()
        await self._queries.begin()
        self._schedules.start()

    def end_streams(self) -> None:
        """End the answers that would go on for hours: the ports take no more requests."""
        self._live_tail.stop()

    async def stop(self) -> None:
        """Finish what was accepted; what was put is stored, and in the queue of deliveries, when this returns."""
        await stop_all(
            [
                self.reclaimer.stop,
                self._shredder.stop,
                self._exports.runner.stop,
                # Before the queries, which it would see fail.
                self._schedules.stop,
                self._queries.stop,
                self._walks.stop,
                self._writer.flush,
                self.deliveries.stop,
            ]
        )

    def close(self) -> None:
        """Close the connections to buckets."""
        self._exports.buckets.close()


def _targets(settings: Settings) -> Targets:
    return Targets({"kinesis": settings.kinesis_url, "firehose": settings.firehose_url, "lambda": settings.lambda_url})


def _query_limits(settings: Settings) -> QueryLimits:
    return QueryLimits(
        active=settings.queries_per_account,
        active_other=settings.other_queries_per_account,
        parallel=settings.parallel_queries,
        time_s=settings.query_timeout_minutes * 60,
        memory_bytes=settings.query_memory_bytes,
        rows=settings.query_rows,
        kept_ms=settings.query_kept_days * DAY_MS,
    )
