"""Runs the two ports from start to stop."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from alembic.util.exc import CommandError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from groundwatch import listeners, welcome
from groundwatch.app.local_certificates import Renewal, utc_now
from groundwatch.app.server import Server
from groundwatch.config import Address, Settings, StartupError, redact_url
from groundwatch.credentials_file import credentials_path
from groundwatch.data_directory import open_data_directory
from groundwatch.journal import Journal
from groundwatch.listeners import Listener
from groundwatch.sni import HostCertificates
from groundwatch.storage.errors import StorageError
from groundwatch.tls import ServerTls, set_up_tls

log = logging.getLogger(__name__)

GC_THRESHOLDS = (20_000, 20, 50)
"""A put of 1,000 events makes thousands of objects, none of them in a cycle, and by default each is looked at twice."""


def run(settings: Settings) -> None:
    """Serve until a signal stops the process. Raises StartupError with one line for the operator."""
    listeners.run(serve(settings, Console()))


async def serve(settings: Settings, console: Console) -> None:
    """Open everything, answer on both ports, and close everything in the opposite order."""
    journal = Journal()
    journal.install(settings.log_level)
    async with AsyncExitStack() as opened:
        opened.callback(journal.uninstall)
        data = open_data_directory(settings.data)
        opened.callback(data.close)
        # The ports are taken before the engine is opened, so that a busy one costs nothing.
        service_port = listeners.bind("service", settings.service)
        opened.callback(service_port.close)
        gateway_port = listeners.bind("gateway", settings.gateway)
        opened.callback(gateway_port.close)
        with _explained(settings):
            tls = _Tls.of(settings)
            server = Server(settings, journal)
        opened.callback(server.close)
        if tls.gateway is not None:
            domains = HostCertificates(settings.tls_domains, server.certificate_of, tls.gateway.files)
            domains.install(tls.gateway.context)
        if tls.service is not None:
            HostCertificates(None, lambda _: None, tls.service.files).install(tls.service.context)
        if "auto" in (settings.tls, settings.service_tls):
            renewal = Renewal(settings.data / "tls", _certified_hosts(settings))
            renewal.start()
            opened.push_async_callback(renewal.stop)
        endpoint = _url("http" if tls.service is None else "https", service_port.address)
        gateway_url = _url("http" if tls.gateway is None else "https", gateway_port.address)
        greeting = await _start(server, settings, tls, endpoint, gateway_url)

        def on_ready(_addresses: list[Address]) -> None:
            _calm_collector()
            log.info("ready: service port %s, gateway port %s", endpoint, gateway_url)
            welcome.show(greeting, console)

        await listeners.serve(
            _listeners(settings, server, tls),
            [service_port, gateway_port],
            on_ready=on_ready,
            on_stop=server.stop,
        )


async def _start(server: Server, settings: Settings, tls: _Tls, endpoint: str, gateway_url: str) -> welcome.Welcome:
    try:
        with _explained(settings):
            await server.start(endpoint, tls.service)
        return welcome.Welcome(
            service_url=endpoint,
            gateway_url=gateway_url,
            credentials=credentials_path(settings.data),
            program=_program(),
            auth_off=settings.auth == "off",
            gateway_authority=tls.gateway.authority if tls.gateway else None,
            first_request=await server.first_request(gateway_url),
        )
    except BaseException:
        # What has begun by then works with the stores, which are closed next.
        await server.stop()
        raise


def _listeners(settings: Settings, server: Server, tls: _Tls) -> list[Listener]:
    service_tls = tls.service.context if tls.service else None
    gateway_tls = tls.gateway.context if tls.gateway else None
    return [
        Listener("service", settings.service, server.service_app, service_tls, server.end_streams),
        Listener("gateway", settings.gateway, server.gateway_app, gateway_tls),
    ]


def _calm_collector() -> None:
    """Keep the collector of garbage from looking through what lives as long as the process at every collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


@contextlib.contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Raise StartupError, with one line for the operator, for what databases and files may have against a start."""
    metadata_url = redact_url(settings.metadata_url)
    try:
        yield
    except StorageError as error:
        reason = str(error).partition("\n")[0]
        raise StartupError(f"{reason}; check --events-url {redact_url(settings.events_url)}") from error
    except SQLAlchemyError as error:
        reason = str(error).partition("\n")[0]
        queue = settings.data / "deliveries.db"
        raise StartupError(f"cannot open {metadata_url}: {reason}; check --metadata-url, and {queue}") from error
    except CommandError as error:
        raise StartupError(
            f"{metadata_url} has been used by a newer version: {error}; start that version, or restore a backup"
        ) from error
    except ModuleNotFoundError as error:
        raise StartupError(
            f"cannot open {metadata_url}: {error.name} is not installed; write postgresql:// in --metadata-url"
        ) from error
    except OSError as error:
        place = error.filename or settings.data
        raise StartupError(
            f"cannot use {place}: {error.strerror or error}; check what is there and whose it is"
        ) from error


class _Tls(msgspec.Struct, frozen=True):
    """What the two listeners need to speak TLS, None where they speak plain HTTP."""

    service: ServerTls | None
    gateway: ServerTls | None

    @classmethod
    def of(cls, settings: Settings) -> _Tls:
        hosts, now = _certified_hosts(settings), utc_now()
        directory = settings.data / "tls"
        return cls(
            set_up_tls(settings.service_tls, directory, hosts, now), set_up_tls(settings.tls, directory, hosts, now)
        )


def _certified_hosts(settings: Settings) -> tuple[str, ...]:
    # APIs are known by the region's name, too, and a wildcard is good for one label only.
    return (settings.service.host, settings.gateway.host, f"*.execute-api.{settings.region}.localhost")


def _program() -> str:
    """Return the path by which this command was started, so that it works from any directory; else its name."""
    started = Path(sys.argv[0])
    return str(started.absolute()) if started.is_file() else "groundwatch"


def _url(scheme: str, address: Address) -> str:
    """Return the URL by which a client on this machine reaches a listener."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound
    reachable = Address(everywhere.get(address.host, address.host), address.port)
    return f"{scheme}://{reachable}"
