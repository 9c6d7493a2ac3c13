"""`groundwatch tail`: the newest events of a log group, and those that come."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from groundwatch.cli.api import Wishes, api_errors, connect
from groundwatch.cli.follow import Fetch, Follower, FoundEvent, Query, newest, since
from groundwatch.cli.interrupts import Interrupts
from groundwatch.cli.options import format_option, server_options
from groundwatch.cli.show import FORMATS, Printer
from groundwatch.cli.times import moment_ms, now_ms

POLL_INTERVAL_S = 1.0
DEFAULT_LAST = 10


@click.command()
@click.argument("group")
@click.option("-f", "--follow", is_flag=True, help="Go on with the events that come, until Ctrl-C.")
@click.option("--filter", "pattern", metavar="PATTERN", help="Only events that match this filter pattern.")
@click.option(
    "-n",
    "--last",
    metavar="LAST",
    type=click.IntRange(0),
    help=f"Start with this many events. [default: {DEFAULT_LAST}, or all with --since]",
)
@click.option("--stream", metavar="NAME", help="Only events of this log stream.")
@click.option("--since", "since_text", metavar="TIME", help="Only events from then on: 90s, 10m, 2h, 1d, or ISO 8601.")
@format_option(*FORMATS)
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    group: str,
    follow: bool,
    pattern: str | None,
    last: int | None,
    stream: str | None,
    since_text: str | None,
    form: str,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> None:
    """Show the newest events of a log group, in local time.

    A filter pattern is that of CloudWatch Logs: words that must all occur, "a phrase", -word for one that must not.
    """
    start_ms = None if since_text is None else moment_ms("--since", since_text, now_ms())
    client = connect(Wishes(endpoint_url, profile, region, data), os.environ)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character must not end the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    printer = Printer(sys.stdout, form)

    def fetch(request: dict[str, Any]) -> dict[str, Any]:
        with api_errors(client.endpoint_url):
            return dict(client.api.filter_log_events(**request))

    query = Query(group, stream, pattern)
    shown = _show_first(fetch, query, printer, last, start_ms)
    if follow:
        with Interrupts() as interrupts:
            _show_further(Follower(fetch, query, now_ms), shown, printer, interrupts.pause)


def _show_first(
    fetch: Fetch, query: Query, printer: Printer, last: int | None, start_ms: int | None
) -> list[FoundEvent]:
    """Show what is there and return the newest of it, from which following goes on."""
    if last is None and start_ms is not None:
        tail: list[FoundEvent] = []
        for page in since(fetch, query, start_ms):
            printer.write(page)
            tail = page or tail
        return tail
    count = DEFAULT_LAST if last is None else last
    # With `-n 0` one event is still asked for: following starts from its time.
    found = newest(fetch, query, max(count, 1), start_ms)
    printer.write(found[len(found) - min(count, len(found)) :])
    return found


def _show_further(
    follower: Follower, shown: Iterable[FoundEvent], printer: Printer, sleep: Callable[[float], None]
) -> None:
    for page in follower.prime(list(shown)):
        printer.write(page)
    while True:
        sleep(POLL_INTERVAL_S)
        for page in follower.poll():
            printer.write(page)
