"""The object graph of one server: stores, rooms, and the two applications on top of them."""

from __future__ import annotations

import logging
import threading

from groundwatch import bundled_api, welcome
from groundwatch.app import first_start, own_metrics
from groundwatch.app.adapters import AccessLog, Backend
from groundwatch.app.clock import now_ms
from groundwatch.app.foundation import Foundation
from groundwatch.app.front_door import FrontDoor
from groundwatch.app.health import HealthDesk
from groundwatch.app.log_service import LogService
from groundwatch.app.notifying import Notifying
from groundwatch.aws.app import ServiceApp
from groundwatch.aws.http import WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.background import stop_all
from groundwatch.config import Settings
from groundwatch.gateway.access import apigateway_access
from groundwatch.identity.access_rules import iam_access, sts_access
from groundwatch.identity.iam.operations import IamOperations
from groundwatch.identity.organizations import OrganizationsOperations, organizations_access
from groundwatch.identity.records.accounts import tenant_tables
from groundwatch.identity.sts import StsOperations
from groundwatch.journal import Journal
from groundwatch.logs.access import logs_access
from groundwatch.monitoring.access import cloudwatch_access
from groundwatch.monitoring.alarms.desk import AlarmDesk
from groundwatch.monitoring.metrics.desk import MetricDesk
from groundwatch.monitoring.operations import CloudWatchOperations
from groundwatch.notifications.access import sns_access
from groundwatch.storage.tables import metadata
from groundwatch.tls import ServerTls
from groundwatch.upkeep.backup import embedded_sources
from groundwatch.upkeep.desk import BackupDesk
from groundwatch.upkeep.examination import Examination
from groundwatch.upkeep.operations import UpkeepOperations, upkeep_access

log = logging.getLogger(__name__)
SLOW_CLOSE_S = 2.0
"""After so long an operator is told what the process waits for."""


class Server:
    """The object graph of one server: stores, rooms, and the two applications on top of them."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._base = Foundation(settings)
        try:
            self._build(self._base)
        except BaseException:
            self._base.close()
            raise

    def _build(self, base: Foundation) -> None:
        settings, journal = self._settings, self._journal
        self._metrics = MetricDesk(base.events, now_ms)
        self._ingestion = own_metrics.IngestionWatch(base.events)
        self._logs = LogService(base, self._metrics.writer, [self._ingestion.committed])
        self._notifying = Notifying(settings, base.metadata, self._logs.room, base.authorizer)
        self._alarms = self._build_alarms()
        backend = Backend()
        self._health = HealthDesk(base.events, base.metadata)
        self._gateway = FrontDoor(base, backend, AccessLog(journal), self.health)
        self.gateway_app = self._gateway.app
        self.certificate_of = self._gateway.certificate_of
        self._iam = IamOperations(base.identity, now_ms)
        self._backups = self._build_backups()
        self.services = self._services()
        backend.port = self._port()
        self.service_app = self._service_app(backend.port)

    def _build_alarms(self) -> AlarmDesk:
        base, room = self._base, self._notifying.room
        alarms = AlarmDesk(base.metadata, self._metrics.alarm_reader, room.service_publisher, now_ms)
        base.resource_policies.add("sns", room.policies)
        base.resource_tags.add("sns", room.tags)
        base.resource_tags.add("cloudwatch", alarms.tags)
        return alarms

    def _build_backups(self) -> BackupDesk:
        settings = self._settings
        sources = embedded_sources(settings.data, settings.events_url, settings.metadata_url)
        return BackupDesk(settings.backup_directory, sources, self._base.events, self._logs.reclaimer.remembering())

    def _services(self) -> tuple[Service, ...]:
        base, account = self._base, self._settings.account
        upkeep = UpkeepOperations(self._backups, Examination(base.events, base.metadata, now_ms))
        cloudwatch = CloudWatchOperations(self._metrics, self._alarms.room)
        organizations = OrganizationsOperations(
            base.identity, now_ms, operator_account=account, tenant_tables=tenant_tables(metadata)
        )
        return (
            Service("logs", self._logs.operations(), logs_access),
            Service("iam", self._iam, iam_access),
            Service("sts", StsOperations(base.identity, now_ms, authorizer=base.authorizer), sts_access),
            Service("apigateway", self._gateway.operations, apigateway_access),
            Service("cloudwatch", cloudwatch, cloudwatch_access, "monitoring"),
            Service("sns", self._notifying.room.operations, sns_access),
            Service("organizations", organizations, organizations_access(account)),
            Service("groundwatch", upkeep, upkeep_access(account)),
        )

    def _port(self) -> ServicePort:
        names = (service.signing_name or service.model_name for service in self.services)
        return ServicePort(
            self.services,
            self._base.authenticator(*names),
            self._base.authorizer,
            default_region=self._settings.region,
            clock_ms=now_ms,
        )

    def _service_app(self, port: ServicePort) -> ServiceApp:
        sources = (
            self._ingestion.readings,
            own_metrics.DeliveryWatch(self._logs.deliveries).readings,
            own_metrics.NotificationWatch(self._notifying.room.queue).readings,
            own_metrics.MemoryWatch(self._base.events).readings,
        )
        self._own_metrics, page = own_metrics.assemble(self._metrics, self.gateway_app.traffic, sources, self._settings)
        routes = {"/health": lambda _request: self.health(), "/metrics": page.answer, **self._notifying.routes}
        return ServiceApp(port, routes)

    async def start(self, endpoint_url: str, tls: ServerTls | None) -> None:
        """Make what the first start makes, write the administrator's credentials, and begin the background work."""
        await first_start.prepare(
            self._settings, self._base.identity, self._install_bundled_api, endpoint_url=endpoint_url, tls=tls
        )
        await self._gateway.load_domains()
        await self._backups.begin()
        await self._logs.start()
        await self._notifying.start(endpoint_url)
        self._alarms.start()
        self._base.identity.key_uses.start()
        self._gateway.start(self._logs.room, self._logs.targets)
        self._journal.start(self._logs.own_log)
        self._own_metrics.start()

    async def _install_bundled_api(self) -> None:
        await bundled_api.install(self._iam, self._gateway.operations, self._base.root_context())

    async def first_request(self, gateway_url: str) -> welcome.FirstRequest | None:
        """Return how to call the bundled API, None when its owner has removed it."""
        bundled = await bundled_api.find(self._gateway.operations, self._base.root_context())
        if bundled is None:
            return None
        return welcome.FirstRequest(f"{gateway_url}/{bundled.api_id}/{bundled.stage}", bundled.key)

    async def health(self) -> WireResponse:
        """Answer 200 while both engines answer, else 503 with the one that does not."""
        return await self._health.answer()

    def end_streams(self) -> None:
        """End the answers that would go on for hours: the ports take no more requests."""
        self._logs.end_streams()

    async def stop(self) -> None:
        """Finish what was accepted: the ports no longer take requests."""
        log.info("stopping")
        self._base.events.stop_mending()
        await stop_all(
            [
                self._base.identity.key_uses.stop,
                self._gateway.stop,
                self._backups.stop,
                self._journal.close,
                self._alarms.stop,
                self._notifying.stop,
                # Before the metrics: metric filters, which are deliveries, count until here.
                self._logs.stop,
                self._own_metrics.stop,
                self._metrics.stop,
                self._gateway.close_clients,
            ]
        )

    def close(self) -> None:
        """Close both stores."""
        self._gateway.close()
        self._logs.close()
        # What a thread asks of the engine cannot be cut short, and reading a broken block takes seconds.
        late = threading.Timer(SLOW_CLOSE_S, log.info, ["waiting for the event store to end what it does"])
        late.start()
        try:
            self._base.close()
        finally:
            late.cancel()
