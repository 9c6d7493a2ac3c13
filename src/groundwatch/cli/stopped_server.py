"""The settings and the data directory of a server that is stopped, for commands that work on its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from groundwatch.config import Settings, StartupError, load
from groundwatch.data_directory import open_data_directory
from groundwatch.upkeep.backup import Sources, embedded_sources
from groundwatch.upkeep.errors import BackupError

SERVERS_HINT = (
    "the stores of this server are servers of their own: back up the events with ClickHouse's BACKUP, then the "
    "metadata with pg_dump (docs/backup.md)"
)


def settings_of(data: Path) -> Settings:
    """Return the settings that `groundwatch serve --data DATA` would have here."""
    try:
        return load({"data": str(data)}, os.environ)
    except StartupError as error:
        raise click.ClickException(str(error)) from error


def sources_of(settings: Settings) -> Sources:
    """Return what belongs to the server. Raises click.ClickException when its stores are elsewhere."""
    sources = embedded_sources(settings.data, settings.events_url, settings.metadata_url)
    if sources is None:
        raise click.ClickException(SERVERS_HINT)
    return sources


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Keep servers from the data directory meanwhile; errors of backups become one line."""
    try:
        directory = open_data_directory(data)
    except StartupError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    finally:
        directory.close()
