import itertools
from collections.abc import Iterator

import pytest

from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_schema import migrate_events

ACCOUNTS = itertools.count(100_000_000_000)


@pytest.fixture(scope="module")
def metric_store(tmp_path_factory) -> Iterator[EventDatabase]:
    """An event store; the embedded engine is open on one directory a process, so it is closed after each module."""
    database = EventDatabase(f"chdb://{tmp_path_factory.mktemp('metrics')}")
    database.run_now(migrate_events)
    yield database
    database.close()


@pytest.fixture
def account() -> str:
    return str(next(ACCOUNTS))
