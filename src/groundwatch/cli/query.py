"""`groundwatch query`: an Insights query, with its rows as a table, a chart or a file."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from groundwatch.cli.api import Wishes, connect
from groundwatch.cli.asking.asker import Asker, Progress, Question, Row
from groundwatch.cli.asking.files import check_file, write_file
from groundwatch.cli.asking.pieces import all_rows, is_row_by_row
from groundwatch.cli.asking.view import FORMATS, Watcher, show, show_chart, summary, tell, terminal
from groundwatch.cli.asking.words import complete_query
from groundwatch.cli.options import format_option, server_options
from groundwatch.cli.times import moment_ms, now_ms

LANGUAGES = ("CWLI", "SQL", "PPL")
GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]+")


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[GROUP]... QUERY", shell_complete=complete_query)
@click.option(
    "--start", default="1h", show_default=True, metavar="TIME", help="From when on: 90s, 10m, 2h, 1d or ISO 8601."
)
@click.option("--end", metavar="TIME", help="Until when, in the same forms. [default: now]")
@click.option(
    "--language",
    type=click.Choice(LANGUAGES, case_sensitive=False),
    default="CWLI",
    show_default=True,
    help="Language of the query: CWLI is that of Logs Insights.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), help="Most rows, if the query has none. [default: 10000]")
@format_option(*FORMATS)
@click.option("--chart", is_flag=True, help="Draw the result: lines over time, or bars.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all rows, without a limit, to FILE.ndjson, FILE.csv or FILE.parquet.",
)
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    words: tuple[str, ...],
    start: str,
    end: str | None,
    language: str,
    limit: int | None,
    form: str,
    chart: bool,
    out: Path | None,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> None:
    """Run a query of Logs Insights over log groups, given by name or ARN.

    While it runs, its progress and its first rows are shown; Ctrl-C stops it. A query that begins with SOURCE, and one
    in SQL, names its groups itself.

    With --out, a query that looks at each event alone (fields, display, filter, parse, unnest, expand) is run over ever
    smaller parts of the range until the rows of each fit into one result, so all of them are written, however many
    there are. Of other queries up to 100,000 rows are.
    """
    if out is not None:
        check_file(out)
        _refuse_beside_out(click.get_current_context(), chart=chart, limit=limit)
    _refuse_half_a_question(words, language)
    question = Question(
        groups=words[:-1],
        query=words[-1],
        start_s=moment_ms("--start", start, now_ms()) // 1000,
        end_s=now_ms() // 1000 if end is None else moment_ms("--end", end, now_ms()) // 1000,
        language=language,
        limit=limit,
    )
    asker = Asker(connect(Wishes(endpoint_url, profile, region, data), os.environ))
    if out is not None:
        _write(asker, question, out)
        return
    rows, last = _ask(asker, question)
    _show(rows, form, chart=chart)
    tell(f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'} · {summary(last)}")


def _refuse_half_a_question(words: Sequence[str], language: str) -> None:
    """Refuse a query that names no group, and a group without a query, in the words of this command."""
    query = words[-1]
    # SQL names its groups in FROM.
    if len(words) > 1 or language == "SQL" or "source" in query.lower():
        return
    if GROUP_NAME.fullmatch(query):
        example = f"groundwatch query {query} 'fields @message'"
        raise click.UsageError(f"{query!r} is a log group, and the query is missing; write for example `{example}`")
    raise click.UsageError("no log group is named; write it before the query, or begin the query with SOURCE")


def _refuse_beside_out(context: click.Context, *, chart: bool, limit: int | None) -> None:
    """Refuse what a file would silently lack."""
    if limit is not None:
        raise click.UsageError("--out writes all rows: instead of --limit, end the query with a limit command")
    if chart or context.get_parameter_source("form") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--out takes its form from the file's name: leave --format and --chart out")


def _ask(asker: Asker, question: Question) -> tuple[list[Row], Progress]:
    with Watcher(terminal()) as watcher:
        last, pages = asker.ask(question, watcher.watch)
        return [row for page in pages for row in page], last


def _show(rows: Sequence[Row], form: str, *, chart: bool) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character must not end the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    if chart and rows:
        if show_chart(rows, sys.stdout):
            return
        tell("there is no column of numbers to draw: give the query a stats command")
    show(rows, form, sys.stdout)


def _write(asker: Asker, question: Question, out: Path) -> None:
    with Watcher(terminal()) as watcher:
        count = write_file(out, all_rows(asker, question, watcher.watch), watcher.note_rows)
    tell(f"{count:,} {'row' if count == 1 else 'rows'} in {out}")
    if count == 100_000 and not is_row_by_row(question):
        tell("this is the most that one result has: there may be more rows")
