import itertools
from collections.abc import Iterator

import pytest
from tests.clocks import ManualClock

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.monitoring.alarms.actions import ActionRunner
from groundwatch.monitoring.alarms.evaluator import Evaluator
from groundwatch.monitoring.alarms.operations import AlarmOperations, AlarmsRoom
from groundwatch.monitoring.alarms.scheduler import SETTLE_MS, AlarmScheduler
from groundwatch.monitoring.alarms.store import AlarmStore
from groundwatch.monitoring.metrics.model import Datapoint, Series, StatisticRequest
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import alarms as tables
from groundwatch.storage.tables import metadata

NOW_MS = 1_790_000_040_000
"""A full minute."""
ACCOUNTS = itertools.count(200_000_000_000)
TABLES = [
    tables.alarms,
    tables.alarm_links,
    tables.alarm_history,
    tables.alarm_actions,
    tables.alarm_ticks,
]
TOPIC = "arn:aws:sns:us-east-1:111122223333:alerts"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> Iterator[Database]:
    """Tests share it and differ by account."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('alarms')}/metadata.db")
    metadata.create_all(database.engine, tables=TABLES)
    yield database
    database.close()


@pytest.fixture
def store(database, clock) -> AlarmStore:
    return AlarmStore(database, clock)


@pytest.fixture
def operations(store) -> AlarmOperations:
    return AlarmOperations(AlarmsRoom(store, FakeMetrics(), lambda: None))


@pytest.fixture
def make_context(clock):
    def make(account_id: str | None = None, region: str = "us-east-1") -> RequestContext:
        account = account_id or str(next(ACCOUNTS))
        principal = Principal(account, f"arn:aws:iam::{account}:root", "Account", account)
        return RequestContext(account, region, "request", principal, "127.0.0.1", "test", False, clock.now_ms)

    return make


@pytest.fixture
def context(make_context) -> RequestContext:
    return make_context()


def metric_alarm(**changes):
    """Arguments of PutMetricAlarm; None takes one away."""
    words = {
        "alarm_name": "errors",
        "metric_name": "Errors",
        "namespace": "App",
        "statistic": "Sum",
        "period": 60,
        "evaluation_periods": 1,
        "threshold": 5.0,
        "comparison_operator": "GreaterThanThreshold",
    }
    return {name: value for name, value in (words | changes).items() if value is not None}


class FakeMetrics:
    """Metrics in memory: values of App/NAME by the start of their minute; math is the first query's metric, doubled."""

    def __init__(self) -> None:
        self.values: dict[str, dict[int, float]] = {}
        self.failing = False
        self.wrong_math = False
        self.broken: set[str] = set()
        self.on_read = lambda: None

    def put(self, name: str, at_ms: int, value: float) -> None:
        self.values.setdefault(name, {})[at_ms] = value

    def of(self, request) -> list[Datapoint]:
        step_ms, points = request.period_s * 1000, []
        first = request.start_ms + (request.offset_ms - request.start_ms) % step_ms
        for start_ms in range(first, request.end_ms, step_ms):
            held = [v for at, v in self.values.get(request.metric.name, {}).items() if 0 <= at - start_ms < step_ms]
            points += [Datapoint(start_ms, sum(held), len(held))] if held else []
        return points

    async def read(self, requests):
        self.on_read()
        if self.failing or self.broken & {request.metric.name for request in requests}:
            raise OSError("the event store is away")
        return [self.of(request) for request in requests]

    async def evaluate(self, account_id, region, queries, start_ms, end_ms, *, offset_ms=0):
        if self.wrong_math:
            raise ServiceError("ValidationError", "no such function")
        stat = queries[0].stat
        request = StatisticRequest(stat.metric, stat.stat, stat.period_s, start_ms, end_ms, None, offset_ms)
        points = tuple((point.timestamp_ms, point.value * 2) for point in self.of(request))
        return [Series("e", "e", stat.period_s, points)]


class FakeTopics:
    """Remembers what was published; `trouble` is raised first."""

    def __init__(self) -> None:
        self.published: list[dict[str, object]] = []
        self.trouble: list[Exception] = []

    async def publish(self, **message) -> str:
        if self.trouble:
            raise self.trouble.pop(0)
        self.published.append(message)
        return message["message_id"]


class Watchtower:
    """All of the room that runs by itself, on fakes; `restart` is a new process on the same database."""

    def __init__(self, database, clock) -> None:
        self.database, self.clock = database, clock
        self.metrics, self.topics = FakeMetrics(), FakeTopics()
        self.restart()

    def restart(self) -> None:
        evaluator = Evaluator(self.database, self.metrics, self.clock)
        self.scheduler = AlarmScheduler(self.database, evaluator, self.clock, lambda: None)
        self.actions = ActionRunner(self.database, self.topics, self.clock)

    async def at(self, minute: float) -> None:
        """Let it be some minutes after the start, and do what is due then."""
        self.clock.now_ms = NOW_MS + round(minute * 60_000) + SETTLE_MS
        assert await self.scheduler.run_due()
        await self.actions.drain()


@pytest.fixture
def own_database(tmp_path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    metadata.create_all(database.engine, tables=TABLES)
    yield database
    database.close()


@pytest.fixture
def tower(own_database, clock) -> Watchtower:
    return Watchtower(own_database, clock)


@pytest.fixture
def watched(own_database, clock) -> AlarmOperations:
    """The operations on the alarms that the tower evaluates."""
    return AlarmOperations(AlarmsRoom(AlarmStore(own_database, clock), FakeMetrics(), lambda: None))
