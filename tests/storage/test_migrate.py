import pkgutil

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from groundwatch.storage import tables
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.errors import StorageUnavailableError
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    yield database
    database.close()


def test_migrations_make_exactly_the_declared_tables(database):
    for module in pkgutil.iter_modules(tables.__path__):
        __import__(f"{tables.__name__}.{module.name}")
    migrate(database.engine)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_migrating_again_changes_nothing(database):
    migrate(database.engine)
    migrate(database.engine)


def test_the_database_file_is_private(database, tmp_path):
    assert (tmp_path / "metadata.db").stat().st_mode & 0o777 == 0o600


async def test_a_failed_write_leaves_nothing(database):
    from sqlalchemy import text

    def half(connection):
        connection.execute(text("CREATE TABLE t (a INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
        raise LookupError

    await database.write(lambda connection: connection.execute(text("CREATE TABLE kept (a INTEGER)")))
    with pytest.raises(LookupError):
        await database.write(half)
    names = await database.read(
        lambda connection: connection.execute(text("SELECT name FROM sqlite_master WHERE type='table'")).all()
    )
    assert ("kept",) in names


async def test_only_what_is_written_ahead_does_not_wait_for_the_disk(database):
    def synchronous(connection):
        return connection.exec_driver_sql("PRAGMA synchronous").scalar_one()

    def fail(connection):
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        raise LookupError

    full, normal = 2, 1
    await database.write(lambda connection: connection.exec_driver_sql("CREATE TABLE t (a INTEGER)"))
    await database.write_ahead(lambda connection: connection.exec_driver_sql("INSERT INTO t VALUES (1)"))
    with pytest.raises(LookupError):
        await database.write_ahead(fail)
    assert await database.write_ahead(synchronous) == normal
    assert await database.write(synchronous) == full
    await database.sync()
    assert await database.read(lambda connection: connection.exec_driver_sql("SELECT a FROM t").all()) == [(1,)]


async def test_there_may_be_nothing_to_sync(tmp_path):
    unused = Database(f"sqlite:///{tmp_path}/unused.db")
    await unused.sync()
    unused.close()


def test_an_unreachable_event_store_is_one_named_error():
    with pytest.raises(StorageUnavailableError, match=r"^cannot open the event store: ") as refused:
        EventDatabase("http://reader:secret@127.0.0.1:9/default")
    assert "secret" not in str(refused.value)
