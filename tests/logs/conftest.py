import itertools
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from tests.clocks import ManualClock

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.identity.access import AllowAll
from groundwatch.logs.catalog import LogCatalog
from groundwatch.logs.exports.buckets import BucketError
from groundwatch.logs.exports.desk import Exports
from groundwatch.logs.exports.runner import ExportRunner, Limits
from groundwatch.logs.exports.tasks import ExportTasks
from groundwatch.logs.insights.choice import GroupChoice
from groundwatch.logs.insights.field_census import FieldCensus
from groundwatch.logs.insights.limits import DEFAULT_LIMITS
from groundwatch.logs.insights.queries import QueryStore
from groundwatch.logs.insights.run import Beside
from groundwatch.logs.insights.runner import QueryRunner
from groundwatch.logs.insights.stream_sums import StreamSums
from groundwatch.logs.intake import Intake
from groundwatch.logs.live_tail import LiveTail
from groundwatch.logs.lookup_tables import LookupTableStore
from groundwatch.logs.operations import LogsOperations, LogsRoom
from groundwatch.logs.query_definitions import QueryDefinitionStore
from groundwatch.logs.recent import RecentEvents
from groundwatch.logs.reclaim import Reclaimer
from groundwatch.logs.schedules.store import ScheduleStore
from groundwatch.logs.store import EventStore
from groundwatch.logs.subscriptions.assemble import Ends, Guards, Stores, assemble
from groundwatch.logs.subscriptions.targets import TargetError
from groundwatch.logs.walks import Walks
from groundwatch.logs.writer import EventWriter, tell_each
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_schema import migrate_events
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import logs as _tables  # noqa: F401 - declares the tables
from groundwatch.storage.tables import metadata

NOW_MS = 1_790_000_000_000
ACCOUNTS = itertools.count(100_000_000_000)


@pytest.fixture(scope="module")
def event_database(tmp_path_factory) -> Iterator[EventDatabase]:
    """The embedded engine can be open on one directory a process, so tests share it and differ by account.

    It is closed after each module: other rooms' tests open directories of their own in the same process.
    """
    database = EventDatabase(f"chdb://{tmp_path_factory.mktemp('events')}")
    database.run_now(migrate_events)
    yield database
    database.close()


@pytest.fixture(scope="session")
def sql_database(tmp_path_factory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('metadata')}/metadata.db")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture
def room(event_database, sql_database, clock) -> LogsRoom:
    return make_room(event_database, sql_database, clock, capacity_bytes=8_000_000)


class NoTargets:
    """No endpoint is set for any kind of target."""

    def send(self, target, records):
        raise TargetError("NoEndpoint", "no endpoint", retryable=True)

    def probe(self, target, control):
        raise TargetError("NoEndpoint", "no endpoint", retryable=True)

    def close(self) -> None:
        pass


class Permissive:
    """Identities that let every role be assumed and every call pass."""

    async def assume_for_service(self, role_arn, service, *, account_id, session_name, source_arn):
        return Principal(account_id, role_arn, "AssumedRole", "AROA:session", role_arn=role_arn)

    async def authorize(self, context, checks) -> None:
        pass

    async def decide(self, context, check, resource_policy=None):
        return SimpleNamespace(allowed=True)

    def read_policy(self, document: str) -> str | None:
        return None


class NoMetrics:
    """Metrics that nothing is counted for."""

    async def record(self, tenant, points):
        pytest.fail(f"{tenant} has no metric filter")


def make_subscriptions(event_database, sql_database, queue_database, clock, *, targets=None, identity=None):
    identity = identity or Permissive()
    return assemble(
        Stores(metadata=sql_database, events=event_database, queue=queue_database),
        Guards(roles=identity, authorizer=identity, decider=identity, read_policy=identity.read_policy),
        Ends(targets=targets or NoTargets(), metrics=NoMetrics()),
        max_waiting_bytes=1_000_000,
        clock_ms=clock,
    )


class FakeBuckets:
    """A bucket in memory called `archive`; the next puts raise what `refusals` holds, None stands for success."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refusals: list[BucketError | None] = []
        self.on_put = lambda key: None

    async def put(self, region, bucket, key, body) -> None:
        self.on_put(key)
        refusal = self.refusals.pop(0) if self.refusals else None
        if bucket != "archive":
            raise BucketError("NoSuchBucket", "The bucket refused an object: NoSuchBucket.")
        if refusal is not None:
            raise refusal
        self.objects[key] = body if isinstance(body, bytes) else body.read()


def make_exports(sql_database, catalog, store, clock, buckets=None, **limits) -> Exports:
    tasks, buckets = ExportTasks(sql_database, clock), buckets or FakeBuckets()
    chosen = Limits(upload_pauses_s=(0, 0), **limits)
    return Exports(tasks, ExportRunner(tasks, catalog, store, buckets, clock, limits=chosen), buckets)


def make_room(event_database, sql_database, clock, capacity_bytes, query_limits=None, authorizer=None) -> LogsRoom:
    recent = RecentEvents(capacity_bytes)
    live_tail = LiveTail()
    walks = Walks(event_database, reads_ahead=True)
    sums = StreamSums(clock, lambda: event_database.repairs)
    writer = EventWriter(
        event_database,
        tell_each(recent.committed, walks.committed, live_tail.committed, sums.committed),
        sums.committed,
        sums.beginning,
    )
    catalog = LogCatalog(sql_database, clock)
    store = EventStore(event_database, recent, walks)
    queries, lookup_tables = QueryStore(sql_database, clock), LookupTableStore(sql_database)
    beside = Beside(lookups=lookup_tables, sums=sums)
    return LogsRoom(
        catalog=catalog,
        intake=Intake(writer),
        store=store,
        recent=recent,
        reclaimer=Reclaimer(catalog, writer, event_database, clock, on_delete=sums.clear),
        live_tail=live_tail,
        exports=make_exports(sql_database, catalog, store, clock),
        subscriptions=make_subscriptions(event_database, sql_database, sql_database, clock).desk,
        query_definitions=QueryDefinitionStore(sql_database),
        query_store=queries,
        queries=QueryRunner(
            event_database, queries, catalog, clock, limits=query_limits or DEFAULT_LIMITS, beside=beside
        ),
        group_choice=GroupChoice(catalog, authorizer or AllowAll()),
        schedules=ScheduleStore(sql_database, clock),
        field_census=FieldCensus(event_database),
        lookup_tables=lookup_tables,
    )


@pytest.fixture
def operations(room) -> LogsOperations:
    return LogsOperations(room)


@pytest.fixture
def make_context(clock):
    def make(account_id: str | None = None) -> RequestContext:
        account = account_id or str(next(ACCOUNTS))
        principal = Principal(account, f"arn:aws:iam::{account}:root", "Account", account)
        return RequestContext(account, "us-east-1", "request", principal, "127.0.0.1", "test", False, clock.now_ms)

    return make


@pytest.fixture
def context(make_context) -> RequestContext:
    return make_context()


@pytest.fixture
async def stream(operations, context) -> dict[str, str]:
    """A stream, as operations on events name it."""
    await operations.create_log_group(context, log_group_name="/app/web")
    await operations.create_log_stream(context, log_group_name="/app/web", log_stream_name="i-1")
    return {"log_group_name": "/app/web", "log_stream_name": "i-1"}
