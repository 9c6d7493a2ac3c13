"""Connections to the event store: ClickHouse in the process (`chdb://`) or on a server (`http(s)://`).

One client runs one statement at a time, so concurrency is a pool of clients, each with a thread. Pools are separate by
purpose: a long search never holds a client that a short read or an insert needs.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import pyarrow as pa

from groundwatch.storage.embedded import EmbeddedClient
from groundwatch.storage.errors import (
    TOO_MUCH_MEMORY,
    StorageError,
    StorageUnavailableError,
    StoreMemoryError,
    engine_code,
)

T = TypeVar("T")
Purpose = Literal["write", "read", "search", "query", "upkeep", "care"]

Repair = Callable[["Client", StorageError], bool]
"""Mends what made a read of the embedded store fail, and returns whether it is worth another try."""

POOL_SIZES: dict[Purpose, int] = {"write": 1, "read": 3, "search": 2, "upkeep": 1, "care": 1}
"""Clients a purpose, but for queries, whose number is the operator's; care is what operators ask for: backups and
checks. One writer: group commit wants one insert at a time (docs/decisions/0003-group-commit.md)."""

MAX_REPAIRS = 10
"""How many broken parts one statement may come upon before its caller is told."""

MAX_LIST_CHARACTERS = 100_000
"""How long a bound list of numbers gets: a server refuses values above 128 KiB (http_max_field_value_size), and a
statement with more than 1 MiB never comes back from the embedded engine (chDB 4)."""

SETTINGS = {"use_query_condition_cache": "0"}
"""Of every statement."""

EMBEDDED_SETTINGS = {
    # Two cores are shared with the server itself; more threads only add memory and switches.
    "max_threads": "2",
    "max_insert_threads": "1",
    # Nobody reads the engine's own query log here, and writing it costs an insert a statement.
    "log_queries": "0",
}

MERGE_NICENESS = 5

EMBEDDED_OPTIONS = {
    # Two merges at a time, as there are two cores: more only hold more memory while events pour in.
    "background_pool_size": "2",
    "background_merges_mutations_concurrency_ratio": "1",
    # Merges, which build the skip index, take what processor time requests leave; parts that had to wait are merged
    # many at once, so fewer times (docs/decisions/0015-disk-and-merges.md). The process may be nice itself.
    "os_threads_nice_value_merge_mutate": str(min(os.nice(0) + MERGE_NICENESS, 19)),
    # The skip index of some 15 million events, which every search reads as a whole
    # (docs/decisions/0008-substring-index.md); the engine's default is none.
    "index_uncompressed_cache_size": str(64 << 20),
    "config-file": str(Path(__file__).with_name("embedded.xml")),
}


class Rows(Protocol):
    """The part of clickhouse-connect's result that the rooms use."""

    result_rows: Sequence[Sequence[Any]]
    result_columns: Sequence[Sequence[Any]]


class Client(Protocol):
    """The part of clickhouse-connect's client that the rooms use. Blocking; one statement at a time."""

    def query(
        self,
        query: str,
        parameters: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        *,
        query_formats: dict[str, str] | None = None,
    ) -> Rows:
        """Run a SELECT with server-side bound parameters (`{name:Type}`).

        `query_formats` says by type how columns are read: `{"String": "bytes"}` leaves text as it is stored.
        """

    def command(
        self, cmd: str, parameters: dict[str, Any] | None = None, settings: dict[str, Any] | None = None
    ) -> object:
        """Run a statement without a result set."""

    def insert(
        self,
        table: str,
        data: Sequence[Sequence[Any]],
        column_names: Sequence[str],
        *,
        column_type_names: Sequence[str],
        column_oriented: bool,
        settings: dict[str, Any] | None = None,
    ) -> object:
        """Insert columns; returns when the engine has written them as its table settings demand."""

    def insert_arrow(self, table: str, arrow_table: pa.Table, *, settings: dict[str, Any] | None = None) -> object:
        """Insert like `insert`, from columns under their names: what many rows are cheapest in."""

    def close(self) -> None:
        """Release the connection."""


class EventDatabase:
    """Pools of clients to one ClickHouse, used from the event loop.

    Raises `StorageUnavailableError` at construction when the engine cannot be opened, `StorageError` when a statement
    fails.
    """

    def __init__(
        self,
        url: str,
        *,
        connect: Callable[[str], Client] | None = None,
        repair: Repair | None = None,
        parallel_queries: int = 2,
    ) -> None:
        self.url = url
        # A query counts what it reads beside its own statement.
        self._sizes = POOL_SIZES | {"query": 2 * parallel_queries}
        self._repair = repair
        self._mends = True
        self.repairs = 0
        """Grows before and after each try to mend a part."""
        self.embedded = urlsplit(url).scheme == "chdb"
        self._connect = connect or open_client
        self._pools: dict[Purpose, _Pool] = {}
        self._first: Client | None = self._connect(url)

    async def run(self, purpose: Purpose, work: Callable[[Client], T]) -> T:
        """Return `work(client)`, run in a thread of the pool for `purpose`."""
        pool = self._pools.get(purpose)
        if pool is None:
            pool = self._pools[purpose] = _Pool(purpose, self._sizes[purpose], self._open)
        # An insert reads nothing, and its second try could store rows twice.
        mended = work if purpose == "write" else self._mending(work)
        return await asyncio.get_running_loop().run_in_executor(pool.executor, pool.run, mended)

    def run_now(self, work: Callable[[Client], T]) -> T:
        """Return `work(client)` on the calling thread; for set-up before the event loop runs."""
        client = self._open()
        try:
            return translated(work, client)
        finally:
            client.close()

    def stop_mending(self) -> None:
        """Let statements that come upon a broken part fail from now on: the process is about to end.

        To find out what of a part can be read takes seconds a fault, and the next process does it as well.
        """
        self._mends = False

    def close(self) -> None:
        """Finish what is running and close every client."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()
        if self._first is not None:
            self._first.close()
            self._first = None

    def _open(self) -> Client:
        return self._connect(self.url)

    def _mending(self, work: Callable[[Client], T]) -> Callable[[Client], T]:
        repair = self._repair
        if repair is None or not self.embedded:
            return work

        def mended(client: Client) -> T:
            for _ in range(MAX_REPAIRS):
                try:
                    return translated(work, client)
                except StorageError as error:
                    if not self._mends:
                        raise
                    # Before as well: what is read between the repair and the second count must not pass for sound.
                    self.repairs += 1
                    if not repair(client, error):
                        raise
                    self.repairs += 1
            return work(client)

        return mended


class _Pool:
    """Some threads, each with a client that it opens at first use."""

    def __init__(self, purpose: Purpose, size: int, connect: Callable[[], Client]) -> None:
        self.executor = ThreadPoolExecutor(size, thread_name_prefix=f"events-{purpose}")
        self._connect = connect
        self._local = threading.local()
        self._opened: queue.SimpleQueue[Client] = queue.SimpleQueue()

    def run(self, work: Callable[[Client], T]) -> T:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._connect()
            self._opened.put(client)
        return translated(work, client)

    def close(self) -> None:
        self.executor.shutdown()
        while not self._opened.empty():
            self._opened.get().close()


def portions(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut a list into parts that one statement each can take as a bound list; none for an empty one."""
    longest = max((len(str(number)) for number in numbers), default=0)
    size = MAX_LIST_CHARACTERS // (longest + len(", "))
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


def open_client(url: str) -> Client:
    """Return a client for `chdb:///path` (embedded; one process a directory) or `http(s)://user:key@host:port/db`."""
    # The engine is a gigabyte of machine code: it is loaded when a store is opened, not when this module is imported.
    import clickhouse_connect  # noqa: PLC0415
    from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415

    parts = urlsplit(url)
    try:
        if parts.scheme == "chdb":
            return _open_embedded(Path(parts.path))
        client = clickhouse_connect.get_client(
            dsn=url, settings=SETTINGS, autogenerate_session_id=False, show_clickhouse_errors=True
        )
    except (Error, OSError, RuntimeError) as error:
        # Without the URL, which may hold a password; whoever knows it can say it.
        raise StorageUnavailableError(f"cannot open the event store: {error}") from error
    return cast("Client", client)


def _open_embedded(path: Path) -> Client:
    import chdb  # noqa: PLC0415
    import clickhouse_connect  # noqa: PLC0415

    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = SETTINGS | EMBEDDED_SETTINGS
    client = clickhouse_connect.get_client(
        interface="chdb", path=str(path), settings=settings, chdb_options=EMBEDDED_OPTIONS
    )
    if not hasattr(os, "memfd_create"):
        # Only Linux has files in memory that are gone with their descriptor.
        return cast("Client", client)
    # The engine knows its directory by the very text that it was opened with.
    place = f"{path.resolve()}?{urlencode(EMBEDDED_OPTIONS)}"
    return EmbeddedClient(cast("Client", client), partial(chdb.connect, place), settings)


def translated(work: Callable[[Client], T], client: Client) -> T:
    """Return `work(client)`; the engine's errors become StorageError."""
    from clickhouse_connect.driver.exceptions import Error  # noqa: PLC0415

    try:
        return work(client)
    except Error as error:
        kind = StoreMemoryError if engine_code(error) == TOO_MUCH_MEMORY else StorageError
        raise kind(str(error)) from error
