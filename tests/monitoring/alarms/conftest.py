import itertools
from collections.abc import Iterator

import pytest

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.monitoring.alarms.operations import AlarmOperations, AlarmsRoom
from groundwatch.monitoring.alarms.store import AlarmStore
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import alarms as _tables  # noqa: F401 - declares the tables
from groundwatch.storage.tables import metadata

NOW_MS = 1_790_000_040_000
"""A full minute."""
ACCOUNTS = itertools.count(200_000_000_000)
TOPIC = "arn:aws:sns:us-east-1:111122223333:alerts"


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def database(tmp_path_factory) -> Iterator[Database]:
    """Tests share it and differ by account."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('alarms')}/metadata.db")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def store(database, clock) -> AlarmStore:
    return AlarmStore(database, clock)


@pytest.fixture
def operations(store) -> AlarmOperations:
    return AlarmOperations(AlarmsRoom(store, lambda: None))


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
