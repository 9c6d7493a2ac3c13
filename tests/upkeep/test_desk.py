"""Backups of a running server: one at a time, where the operator said, and whole or not at all."""

import asyncio
import contextlib
import sqlite3

import pytest
from tests.upkeep.conftest import ROWS

from groundwatch.aws.errors import ServiceError
from groundwatch.upkeep.backup import Sources, embedded_sources
from groundwatch.upkeep.desk import BackupDesk
from groundwatch.upkeep.frozen import freeze
from groundwatch.upkeep.manifest import read_manifest


class Hold(contextlib.AbstractAsyncContextManager):
    """Where deletions wait; a test may keep the backup waiting, too."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.held = 0

    async def __aenter__(self):
        await self.open.wait()
        self.held += 1

    async def __aexit__(self, *_):
        self.held -= 1


@pytest.fixture
def sources(store, tmp_path) -> Sources:
    data = tmp_path / "data"
    data.mkdir()
    with contextlib.closing(sqlite3.connect(data / "metadata.db")) as connection:
        connection.execute("CREATE TABLE log_groups (id INTEGER PRIMARY KEY)")
        connection.commit()
    store.fill(groups=2)
    return Sources(data, store.path, {"metadata.db": data / "metadata.db", "deliveries.db": data / "none.db"})


async def ended(desk: BackupDesk, name: str):
    await asyncio.wait([desk._task])
    return desk.find(name)


async def test_a_backup_while_events_arrive(sources, store, tmp_path):
    desk = BackupDesk(tmp_path / "backups", sources, store.database, Hold())
    assert desk.start("a").describe()["state"] == "RUNNING"
    done = await ended(desk, "a")
    assert (done.state, done.events, done.reason) == ("COMPLETED", 2 * ROWS, "")
    manifest = read_manifest(tmp_path / "backups" / "a")
    assert manifest.size_bytes == done.progress.done_bytes == done.progress.total_bytes
    assert {file.path for file in manifest.files if file.path.startswith("files/")} == {"files/metadata.db"}
    assert not (store.path / "shadow" / "groundwatch_backup").exists()


async def test_one_at_a_time_and_each_name_once(sources, store, tmp_path):
    hold = Hold()
    hold.open.clear()
    desk = BackupDesk(tmp_path / "backups", sources, store.database, hold)
    desk.start("a")
    with pytest.raises(ServiceError, match="A backup is running"):
        desk.start("b")
    hold.open.set()
    assert (await ended(desk, "a")).state == "COMPLETED"
    with pytest.raises(ServiceError, match="exists already"):
        desk.start("a")
    with pytest.raises(ServiceError, match="No backup called b"):
        desk.find("b")
    assert hold.held == 0


async def test_what_a_killed_server_held_for_a_backup_is_let_go(sources, store, tmp_path):
    store.database.run_now(lambda client: freeze(client, store.path))
    links = store.path / "shadow" / "groundwatch_backup"
    assert links.exists()
    await BackupDesk(None, sources, store.database, Hold()).begin()
    assert not links.exists()


async def test_a_server_that_stops_leaves_nothing(sources, store, tmp_path):
    hold = Hold()
    hold.open.clear()
    desk = BackupDesk(tmp_path / "backups", sources, store.database, hold)
    backup = desk.start("a")
    hold.open.set()
    await desk.stop()
    assert (backup.state, backup.reason) == ("FAILED", "the server stopped before the backup was complete")
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(
            lambda s: (s.data / "metadata.db").write_bytes(b"no database" * 100), "not a database", id="metadata"
        ),
        pytest.param(lambda s: (s.data.parent / "backups").write_bytes(b""), "cannot write", id="a file in its place"),
    ],
)
async def test_what_fails_says_why(sources, store, tmp_path, spoil, reason):
    spoil(sources)
    desk = BackupDesk(tmp_path / "backups", sources, store.database, Hold())
    desk.start("a")
    backup = await ended(desk, "a")
    assert backup.state == "FAILED"
    assert reason in backup.reason
    assert not (tmp_path / "backups" / "a").exists()


@pytest.mark.parametrize(
    ("events_url", "metadata_url", "embedded"),
    [
        ("chdb:///d/events", "sqlite:////d/metadata.db", True),
        ("http://host:8123/db", "sqlite:////d/metadata.db", False),
        ("chdb:///d/events", "postgresql://host/db", False),
    ],
)
async def test_stores_that_are_servers_have_their_own_backups(tmp_path, events_url, metadata_url, embedded):
    sources = embedded_sources(tmp_path, events_url, metadata_url)
    assert (sources is not None) == embedded
    if not embedded:
        with pytest.raises(ServiceError, match="pg_dump"):
            BackupDesk(tmp_path, sources, None, Hold()).start("a")


async def test_without_a_directory_there_are_no_backups(sources, store):
    with pytest.raises(ServiceError, match="--backup-directory"):
        BackupDesk(None, sources, store.database, Hold()).start("a")
