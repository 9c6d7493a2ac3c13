"""`groundwatch doctor`: what is wrong with a server's data, as a table, with what to do about it."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import msgspec
from rich.table import Column, Table
from rich.text import Text

from groundwatch.cli.api import ServiceClient, Wishes, api_errors, connect
from groundwatch.cli.copy_progress import progress_bar
from groundwatch.cli.options import data_option_for, format_option
from groundwatch.cli.show import visible
from groundwatch.cli.stopped_server import SERVERS_HINT, settings_of
from groundwatch.cli.terminal import Terminal
from groundwatch.config import Settings, StartupError, TlsFiles
from groundwatch.data_directory import RESTORE_MARK, DataDirectoryInUseError, open_data_directory
from groundwatch.upkeep.backup import embedded_sources
from groundwatch.upkeep.file_checks import check_files
from groundwatch.upkeep.findings import Finding, State, worst

STYLES: Mapping[State, str] = {"ok": "green", "warning": "yellow", "failing": "bold red"}
ASKING_HINT = "name the server and an identity that may ask it: --endpoint-url, --profile (groundwatch:Examine)"
OnParts = Callable[[int, int], None]


@click.command(short_help="Say what is wrong with a server's data, and what to do.")
@data_option_for("Data directory of the server.")
@format_option("pretty", "json")
@click.option("--profile", metavar="NAME", help="Profile in ~/.aws whose credentials are used.")
@click.option("--endpoint-url", metavar="URL", help="The server's service port.")
def command(*, data: Path, form: str, profile: str | None, endpoint_url: str | None) -> int:
    """Say what is wrong with a server's data, and what to do.

    Checks the data directory, the disk, secrets, certificates, the clock, both databases, and reads every part of the
    event store. A running server checks its stores itself (groundwatch:Examine); of a stopped one the files are opened
    here. Nothing is changed. The exit code is 1 when something fails.
    """
    settings = settings_of(data)
    findings = [_versions(), *check_files(settings.data, _certificates(settings), dt.datetime.now(dt.UTC))]
    # What stops a server stops these checks, too, and is told above.
    if settings.data.is_dir() and not (settings.data / RESTORE_MARK).exists():
        with progress_bar("parts") as show:
            counted = _CountedParts(show)
            findings += _stores(settings, Wishes(endpoint_url, profile, None, data), counted)
        findings += counted.all_sound(findings)
    if form == "json":
        click.echo(json.dumps([msgspec.to_builtins(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        _show(findings)
    return 1 if worst(findings) == "failing" else 0


class _CountedParts:
    """Passes on how many parts are checked, and remembers it."""

    def __init__(self, show: OnParts) -> None:
        self._show = show
        self._checked = 0

    def __call__(self, checked: int, parts: int) -> None:
        self._checked = checked
        self._show(checked, parts)

    def all_sound(self, findings: list[Finding]) -> list[Finding]:
        """Return the finding that no part is broken; nothing when one is, or none was read."""
        broken = any(finding.check.startswith("part ") and finding.state == "failing" for finding in findings)
        if broken or not self._checked:
            return []
        return [Finding("parts", "ok", f"all {self._checked} agree with their checksums")]


def _versions() -> Finding:
    version = importlib.metadata.version("groundwatch")
    engine = importlib.metadata.version("chdb")
    shown = f"Groundwatch {version}, Python {platform.python_version()}, chDB {engine}, SQLite {sqlite3.sqlite_version}"
    return Finding("versions", "ok", shown)


def _certificates(settings: Settings) -> list[Path]:
    given = [mode.certificate for mode in (settings.tls, settings.service_tls) if isinstance(mode, TlsFiles)]
    return given + (sorted(settings.tls_domains.glob("*.pem")) if settings.tls_domains else [])


def _stores(settings: Settings, wishes: Wishes, show: OnParts) -> list[Finding]:
    from groundwatch.upkeep.stopped import examine  # noqa: PLC0415 - heavy to import

    try:
        directory = open_data_directory(settings.data)
    except DataDirectoryInUseError:
        try:
            return _ask_server(connect(wishes, os.environ, "groundwatch"), show)
        except click.ClickException as error:
            # What was found about the files is shown all the same.
            return [Finding("stores", "failing", f"the server was not asked: {error.format_message()}", ASKING_HINT)]
    except StartupError as error:
        return [Finding("stores", "failing", str(error), "run as the user of the server")]
    try:
        sources = embedded_sources(settings.data, settings.events_url, settings.metadata_url)
        if sources is None:
            return [Finding("stores", "warning", "not checked: the server does not run", SERVERS_HINT)]
        return examine(sources, int(dt.datetime.now(dt.UTC).timestamp() * 1000), show)
    finally:
        directory.close()


def _ask_server(client: ServiceClient, show: OnParts) -> list[Finding]:
    findings: list[Finding] = []
    more: dict[str, str] = {}
    with api_errors(client.endpoint_url):
        while True:
            answer = client.api.examine(**more)
            findings += [msgspec.convert(each, Finding) for each in answer["findings"]]
            show(answer["checkedParts"], answer["parts"])
            if "nextToken" not in answer:
                return findings
            more = {"nextToken": answer["nextToken"]}


def _show(findings: list[Finding]) -> None:
    console = Terminal(highlight=False)
    # Folded, not cut: the advice holds paths to copy.
    what = Column("what", overflow="fold")
    table = Table("check", "state", what, box=None, pad_edge=False, header_style="dim")
    for finding in findings:
        text = visible(finding.text) + (f"\n→ {visible(finding.advice)}" if finding.advice else "")
        # As they are: brackets in a name are no markup.
        table.add_row(Text(visible(finding.check)), Text(finding.state, STYLES[finding.state]), Text(text))
    console.print_whole(table)
