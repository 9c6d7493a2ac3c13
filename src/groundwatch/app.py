"""The composition root: builds every object from the settings, and runs the two ports from start to stop.

The only module that knows all rooms. Here one room's object is handed to another as the small interface that it asks
for.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import sys
import time
import uuid
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from groundwatch import bundled_api, listeners, welcome
from groundwatch.aws.asgi import ServiceApp
from groundwatch.aws.authentication import Authenticator, SigV4Authenticator, UnverifiedAuthenticator
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.config import Address, Settings, StartupError, redact_url
from groundwatch.credentials_file import (
    AdminCredentials,
    CredentialsFileError,
    credentials_path,
    read_credentials,
    write_credentials,
)
from groundwatch.data_directory import open_data_directory
from groundwatch.gateway.access import apigateway_access
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.issuers import IssuerDirectory
from groundwatch.gateway.authorizers.key_sets import KeySets, document_source
from groundwatch.gateway.authorizers.tokens import TokenVerifier
from groundwatch.gateway.control.ids import RandomIds
from groundwatch.gateway.control.operations import ApiGatewayOperations
from groundwatch.gateway.functions import LambdaFunctions
from groundwatch.gateway.integrations.base import UnknownServiceError, Upstreams
from groundwatch.gateway.limits.ledger import UsageLedger
from groundwatch.gateway.outbound import OutboundClient, OutboundRules
from groundwatch.gateway.runtime.access import AccessEntry
from groundwatch.gateway.runtime.app import GatewayApp, GatewaySettings
from groundwatch.gateway.runtime.stage_logs import Destination
from groundwatch.gateway.store import GatewayStore
from groundwatch.identity.access import AllowAll, PolicyAuthorizer
from groundwatch.identity.access_rules import iam_access, sts_access
from groundwatch.identity.bootstrap import ensure_administrator
from groundwatch.identity.documents import DocumentEvaluator
from groundwatch.identity.iam.operations import IamOperations
from groundwatch.identity.names import LONG_TERM_PREFIX, new_id, new_secret
from groundwatch.identity.organizations import OrganizationsOperations, organizations_access
from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.identity.records.accounts import tenant_tables
from groundwatch.identity.roles import RoleAssumer
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.sts import StsOperations
from groundwatch.journal import Journal
from groundwatch.listeners import Listener
from groundwatch.logs.access import logs_access
from groundwatch.logs.catalog import LogCatalog, Tenant
from groundwatch.logs.exports.buckets import Buckets
from groundwatch.logs.exports.desk import Exports
from groundwatch.logs.exports.runner import ExportRunner
from groundwatch.logs.exports.tasks import ExportTasks
from groundwatch.logs.intake import Intake
from groundwatch.logs.live_tail import LiveTail
from groundwatch.logs.operations import LogsOperations, LogsRoom
from groundwatch.logs.own_log import OwnLog
from groundwatch.logs.query_definitions import QueryDefinitionStore
from groundwatch.logs.recent import RecentEvents
from groundwatch.logs.reclaim import Reclaimer
from groundwatch.logs.store import EventStore
from groundwatch.logs.subscriptions.assemble import Guards, Stores, assemble
from groundwatch.logs.subscriptions.targets import Targets
from groundwatch.logs.writer import EventWriter, tell_each
from groundwatch.storage.clickhouse import Client, EventDatabase
from groundwatch.storage.errors import StorageError, StorageUnavailableError
from groundwatch.storage.event_schema import migrate_events
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import metadata
from groundwatch.tls import ServerTls, set_up_tls

log = logging.getLogger(__name__)
HEALTH_TIMEOUT_S = 5
FIRST_START_MARK = "first-start-unfinished"
"""A file in the data directory from before the first key exists until the bundled API is deployed."""


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def run(settings: Settings) -> None:
    """Serve until a signal stops the process. Raises StartupError with one line for the operator."""
    listeners.run(serve(settings, Console()))


async def serve(settings: Settings, console: Console) -> None:
    """Open everything, answer on both ports, and close everything in the opposite order."""
    journal = Journal()
    journal.install(settings.log_level)
    async with AsyncExitStack() as opened:
        opened.callback(journal.uninstall)
        data = open_data_directory(settings.data)
        opened.callback(data.close)
        # The ports are taken before the engine is opened, so that a busy one costs nothing.
        service_port = listeners.bind("service", settings.service)
        opened.callback(service_port.close)
        gateway_port = listeners.bind("gateway", settings.gateway)
        opened.callback(gateway_port.close)
        tls = _Tls.of(settings)
        server = _open(settings, journal)
        opened.callback(server.close)
        endpoint = _url("http" if tls.service is None else "https", service_port.address)
        gateway_url = _url("http" if tls.gateway is None else "https", gateway_port.address)
        await server.start(endpoint, tls.service)
        greeting = welcome.Welcome(
            service_url=endpoint,
            gateway_url=gateway_url,
            credentials=credentials_path(settings.data),
            program=_program(),
            auth_off=settings.auth == "off",
            gateway_authority=tls.gateway.authority if tls.gateway else None,
            first_request=await server.first_request(gateway_url),
        )

        def on_ready(_addresses: list[Address]) -> None:
            log.info("ready: service port %s, gateway port %s", endpoint, gateway_url)
            welcome.show(greeting, console)

        await listeners.serve(
            [
                Listener(
                    "service",
                    settings.service,
                    server.service_app,
                    tls.service.context if tls.service else None,
                    server.end_streams,
                ),
                Listener("gateway", settings.gateway, server.gateway_app, tls.gateway.context if tls.gateway else None),
            ],
            [service_port, gateway_port],
            on_ready=on_ready,
            on_stop=server.stop,
        )


def _open(settings: Settings, journal: Journal) -> Server:
    try:
        return Server(settings, journal)
    except StorageUnavailableError as error:
        raise StartupError(f"{error}; check --events-url") from error
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise StartupError(
            f"cannot open {redact_url(settings.metadata_url)}: {reason}; check --metadata-url"
        ) from error


class _Tls(msgspec.Struct, frozen=True):
    """What the two listeners need to speak TLS, None where they speak plain HTTP."""

    service: ServerTls | None
    gateway: ServerTls | None

    @classmethod
    def of(cls, settings: Settings) -> _Tls:
        hosts = (settings.service.host, settings.gateway.host)
        now = dt.datetime.now(dt.UTC)
        directory = settings.data / "tls"
        return cls(
            set_up_tls(settings.service_tls, directory, hosts, now), set_up_tls(settings.tls, directory, hosts, now)
        )


class Server:
    """The object graph of one server: stores, rooms, and the two applications on top of them."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._metadata = Database(settings.metadata_url)
        migrate(self._metadata.engine)
        self._events = EventDatabase(settings.events_url)
        self._events.run_now(migrate_events)
        self._identity = IdentityStore(self._metadata, now_ms)
        self._roles = RoleAssumer(self._identity, now_ms)
        self._authorizer = AllowAll() if settings.auth == "off" else PolicyAuthorizer(self._identity)
        # Which deliveries wait is a matter of this node, wherever the metadata lives.
        self._queue = Database(f"sqlite:///{settings.data / 'deliveries.db'}")
        self._build_logs()
        self._build_services()

    def _build_logs(self) -> None:
        # Memory of recent events is right only while this process sees every write: with the embedded engine.
        recent = RecentEvents(self._settings.recent_events_bytes if self._events.embedded else 0)
        self._live_tail = LiveTail()
        subscriptions = assemble(
            Stores(metadata=self._metadata, events=self._events, queue=self._queue),
            Guards(roles=self._roles, authorizer=self._authorizer, decider=self._authorizer, read_policy=_policy_fault),
            Targets(
                {
                    "kinesis": self._settings.kinesis_url,
                    "firehose": self._settings.firehose_url,
                    "lambda": self._settings.lambda_url,
                }
            ),
            max_waiting_bytes=self._settings.delivery_queue_bytes,
            clock_ms=now_ms,
        )
        self._deliveries = subscriptions.deliveries
        self._writer = EventWriter(
            self._events,
            tell_each(recent.committed, self._live_tail.committed, self._deliveries.committed),
            on_failure=recent.failed,
        )
        catalog = LogCatalog(self._metadata, now_ms)
        intake = Intake(self._writer)
        self._reclaimer = Reclaimer(catalog, self._writer, self._events, now_ms)
        store = EventStore(self._events, recent)
        tasks, buckets = ExportTasks(self._metadata, now_ms), Buckets(self._settings.s3_url)
        self._exports = Exports(tasks, ExportRunner(tasks, catalog, store, buckets, now_ms), buckets)
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
        )
        tenant = Tenant(self._settings.account, self._settings.region)
        self._own_log = OwnLog(catalog, intake, tenant, now_ms)

    def _build_services(self) -> None:
        authorizer = self._authorizer
        store = GatewayStore(self._metadata, now_ms)
        self._usage = UsageLedger(self._metadata, now_ms)
        backend = _Backend()
        self._outbound = OutboundClient(OutboundRules.allowing(self._settings.outbound_allow))
        # Where functions are is the operator's word, not a user's.
        self._endpoints = OutboundClient(OutboundRules(everywhere=True))
        self._functions = LambdaFunctions(self._settings.lambda_url, self._endpoints)
        self.gateway_app = GatewayApp(
            store,
            Upstreams(
                services=backend,
                roles=self._roles,
                authorizer=authorizer,
                functions=self._functions,
                web=self._outbound,
            ),
            guards=self._guards(),
            usage=self._usage,
            access_log=_AccessLog(self._journal),
            settings=GatewaySettings(region=self._settings.region),
            health=self.health,
            clock_ms=now_ms,
        )
        self._iam = IamOperations(self._identity, now_ms)
        self._apigateway = ApiGatewayOperations(
            store,
            test_invoker=self.gateway_app.test_invoker,
            usage=self._usage,
            caches=self.gateway_app.stage_caches,
            authorizer=authorizer,
            policy_fault=_policy_fault,
            clock_ms=now_ms,
            ids=RandomIds(),
        )
        self.services = (
            Service("logs", LogsOperations(self._logs), logs_access),
            Service("iam", self._iam, iam_access),
            Service("sts", StsOperations(self._identity, now_ms, authorizer=authorizer), sts_access),
            Service("apigateway", self._apigateway, apigateway_access),
            Service("organizations", self._organizations(), organizations_access(self._settings.account)),
        )
        authenticator = self._authenticator("logs", "iam", "sts", "apigateway", "organizations")
        port = ServicePort(
            self.services, authenticator, authorizer, default_region=self._settings.region, clock_ms=now_ms
        )
        backend.port = port
        self.service_app = ServiceApp(port, {"/health": lambda _request: self.health()})

    def _organizations(self) -> OrganizationsOperations:
        return OrganizationsOperations(
            self._identity,
            now_ms,
            operator_account=self._settings.account,
            tenant_tables=tenant_tables(metadata),
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
        path = credentials_path(self._settings.data)
        unfinished = self._settings.data / FIRST_START_MARK
        known = _read_if_there(path)
        if known is None:
            unfinished.touch(mode=0o600)
        credentials = AdminCredentials(
            access_key_id=known.access_key_id if known else new_id(LONG_TERM_PREFIX),
            secret_access_key=known.secret_access_key if known else new_secret(),
            endpoint_url=endpoint_url,
            region=self._settings.region,
            ca_bundle=str(tls.authority) if tls is not None and tls.authority is not None else None,
        )
        # The file comes before the key: after a crash in between, the next start makes the file's key valid.
        write_credentials(path, credentials)
        created = await ensure_administrator(
            self._identity,
            self._settings.account,
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
        )
        if created is None and known is None:
            path.unlink()
            unfinished.unlink()
            log.warning("%s is gone; make the administrator a new access key with aws iam create-access-key", path)
        if unfinished.exists():
            await bundled_api.install(self._iam, self._apigateway, self._root_context())
            unfinished.unlink()
        await self._deliveries.start()
        self._reclaimer.start()
        self._exports.runner.start()
        self._identity.key_uses.start()
        self._usage.start()
        self.gateway_app.stage_logs.start(_TenantLogs(self._logs))
        self._journal.start(self._own_log)

    async def first_request(self, gateway_url: str) -> welcome.FirstRequest | None:
        """Return how to call the bundled API, None when its owner has removed it."""
        bundled = await bundled_api.find(self._apigateway, self._root_context())
        if bundled is None:
            return None
        return welcome.FirstRequest(f"{gateway_url}/{bundled.api_id}/{bundled.stage}", bundled.key)

    async def health(self) -> WireResponse:
        """Answer 200 while both engines answer, else 503 with the one that does not."""
        states = {
            "events": await _state(self._events.run("read", _ask_events)),
            "metadata": await _state(self._metadata.read(lambda connection: connection.execute(text("SELECT 1")))),
        }
        healthy = all(state == "ok" for state in states.values())
        body = msgspec.json.encode({"status": "ok" if healthy else "failing", **states})
        return WireResponse(200 if healthy else 503, (("Content-Type", "application/json"),), body)

    def end_streams(self) -> None:
        """End the answers that would go on for hours: the ports take no more requests."""
        self._live_tail.stop()

    async def stop(self) -> None:
        """Finish what was accepted: the ports no longer take requests."""
        log.info("stopping")
        await self._identity.key_uses.stop()
        await self._usage.stop()
        await self.gateway_app.stage_logs.stop()
        await self._journal.close()
        await self._reclaimer.stop()
        await self._exports.runner.stop()
        await self._writer.flush()
        await self._deliveries.stop()
        await self._outbound.close()
        await self._endpoints.close()

    def close(self) -> None:
        """Close both stores."""
        self.gateway_app.close()
        self._exports.buckets.close()
        self._events.close()
        self._metadata.close()
        self._queue.close()


class _Backend:
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


class _TenantLogs:
    """The logs of stages, as events in log groups of the tenants that the APIs belong to."""

    def __init__(self, logs: LogsRoom) -> None:
        self._logs = logs

    async def append(self, destination: Destination, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Store events in the order in which they are given."""
        tenant = Tenant(destination.account_id, destination.region)
        log = OwnLog(self._logs.catalog, self._logs.intake, tenant, now_ms)
        await log.append(destination.group, stream, events)


class _AccessLog:
    """The gateway's access log, as events of the server's own log group."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def record(self, entry: AccessEntry) -> None:
        """Take one answered request."""
        self._journal.access(msgspec.structs.asdict(entry))


def _policy_fault(document: str) -> str | None:
    """Return what is wrong with a resource policy; other rooms keep such and do not know their language."""
    try:
        parse_policy(document, "resource")
    except MalformedPolicyError as error:
        return error.message
    return None


def _ask_events(client: Client) -> object:
    return client.query("SELECT 1")


async def _state(asked: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(HEALTH_TIMEOUT_S):
            await asked
    except (StorageError, SQLAlchemyError, TimeoutError) as error:
        log.warning("health check: %s", error)
        return "failing"
    return "ok"


def _read_if_there(path: Path) -> AdminCredentials | None:
    try:
        return read_credentials(path)
    except FileNotFoundError:
        return None
    except CredentialsFileError as error:
        raise StartupError(str(error)) from error


def _program() -> str:
    """Return the path by which this command was started, so that it works from any directory; else its name."""
    started = Path(sys.argv[0])
    return str(started.absolute()) if started.is_file() else "groundwatch"


def _url(scheme: str, address: Address) -> str:
    """Return the URL by which a client on this machine reaches a listener."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
    reachable = Address(everywhere.get(address.host, address.host), address.port)
    return f"{scheme}://{reachable}"
