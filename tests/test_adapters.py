"""The gateway's calls into the services: whole, whoever gives them up."""

import asyncio
import threading

import pytest

from groundwatch.app.adapters import Backend
from groundwatch.aws.authentication import UnverifiedAuthenticator
from groundwatch.aws.context import Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.identity.access import AllowAll
from groundwatch.logs.catalog import LogCatalog, Tenant
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import logs as _tables  # noqa: F401 - declares the tables
from groundwatch.storage.tables import metadata

TENANT = Tenant("100000000001", "us-east-1")
CALLER = Principal("100000000001", "arn:aws:iam::100000000001:root", "Account", "100000000001")
HEADERS = (("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "Logs_20140328.DeleteLogGroup"))
REQUEST = WireRequest("POST", "/", "", HEADERS, b'{"logGroupName": "g"}', "127.0.0.1")


class Deletes:
    """Operations that delete a log group."""

    def __init__(self, catalog: LogCatalog) -> None:
        self._catalog = catalog

    async def delete_log_group(self, context, log_group_name: str) -> None:
        await self._catalog.delete_group(await self._catalog.group(TENANT, log_group_name))


class Halting(Database):
    """Writes that halt before they commit, once `halts` is set, until they may go on."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.halts = False
        self.halted, self.may_go_on = threading.Event(), threading.Event()

    async def write(self, work):
        def halting(connection):
            result = work(connection)
            if self.halts:
                self.halted.set()
                self.may_go_on.wait(10)
            return result

        return await super().write(halting)


@pytest.fixture
def database(tmp_path):
    database = Halting(f"sqlite:///{tmp_path}/metadata.db")
    metadata.create_all(database.engine)
    yield database
    database.close()


async def test_a_call_that_is_given_up_is_not_left_half_done(database):
    """A group that was deleted, but whose name leads to it as before, would take in events and lose them."""
    catalog, backend = LogCatalog(database, lambda: 1), Backend()
    service, keys = Service("logs", Deletes(catalog), lambda *_: []), UnverifiedAuthenticator(CALLER, "us-east-1")
    backend.port = ServicePort([service], keys, AllowAll(), default_region="us-east-1", clock_ms=lambda: 1)
    await catalog.create_group(TENANT, "g")
    await catalog.group(TENANT, "g")
    database.halts = True
    call = asyncio.ensure_future(backend.call("logs", REQUEST, CALLER, region="us-east-1", source_arn=""))
    await asyncio.to_thread(database.halted.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    database.may_go_on.set()
    # Behind it in the line of writes.
    await catalog.create_group(TENANT, "other")
    with pytest.raises(ServiceError, match="does not exist"):
        await catalog.group(TENANT, "g")
