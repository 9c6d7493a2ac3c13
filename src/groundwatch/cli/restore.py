"""`groundwatch restore`: a backup into an empty data directory."""

from __future__ import annotations

from pathlib import Path

import click

from groundwatch.cli.copy_progress import watched
from groundwatch.cli.options import data_option_for


@click.command(short_help="Restore a backup into an empty data directory.")
@click.argument("backup", metavar="BACKUP", type=click.Path(path_type=Path, exists=True, file_okay=False))
@data_option_for("Where the backup goes: an empty directory, or a new one.")
def command(*, backup: Path, data: Path) -> int:
    """Restore a backup, a directory that `groundwatch backup` made, into an empty data directory.

    Every file is compared with the manifest. Then `groundwatch serve` with that directory goes on where the backup is:
    with the same log groups, events, users, keys, APIs and certificates.
    """
    from groundwatch.cli.stopped_server import held, settings_of, sources_of  # noqa: PLC0415 - heavy to import
    from groundwatch.upkeep.copying import Progress  # noqa: PLC0415
    from groundwatch.upkeep.restore import Places, restore  # noqa: PLC0415

    settings = settings_of(data)
    sources = sources_of(settings)
    places = Places(settings.data, sources.events, dict(sources.databases))
    progress = Progress()
    with held(settings.data), watched("restore", lambda: (progress.done_bytes, progress.total_bytes)):
        manifest = restore(backup, places, progress)
    events = next((table.rows for table in manifest.tables if table.name == "events"), 0)
    click.echo(
        f"{settings.data}: {events:,} events as of {manifest.created}, made by Groundwatch {manifest.groundwatch}"
    )
    return 0
