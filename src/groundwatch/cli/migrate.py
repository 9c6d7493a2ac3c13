"""`groundwatch migrate`: log groups from the real CloudWatch Logs to this server, or back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import botocore.exceptions
import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from groundwatch.cli.api import Wishes, connect, describe_error
from groundwatch.cli.migration.ends import End, foreign_end
from groundwatch.cli.migration.events import EventsCopy, Show
from groundwatch.cli.migration.progress_file import ProgressFile
from groundwatch.cli.migration.settings import SettingsCopy
from groundwatch.cli.options import server_options
from groundwatch.cli.terminal import Terminal
from groundwatch.cli.times import moment_ms, now_ms

Groups = Sequence[Mapping[str, Any]]


@click.command()
@click.argument("groups", metavar="GROUP|PREFIX*...", nargs=-1, required=True)
@click.option("--from-profile", metavar="NAME", help="Profile in ~/.aws of the other account.")
@click.option("--from-region", metavar="REGION", help="Region of the other account.  [default: the profile's]")
@click.option("--from-endpoint-url", metavar="URL", help="Where its CloudWatch Logs is, if not at AWS.")
@click.option("--back", is_flag=True, help="Copy from this server to the other account.")
@click.option("--events", is_flag=True, help="Copy the events, too.")
@click.option("--since", "since_text", metavar="TIME", help="Only events from then on: 12h, 30d, or ISO 8601.")
@click.option(
    "--progress-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    default="groundwatch-migrate.db",
    show_default=True,
    help="How far each stream is; an interrupted run goes on from there.",
)
@click.option("--in-flight", type=click.IntRange(1, 32), default=4, show_default=True, help="Streams at a time.")
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    groups: tuple[str, ...],
    from_profile: str | None,
    from_region: str | None,
    from_endpoint_url: str | None,
    back: bool,
    events: bool,
    since_text: str | None,
    progress_file: Path,
    in_flight: int,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> int:
    """Copy log groups with their settings, filters and alarms, and with --events their events.

    The groups come from the real CloudWatch Logs, or whatever speaks its API, and go to this server; --back turns that
    round. A final * stands for any end of a name. Whatever was copied before is not copied again, event by event, so a
    run can be repeated. Events older than two weeks need a server with --max-event-age-days. The exit code is 1 when
    something was left out.
    """
    here = _here(Wishes(endpoint_url, profile, region, data))
    other = foreign_end(from_profile, from_endpoint_url, from_region or here.logs.meta.region_name)
    source, target = (here, other) if back else (other, here)
    until_ms = now_ms()
    since_ms = 0 if since_text is None else moment_ms("--since", since_text, until_ms)
    try:
        found = _found(source, groups)
        settings = SettingsCopy(source, target)
        for group in found:
            settings.copy(group)
        click.echo(f"{len(found)} log groups copied from {source.name} to {target.name}")
        for note in settings.notes:
            click.echo(f"left out: {note.group}: {note.what}: {note.why}", err=True)
        if not events:
            return 1 if settings.notes else 0
        with ProgressFile(progress_file, source.name, target.name) as progress:
            copy = EventsCopy(source, target, progress, since_ms=since_ms, until_ms=until_ms)
            _copy_events(copy, found, in_flight)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise click.ClickException(describe_error(error, f"{source.name} or {target.name}")) from error
    except sqlite3.Error as error:
        raise click.ClickException(f"{progress_file} cannot be used: {error}; name another --progress-file") from error
    return _report(copy, left_out=bool(settings.notes))


def _here(wishes: Wishes) -> End:
    logs = connect(wishes, os.environ)
    return End(logs.endpoint_url, lambda service: connect(wishes, os.environ, service).api)


def _found(source: End, wanted: Sequence[str]) -> Groups:
    found: dict[str, Mapping[str, Any]] = {}
    for word in wanted:
        groups = {str(group["logGroupName"]): group for group in source.groups(word)}
        if not groups:
            raise click.ClickException(f"{source.name} has no log group {word}")
        found |= groups
    return list(found.values())


def _copy_events(copy: EventsCopy, groups: Groups, in_flight: int) -> None:
    with _progress(sum(int(group.get("storedBytes", 0)) for group in groups)) as show:
        for group in groups:
            copy.copy(str(group["logGroupName"]), show, in_flight=in_flight)


@contextmanager
def _progress(total_bytes: int) -> Iterator[Show]:
    """Show a progress bar on stderr while it is a terminal."""
    console = Terminal(stderr=True)
    if not console.is_terminal:
        yield lambda _events, _size: None
        return
    columns = (
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total_bytes or None, events=0)
        seen = 0

        def show(events: int, size: int) -> None:
            nonlocal seen
            seen += events
            progress.update(task, advance=size, events=seen)

        yield show


def _report(copy: EventsCopy, *, left_out: bool) -> int:
    for reason, number in sorted(copy.rejected.items()):
        hint = "; start the server with --max-event-age-days" if "14 days" in reason else ""
        click.echo(f"rejected: {number:,} events: each {reason}{hint}", err=True)
    click.echo(f"{copy.copied:,} events copied, {copy.present:,} were there already")
    return 1 if left_out or copy.rejected else 0
