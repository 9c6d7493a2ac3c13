import threading
from types import SimpleNamespace

import msgspec
import pytest
from sqlalchemy import delete

from groundwatch.aws.context import Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.intake import Intake
from groundwatch.logs.metric_filters.records import MetricPoint
from groundwatch.logs.operations import LogsOperations
from groundwatch.logs.subscriptions import delivery as delivery_module
from groundwatch.logs.subscriptions.assemble import Ends, Guards, Stores, assemble
from groundwatch.logs.subscriptions.targets import TargetError
from groundwatch.logs.writer import EventWriter
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.subscriptions import account_policies


class Peer:
    """Every target at once: remembers what it was sent, and fails as it is told."""

    def __init__(self) -> None:
        self.sent: dict[str, list[bytes]] = {}
        self.probed: list[str] = []
        self.failures: dict[str, TargetError] = {}
        self.arrived = threading.Event()

    def send(self, target, records):
        if target.arn in self.failures:
            raise self.failures[target.arn]
        self.sent.setdefault(target.arn, []).extend(record.data for record in records)
        self.arrived.set()
        return []

    def probe(self, target, control):
        if target.arn in self.failures:
            raise self.failures[target.arn]
        self.probed.append(target.arn)

    def close(self) -> None:
        pass


class Metrics:
    """Takes data points, unless it is told to fail."""

    def __init__(self) -> None:
        self.points: list[tuple[str, MetricPoint]] = []
        self.failures: list[Exception] = []

    async def record(self, tenant, points) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.points += [(tenant.account_id, point) for point in points]


class Identity:
    """Lets everything pass but what it is told to deny."""

    def __init__(self) -> None:
        self.untrusting: set[str] = set()
        self.denied: set[str] = set()
        self.policy_fault: str | None = None
        self.asked: list[tuple[str, str, str | None]] = []
        self.sources: list[str | None] = []

    async def assume_for_service(self, role_arn, service, *, account_id, session_name, source_arn):
        assert service == "logs.amazonaws.com"
        self.sources.append(source_arn)
        if role_arn in self.untrusting:
            raise ServiceError("AccessDenied", "no trust")
        return Principal(account_id, f"{role_arn}/session", "AssumedRole", "AROA:s", role_arn=role_arn)

    async def authorize(self, context, checks) -> None:
        for check in checks:
            if check.action in self.denied:
                raise ServiceError("AccessDenied", f"no {check.action}")

    async def decide(self, context, check, resource_policy=None):
        self.asked.append((check.action, check.resource, resource_policy))
        return SimpleNamespace(allowed=check.action not in self.denied)

    def read_policy(self, document: str) -> str | None:
        return self.policy_fault


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def queue_database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/deliveries.db")
    yield database
    database.close()


class World:
    """A room with its deliveries; another one on the same queue is what a restart makes."""

    def __init__(self, stores: Stores, room, clock, peer, identity) -> None:
        self.metrics = Metrics()
        subscriptions = assemble(
            stores,
            Guards(roles=identity, authorizer=identity, decider=identity, read_policy=identity.read_policy),
            Ends(targets=peer, metrics=self.metrics),
            max_waiting_bytes=1_000_000,
            clock_ms=clock,
        )
        self.deliveries = subscriptions.deliveries
        self.room = msgspec.structs.replace(
            room,
            intake=Intake(EventWriter(stores.events, self.deliveries.committed)),
            subscriptions=subscriptions.desk,
        )
        self.operations = LogsOperations(self.room)


@pytest.fixture
async def make_world(*, event_database, sql_database, queue_database, room, clock, peer, identity):
    stores = Stores(metadata=sql_database, events=event_database, queue=queue_database)
    made = []

    def make() -> World:
        made.append(World(stores, room, clock, peer, identity))
        return made[-1]

    yield make
    for world in made:
        await world.deliveries.stop()
    # An account's policy concerns groups that nobody knows yet, so one that stayed would concern those of later tests.
    await sql_database.write(lambda connection: connection.execute(delete(account_policies)))


@pytest.fixture
def world(make_world) -> World:
    return make_world()


@pytest.fixture
def operations(world) -> LogsOperations:
    return world.operations


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(delivery_module, "TICK_S", 0.001)
    monkeypatch.setattr(delivery_module, "GATHER_S", 0.001)
    monkeypatch.setattr("groundwatch.logs.subscriptions.worker.LONGEST_PAUSE_S", 0.001)


@pytest.fixture
async def group(operations, context) -> str:
    await operations.create_log_group(context, log_group_name="g")
    return "g"
