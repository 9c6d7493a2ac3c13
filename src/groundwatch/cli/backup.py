"""`groundwatch backup`: asks the running server for a backup and waits for it, or backs up a stopped one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from groundwatch.cli.api import ServiceClient, Wishes, api_errors, connect
from groundwatch.cli.copy_progress import progress_bar, watched
from groundwatch.cli.options import data_option_for

POLL_S = 0.3
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@click.command(short_help="Back up a running server, or the data directory of a stopped one.")
@click.argument("name", metavar="[NAME|DIRECTORY]", required=False)
@click.option("--offline", is_flag=True, help="Back up the stopped server of --data into DIRECTORY, a new one.")
@data_option_for("Data directory of the server.")
@click.option("--profile", metavar="NAME", help="Profile in ~/.aws whose credentials are used.")
@click.option("--endpoint-url", metavar="URL", help="The server's service port.")
def command(*, name: str | None, offline: bool, data: Path, profile: str | None, endpoint_url: str | None) -> int:
    """Back up a running server, or the data directory of a stopped one.

    The running server writes the backup, as the directory NAME (the time by default) in the directory that it was
    started with (serve --backup-directory), and goes on with its work. Only principals of the operator's account may
    ask for it, if their policies allow groundwatch:StartBackup and groundwatch:DescribeBackup.

    A backup holds every event that was acknowledged before it began, and secrets: access keys, private keys of TLS.
    """
    if offline:
        if name is None:
            raise click.UsageError("--offline: name the DIRECTORY that the backup becomes")
        return _back_up_stopped(data, Path(name).expanduser().absolute())
    wanted = name or time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
    if not NAME.fullmatch(wanted):
        raise click.UsageError(
            f"{wanted!r} is no name of a backup (letters, digits and . _ -); the server keeps backups in its own "
            "directory, and --offline writes anywhere"
        )
    client = connect(Wishes(endpoint_url, profile, None, data), os.environ, "groundwatch")
    return _report(_wait(client, wanted))


def _wait(client: ServiceClient, name: str) -> Mapping[str, Any]:
    with api_errors(client.endpoint_url), progress_bar("backup") as show:
        backup: Mapping[str, Any] = client.api.start_backup(name=name)["backup"]
        while backup["state"] == "RUNNING":
            time.sleep(POLL_S)
            backup = client.api.describe_backup(name=name)["backup"]
            show(backup["copiedBytes"], backup["totalBytes"])
    return backup


def _report(backup: Mapping[str, Any]) -> int:
    if backup["state"] != "COMPLETED":
        raise click.ClickException(f"the backup failed: {backup.get('reason', 'the server does not say why')}")
    click.echo(f"{backup['path']}: {backup['events']:,} events, {backup['totalBytes']:,} bytes")
    return 0


def _back_up_stopped(data: Path, directory: Path) -> int:
    # The embedded engine is heavy to import, and a running server needs none of it here.
    from groundwatch.cli.stopped_server import held, settings_of, sources_of  # noqa: PLC0415
    from groundwatch.upkeep.copying import Progress  # noqa: PLC0415
    from groundwatch.upkeep.stopped import back_up  # noqa: PLC0415

    settings = settings_of(data)
    if not settings.data.is_dir():
        raise click.ClickException(f"{settings.data} does not exist; name the data directory with --data")
    progress = Progress()
    with held(settings.data), watched("backup", lambda: (progress.done_bytes, progress.total_bytes)):
        manifest = back_up(sources_of(settings), directory, progress)
    events = next((table.rows for table in manifest.tables if table.name == "events"), 0)
    click.echo(f"{directory}: {events:,} events, {manifest.size_bytes:,} bytes")
    return 0
