"""The metadata database on a real PostgreSQL server, when the machine has one (Debian's package `postgresql`)."""

import asyncio
import os
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.clocks import ManualClock
from tests.monitoring.alarms.conftest import NOW_MS, TOPIC, FakeMetrics, Watchtower, metric_alarm

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import LogCatalog, Tenant
from groundwatch.logs.exports.tasks import LEASE_MS, ExportRequest, ExportTasks
from groundwatch.logs.name_pattern import NamePattern
from groundwatch.logs.subscriptions.records import Destination, SubscriptionFilter
from groundwatch.logs.subscriptions.store import SubscriptionStore
from groundwatch.monitoring.alarms.operations import AlarmOperations, AlarmsRoom
from groundwatch.monitoring.alarms.store import AlarmStore
from groundwatch.notifications.names import TopicName
from groundwatch.notifications.queue import CLAIM_MS, DeliveryQueue
from groundwatch.notifications.records import Message, Subscription, Topic
from groundwatch.notifications.store import NotificationStore
from groundwatch.storage import tables
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database

TENANT = Tenant("000000000000", "us-east-1")
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def as_owner(directory: Path) -> list[str]:
    """PostgreSQL refuses to run as root; its package brings a user of its own."""
    if os.geteuid() != 0:
        return []
    shutil.chown(directory, "postgres", "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@pytest.fixture(scope="module")
def postgresql_url(tmp_path_factory) -> Iterator[str]:
    if not BINARIES:
        pytest.skip("no PostgreSQL server on this machine")
    home = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    home.chmod(0o755)
    run = as_owner(home)
    data, binaries = home / "data", BINARIES[-1].parent
    subprocess.run([*run, binaries / "initdb", "-D", data, "-U", "groundwatch", "-A", "trust"], check=True, cwd=home)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home}"
    control = [*run, binaries / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-o", options, "-l", home / "log", "start"], check=True, cwd=home)
    yield f"postgresql://groundwatch@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "stop", "-m", "fast"], check=True, cwd=home)
    shutil.rmtree(home)


@pytest.fixture
def database(postgresql_url) -> Iterator[Database]:
    database = Database(postgresql_url)
    migrate(database.engine)
    yield database
    database.close()


def test_migrations_make_exactly_the_declared_tables(database):
    import pkgutil

    for module in pkgutil.iter_modules(tables.__path__):
        __import__(f"{tables.__name__}.{module.name}")
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, tables.metadata) == []


async def test_the_catalog_orders_names_by_bytes_and_keeps_them_unique(database):
    catalog = LogCatalog(database, lambda: 1_790_000_000_000)
    for name in ("b", "B", "a/1", "a", "_"):
        await catalog.create_group(TENANT, name, tags={"t": name})
    with pytest.raises(ServiceError):
        await catalog.create_group(TENANT, "a")
    assert [group.name for group in await catalog.groups(TENANT, after="", limit=9)] == ["B", "_", "a", "a/1", "b"]
    chosen = NamePattern(parts=("1",), prefixes=("B",))
    assert [group.name for group in await catalog.groups(TENANT, after="", limit=9, pattern=chosen)] == ["B", "a/1"]
    group = await catalog.group(TENANT, "a")
    await catalog.create_stream(group, "s")
    assert group.tags == {"t": "a"}
    await catalog.delete_group(group)
    assert [item.group_number for item in await catalog.waiting_reclaims()] == [group.number]


async def test_export_tasks_keep_their_quota_and_change_hands(database):
    clock = [1_790_000_000_000]
    catalog, tasks = LogCatalog(database, lambda: clock[0]), ExportTasks(database, lambda: clock[0])
    await catalog.create_group(TENANT, "exported")
    group = await catalog.group(TENANT, "exported")
    for name in ("a/b", "a-b", "c"):
        await catalog.create_stream(group, name)
    assert await tasks.shared_folders(group.number) == ["a-b"]
    request = ExportRequest(group, 0, 1, "archive", "p")
    task_id = await tasks.add(request)
    with pytest.raises(ServiceError, match=r"Resource limit exceeded\."):
        await tasks.add(request)
    lost = await tasks.claim()
    # Another node may be working on it, so a start of this one takes nothing away.
    await tasks.release_all()
    assert await tasks.claim() is None
    clock[0] += LEASE_MS
    taken = await tasks.claim()
    assert not await tasks.is_wanted(lost)
    await tasks.cancel(TENANT, task_id)
    await tasks.finish(taken, "COMPLETED", "Completed successfully")
    (ended,) = await tasks.page(TENANT, before=None, limit=9, task_id=None, status=None)
    assert (ended.status, ended.message) == ("CANCELLED", "Cancelled by user")
    await tasks.release(taken)


async def test_nodes_that_put_one_name_at_a_time_both_succeed(database):
    """Each finds nothing to update and inserts; the second insert breaks the constraint, and has to look again."""
    store, made = SubscriptionStore(database), LogCatalog(database, lambda: 1)
    for turn in range(10):
        wanted = [
            Destination(
                tenant=TENANT,
                name=f"d{turn}",
                target_arn=f"arn:aws:kinesis:us-east-1:000000000000:stream/{number}",
                role_arn="arn:aws:iam::000000000000:role/r",
                access_policy=None,
                tags={},
                created_ms=1,
            )
            for number in range(4)
        ]
        stored = await asyncio.gather(*map(store.put_destination, wanted))
        assert [one.target_arn for one in stored] == [one.target_arn for one in wanted]
    outcomes = await asyncio.gather(*(made.create_group(TENANT, "once") for _ in range(4)), return_exceptions=True)
    assert [getattr(outcome, "code", None) for outcome in outcomes].count("ResourceAlreadyExistsException") == 3


async def test_quotas_hold_for_puts_at_one_time(database):
    catalog, store = LogCatalog(database, lambda: 1), SubscriptionStore(database)
    for turn in range(10):
        await catalog.create_group(TENANT, f"quota{turn}")
        group = await catalog.group(TENANT, f"quota{turn}")
        filters = [
            SubscriptionFilter(
                number=0,
                group_number=group.number,
                name=f"f{number}",
                pattern="",
                destination_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
                role_arn=None,
                distribution="ByLogStream",
                created_ms=1,
            )
            for number in range(4)
        ]
        outcomes = await asyncio.gather(*map(store.put_filter, filters), return_exceptions=True)
        assert sorted(getattr(outcome, "code", "") for outcome in outcomes) == ["", "", *["LimitExceededException"] * 2]


async def test_deliveries_of_a_node_that_died_change_hands(database):
    clock = [1_790_000_000_000]
    nodes = [DeliveryQueue(database, lambda: clock[0]) for _ in range(2)]
    store = NotificationStore(database, lambda: clock[0])
    wanted = Topic(0, TopicName("000000000000", "us-east-1", "alerts"), {}, None, {})
    made = await asyncio.gather(*(store.create_topic(wanted, lambda _found: None) for _ in range(4)))
    assert len({topic.number for topic in made}) == 1
    receiver = Subscription("s-1", wanted.name, "000000000000", "http", "http://x", {}, "confirmed", "t", clock[0])
    await store.subscribe(made[0], receiver)
    messages = [Message(f"m-{number}", "Notification", "x", clock[0]) for number in range(4)]
    assert await nodes[0].put(made[0], [(message, [receiver]) for message in messages]) == []
    taken = await asyncio.gather(*(node.take("s-1", 2, ()) for node in nodes))
    numbers = [delivery.number for share in taken for delivery in share]
    assert (len(numbers), len(set(numbers))) == (4, 4)
    assert await nodes[1].take("s-1", 9, ()) == []
    assert await nodes[1].next_due_ms("s-1", ()) == clock[0] + CLAIM_MS
    await asyncio.gather(*map(nodes[0].finish, taken[0]))
    clock[0] += CLAIM_MS
    left = await nodes[0].take("s-1", 9, ())
    assert {delivery.number for delivery in left} == {delivery.number for delivery in taken[1]}
    await nodes[0].postpone(left[0], clock[0] + 1)
    await asyncio.gather(*map(nodes[0].finish, left[1:]))
    assert await nodes[0].waiting_subscriptions() == [("s-1", "000000000000")]
    await store.delete_topic(wanted.name)
    assert await nodes[0].waiting() == 0


async def test_of_nodes_that_evaluate_an_alarm_together_one_changes_it(postgresql_url, database):
    other = Database(postgresql_url)
    root = Principal("000000000000", "arn:aws:iam::000000000000:root", "Account", "000000000000")
    context = RequestContext("000000000000", "us-east-1", "request", root, "127.0.0.1", "test", False, NOW_MS)
    operations = AlarmOperations(AlarmsRoom(AlarmStore(database, ManualClock(NOW_MS)), FakeMetrics(), lambda: None))
    await operations.put_metric_alarm(context, **metric_alarm(alarm_name="ä", alarm_actions=[TOPIC]))
    await operations.put_composite_alarm(context, alarm_name="all", alarm_rule="ALARM(ä)", alarm_actions=[TOPIC])
    nodes = [Watchtower(database, ManualClock(NOW_MS)), Watchtower(other, ManualClock(NOW_MS))]
    for minute in range(3):
        for node in nodes:
            node.metrics.put("Errors", NOW_MS + minute * 60_000, 9 * (minute % 2))
        await asyncio.gather(*(node.at(minute + 1) for node in nodes))
    history = (await operations.describe_alarm_history(context, history_item_type="StateUpdate"))["AlarmHistoryItems"]
    assert Counter(item["HistorySummary"].removeprefix("Alarm updated from ") for item in history) == {
        "INSUFFICIENT_DATA to OK": 2,
        "OK to ALARM": 2,
        "ALARM to OK": 2,
    }
    assert len({message["message_id"] for node in nodes for message in node.topics.published}) == 2
    await operations.delete_alarms(context, alarm_names=["all", "ä"])
    other.close()
