"""The object graph of one server: stores, rooms, and the two applications on top of them."""

from __future__ import annotations

import logging
import uuid

import botocore.session

from groundwatch import bundled_api, welcome
from groundwatch.app import first_start, own_metrics
from groundwatch.app.adapters import AccessLog, Backend, FilterMetrics, StreamLogs, TenantLogs, policy_fault
from groundwatch.app.clock import now_ms
from groundwatch.app.health import health
from groundwatch.app.local_certificates import LocalCertificates
from groundwatch.app.notifying import Notifying
from groundwatch.aws.asgi import ServiceApp
from groundwatch.aws.authentication import Authenticator, SigV4Authenticator, UnverifiedAuthenticator
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.http import WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.config import Settings
from groundwatch.gateway.access import apigateway_access
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.issuers import IssuerDirectory
from groundwatch.gateway.authorizers.key_sets import KeySets, document_source
from groundwatch.gateway.authorizers.tokens import TokenVerifier
from groundwatch.gateway.connections.private import PrivateConnections
from groundwatch.gateway.control.ids import RandomIds
from groundwatch.gateway.control.operations import ApiGatewayOperations
from groundwatch.gateway.functions import LambdaFunctions
from groundwatch.gateway.integrations.base import Upstreams
from groundwatch.gateway.limits.ledger import UsageLedger
from groundwatch.gateway.operator_rules import OperatorRules
from groundwatch.gateway.resource_tags import GatewayTags
from groundwatch.gateway.runtime.app import GatewayApp, GatewaySettings
from groundwatch.gateway.store import GatewayStore
from groundwatch.gateway.upstream.credentials import OwnCredentials, RoleCredentials
from groundwatch.gateway.upstream.endpoints import Endpoints, UpstreamRoute
from groundwatch.gateway.upstream.groups import LogGroupSides
from groundwatch.gateway.upstream.room import Upstream
from groundwatch.identity.access import AllowAll, PolicyAuthorizer
from groundwatch.identity.access_rules import iam_access, sts_access
from groundwatch.identity.documents import DocumentEvaluator
from groundwatch.identity.iam.operations import IamOperations
from groundwatch.identity.organizations import OrganizationsOperations, organizations_access
from groundwatch.identity.records.accounts import tenant_tables
from groundwatch.identity.resource_policies import ResourcePolicies
from groundwatch.identity.resource_tags import ResourceTags
from groundwatch.identity.roles import RoleAssumer
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.sts import StsOperations
from groundwatch.journal import Journal
from groundwatch.logs.access import logs_access
from groundwatch.logs.catalog import LogCatalog, Tenant
from groundwatch.logs.exports.buckets import Buckets
from groundwatch.logs.exports.desk import Exports
from groundwatch.logs.exports.runner import ExportRunner
from groundwatch.logs.exports.tasks import ExportTasks
from groundwatch.logs.insights.choice import GroupChoice
from groundwatch.logs.insights.field_census import FieldCensus
from groundwatch.logs.insights.limits import QueryLimits
from groundwatch.logs.insights.queries import QueryStore
from groundwatch.logs.insights.runner import QueryRunner
from groundwatch.logs.intake import DAY_MS, Intake
from groundwatch.logs.live_tail import LiveTail
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
from groundwatch.logs.subscriptions.assemble import Ends, Guards, Stores, assemble
from groundwatch.logs.subscriptions.targets import Targets
from groundwatch.logs.walks import Walks
from groundwatch.logs.writer import EventWriter, tell_each
from groundwatch.monitoring.access import cloudwatch_access
from groundwatch.monitoring.alarms.desk import AlarmDesk
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.operations import CloudWatchOperations
from groundwatch.notifications.access import sns_access
from groundwatch.outbound import OutboundClient, OutboundRules
from groundwatch.sni import CertificatePair
from groundwatch.storage.broken_parts import Rescuer, finish_rescues, tell_of_refused
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_schema import migrate_events
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import metadata
from groundwatch.tls import ServerTls
from groundwatch.upkeep.backup import embedded_sources
from groundwatch.upkeep.desk import BackupDesk
from groundwatch.upkeep.examination import Examination
from groundwatch.upkeep.operations import UpkeepOperations, upkeep_access

log = logging.getLogger(__name__)


class Server:
    """The object graph of one server: stores, rooms, and the two applications on top of them."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._metadata = Database(settings.metadata_url)
        migrate(self._metadata.engine)
        self._events = EventDatabase(
            settings.events_url, repair=Rescuer().repair, parallel_queries=settings.parallel_queries
        )
        self._events.run_now(migrate_events)
        if self._events.embedded:
            self._events.run_now(finish_rescues)
            self._events.run_now(tell_of_refused)
        self._identity = IdentityStore(self._metadata, now_ms)
        self._roles = RoleAssumer(self._identity, now_ms)
        self._resource_tags = ResourceTags()
        self._resource_policies = ResourcePolicies()
        self._authorizer = (
            AllowAll()
            if settings.auth == "off"
            else PolicyAuthorizer(self._identity, self._resource_tags, self._resource_policies)
        )
        # Which deliveries wait is a matter of this node, wherever the metadata lives.
        self._queue = Database(f"sqlite:///{settings.data / 'deliveries.db'}")
        self._local_certificates = LocalCertificates(settings.data / "tls")
        self._metrics = MetricDesk(self._events, now_ms)
        self._ingestion = own_metrics.IngestionWatch(self._events)
        self._build_logs()
        self._build_notifications()
        self._build_services()

    def _build_logs(self) -> None:
        # Memory of recent events is right only while this process sees every write: with the embedded engine.
        recent = RecentEvents(self._settings.recent_events_bytes if self._events.embedded else 0)
        self._walks = Walks(self._events, reads_ahead=self._events.embedded)
        self._live_tail = LiveTail()
        self._targets = Targets(
            {
                "kinesis": self._settings.kinesis_url,
                "firehose": self._settings.firehose_url,
                "lambda": self._settings.lambda_url,
            }
        )
        subscriptions = assemble(
            Stores(metadata=self._metadata, events=self._events, queue=self._queue),
            Guards(roles=self._roles, authorizer=self._authorizer, decider=self._authorizer, read_policy=policy_fault),
            Ends(targets=self._targets, metrics=FilterMetrics(self._metrics.writer)),
            max_waiting_bytes=self._settings.delivery_queue_bytes,
            max_age_ms=self._max_age_ms(),
            clock_ms=now_ms,
        )
        self._deliveries = subscriptions.deliveries
        self._writer = EventWriter(
            self._events,
            tell_each(
                recent.committed,
                self._walks.committed,
                self._live_tail.committed,
                self._deliveries.committed,
                self._ingestion.committed,
            ),
            on_failure=tell_each(recent.failed, self._walks.committed),
        )
        catalog = LogCatalog(self._metadata, now_ms)
        self._resource_tags.add("logs", LogGroupTags(catalog))
        intake = Intake(self._writer, self._max_age_ms())
        self._reclaimer = Reclaimer(catalog, self._writer, self._events, now_ms)
        store = EventStore(self._events, recent, self._walks)
        tasks, buckets = ExportTasks(self._metadata, now_ms), Buckets(self._settings.s3_url)
        self._exports = Exports(tasks, ExportRunner(tasks, catalog, store, buckets, now_ms), buckets)
        limits = self._query_limits()
        self._query_store = QueryStore(self._metadata, now_ms, kept_ms=limits.kept_ms)
        self._shredder = Shredder(self._events, now_ms)
        self._queries = QueryRunner(
            self._events, self._query_store, catalog, now_ms, limits=limits, stored_fields=self._shredder.columns
        )
        self._logs = LogsRoom(
            catalog=catalog,
            intake=intake,
            store=store,
            recent=recent,
            reclaimer=self._reclaimer,
            live_tail=self._live_tail,
            exports=self._exports,
            subscriptions=subscriptions.desk,
            query_definitions=QueryDefinitionStore(self._metadata),
            query_store=self._query_store,
            queries=self._queries,
            group_choice=GroupChoice(catalog, self._authorizer),
            schedules=ScheduleStore(self._metadata, now_ms),
            field_census=FieldCensus(self._events),
        )
        tenant = Tenant(self._settings.account, self._settings.region)
        self._own_log = OwnLog(catalog, intake, tenant, now_ms)

    def _query_limits(self) -> QueryLimits:
        settings = self._settings
        return QueryLimits(
            active=settings.queries_per_account,
            active_other=settings.other_queries_per_account,
            parallel=settings.parallel_queries,
            time_s=settings.query_timeout_minutes * 60,
            memory_bytes=settings.query_memory_bytes,
            rows=settings.query_rows,
            kept_ms=settings.query_kept_days * DAY_MS,
        )

    def _build_notifications(self) -> None:
        self._notifying = Notifying(self._settings, self._metadata, self._logs, self._authorizer)
        self._resource_policies.add("sns", self._notifying.room.policies)
        self._resource_tags.add("sns", self._notifying.room.tags)
        publisher = self._notifying.room.service_publisher
        self._alarms = AlarmDesk(self._metadata, self._metrics.alarm_reader, publisher, now_ms)
        self._resource_tags.add("cloudwatch", self._alarms.tags)

    def _max_age_ms(self) -> int:
        return self._settings.max_event_age_days * DAY_MS

    def _build_services(self) -> None:
        backend = Backend()
        store = GatewayStore(self._metadata, now_ms)
        self._build_gateway(store, backend)
        self._build_control(store)
        self._build_port(backend)

    def _build_gateway(self, store: GatewayStore, backend: Backend) -> None:
        self._domains = store.domains
        self._resource_tags.add("apigateway", GatewayTags(store))
        self._usage = UsageLedger(self._metadata, now_ms)
        self._outbound = OutboundClient(OutboundRules.allowing(self._settings.outbound_allow))
        # Where functions are is the operator's word, not a user's.
        self._endpoints = OutboundClient(OutboundRules(everywhere=True))
        self._functions = LambdaFunctions(self._settings.lambda_url, self._endpoints)
        self.gateway_app = GatewayApp(
            store,
            Upstreams(
                services=backend,
                roles=self._roles,
                authorizer=self._authorizer,
                functions=self._functions,
                web=self._outbound,
                upstream=self._upstream(backend),
                private=PrivateConnections(
                    store.connections.links,
                    store.connections.certificates,
                    self._settings.vpc_links,
                    self._endpoints,
                ),
            ),
            guards=self._guards(),
            usage=self._usage,
            access_log=AccessLog(self._journal),
            settings=GatewaySettings(region=self._settings.region),
            health=self.health,
            clock_ms=now_ms,
            domains=store.domains,
        )

    def _build_control(self, store: GatewayStore) -> None:
        self._iam = IamOperations(self._identity, now_ms)
        self._apigateway = ApiGatewayOperations(
            store,
            test_invoker=self.gateway_app.test_invoker,
            usage=self._usage,
            caches=self.gateway_app.stage_caches,
            authorizer=self._authorizer,
            policy_fault=policy_fault,
            roles=self._roles,
            clock_ms=now_ms,
            ids=RandomIds(),
            operator=self._operator_rules(),
        )

    def _build_port(self, backend: Backend) -> None:
        authorizer = self._authorizer
        self.services = (
            Service("logs", self._logs_operations(), logs_access),
            Service("iam", self._iam, iam_access),
            Service("sts", StsOperations(self._identity, now_ms, authorizer=authorizer), sts_access),
            Service("apigateway", self._apigateway, apigateway_access),
            Service(
                "cloudwatch", CloudWatchOperations(self._metrics, self._alarms.room), cloudwatch_access, "monitoring"
            ),
            Service("sns", self._notifying.room.operations, sns_access),
            Service("organizations", self._organizations(), organizations_access(self._settings.account)),
            Service("groundwatch", self._upkeep(), upkeep_access(self._settings.account)),
        )
        authenticator = self._authenticator(*(service.signing_name or service.model_name for service in self.services))
        port = ServicePort(
            self.services, authenticator, authorizer, default_region=self._settings.region, clock_ms=now_ms
        )
        backend.port = port
        sources = (
            self._ingestion.readings,
            own_metrics.DeliveryWatch(self._deliveries).readings,
            own_metrics.NotificationWatch(self._notifying.room.queue).readings,
            own_metrics.MemoryWatch(self._events).readings,
        )
        self._own_metrics, page = own_metrics.assemble(
            self._metrics, self.gateway_app.traffic, sources, self._settings
        )
        routes = {"/health": lambda _request: self.health(), "/metrics": page.answer, **self._notifying.routes}
        self.service_app = ServiceApp(port, routes)

    def _logs_operations(self) -> LogsOperations:
        """Return the operations, with which queries are started on schedules as well."""
        operations = LogsOperations(self._logs)
        roles = RoleCalls(self._roles, self._authorizer, now_ms)
        tools = ScheduleTools(
            operations=operations,
            queries=self._queries,
            results=self._query_store,
            roles=roles,
            delivery=Delivery(self._exports.buckets, roles),
            clock_ms=now_ms,
        )
        self._schedules = ScheduleRunner(self._logs.schedules, tools)
        return operations

    def _operator_rules(self) -> OperatorRules:
        owners = self._settings.domain_owners
        return OperatorRules(
            vpc_targets=self._settings.vpc_links,
            domain_account=None if owners is None else self._settings.account,
            domain_owners=owners or {},
            firehose=self._settings.firehose_url != "off",
        )

    def certificate_of(self, host: str) -> CertificatePair | None:
        """Return what the owner of a custom domain has uploaded for it; None for other hosts.

        A domain without an upload gets a certificate of the local authority, where there is one.
        """
        found = self._domains.peek(host)
        if found is None:
            return None
        uploaded = found.domain.uploaded_certificate
        if uploaded is not None:
            return CertificatePair(uploaded.chain_pem, uploaded.key_pem)
        return None if self._settings.tls != "auto" else self._local_certificates.pair(found.domain.name)

    def _organizations(self) -> OrganizationsOperations:
        return OrganizationsOperations(
            self._identity,
            now_ms,
            operator_account=self._settings.account,
            tenant_tables=tenant_tables(metadata),
        )

    def _upkeep(self) -> UpkeepOperations:
        settings = self._settings
        sources = embedded_sources(settings.data, settings.events_url, settings.metadata_url)
        self._backups = BackupDesk(settings.backup_directory, sources, self._events, self._reclaimer.remembering())
        return UpkeepOperations(self._backups, Examination(self._events, self._metadata, now_ms))

    def _upstream(self, backend: Backend) -> Upstream | None:
        """Return how integrations reach AWS services elsewhere, None when all are here."""
        settings = self._settings
        if not settings.upstream:
            return None
        session = botocore.session.Session()
        routes = [UpstreamRoute(place.service, place.region, place.place) for place in settings.upstream]
        return Upstream(
            endpoints=Endpoints(routes),
            sides=LogGroupSides(settings.upstream_groups),
            mode=settings.upstream_credentials,
            own=OwnCredentials(session),
            roles=RoleCredentials(session, now_ms),
            client=self._endpoints,
            refusals=backend,
            operator_account=settings.account,
        )

    def _guards(self) -> MethodGuards:
        """Return what the gateway port asks to know who may call."""
        keys = KeySets(document_source(self._endpoints), document_source(self._outbound), now_ms)
        return MethodGuards(
            authenticator=self._authenticator("execute-api"),
            policies=self._authorizer,
            documents=DocumentEvaluator(),
            functions=self._functions,
            tokens=TokenVerifier(keys, now_ms),
            issuers=IssuerDirectory(self._settings.jwt_issuers),
            accounts=self._identity,
        )

    def _authenticator(self, *signing_names: str) -> Authenticator:
        if self._settings.auth == "off":
            return UnverifiedAuthenticator(self._root(), self._settings.region)
        return SigV4Authenticator(self._identity, frozenset(signing_names), now_ms)

    def _root(self) -> Principal:
        account = self._settings.account
        return Principal(account, f"arn:aws:iam::{account}:root", "Account", account)

    def _root_context(self) -> RequestContext:
        root = self._root()
        return RequestContext(
            account_id=root.account_id,
            region=self._settings.region,
            request_id=str(uuid.uuid4()),
            principal=root,
            source_ip="127.0.0.1",
            user_agent="groundwatch",
            secure=True,
            received_ms=now_ms(),
        )

    async def start(self, endpoint_url: str, tls: ServerTls | None) -> None:
        """Make what the first start makes, write the administrator's credentials, and begin the background work."""
        await first_start.prepare(
            self._settings, self._identity, self._install_bundled_api, endpoint_url=endpoint_url, tls=tls
        )
        # TLS handshakes, which cannot wait for the database, must know the custom domains from the first.
        await self._domains.load()
        await self._deliveries.start()
        await self._notifying.start(endpoint_url)
        self._alarms.start()
        self._reclaimer.start()
        await self._shredder.start()
        self._exports.runner.start()
        await self._queries.begin()
        self._schedules.start()
        self._identity.key_uses.start()
        self._usage.start()
        self.gateway_app.stage_logs.start(TenantLogs(self._logs))
        self.gateway_app.stream_logs.start(StreamLogs(self._targets))
        self._journal.start(self._own_log)
        self._own_metrics.start()

    async def _install_bundled_api(self) -> None:
        await bundled_api.install(self._iam, self._apigateway, self._root_context())

    async def first_request(self, gateway_url: str) -> welcome.FirstRequest | None:
        """Return how to call the bundled API, None when its owner has removed it."""
        bundled = await bundled_api.find(self._apigateway, self._root_context())
        if bundled is None:
            return None
        return welcome.FirstRequest(f"{gateway_url}/{bundled.api_id}/{bundled.stage}", bundled.key)

    async def health(self) -> WireResponse:
        """Answer 200 while both engines answer, else 503 with the one that does not."""
        return await health(self._events, self._metadata)

    def end_streams(self) -> None:
        """End the answers that would go on for hours: the ports take no more requests."""
        self._live_tail.stop()

    async def stop(self) -> None:
        """Finish what was accepted: the ports no longer take requests."""
        log.info("stopping")
        await self._identity.key_uses.stop()
        await self._usage.stop()
        await self.gateway_app.stage_logs.stop()
        await self.gateway_app.stream_logs.stop()
        await self._backups.stop()
        await self._journal.close()
        await self._alarms.stop()
        await self._notifying.stop()
        await self._reclaimer.stop()
        await self._shredder.stop()
        await self._exports.runner.stop()
        # Before the queries, which it would see fail.
        await self._schedules.stop()
        await self._queries.stop()
        await self._walks.stop()
        await self._writer.flush()
        await self._deliveries.stop()
        # Metric filters, which are deliveries, count until here.
        await self._own_metrics.stop()
        await self._metrics.stop()
        await self._outbound.close()
        await self._endpoints.close()

    def close(self) -> None:
        """Close both stores."""
        self.gateway_app.close()
        self._exports.buckets.close()
        self._events.close()
        self._metadata.close()
        self._queue.close()
