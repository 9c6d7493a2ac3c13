"""`python -m benchmarks [NAME…]`: runs the benchmarks, prints a table, and fails when a target is missed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from rich.console import Console

from benchmarks import (
    alarms,
    disk,
    fan_out,
    filter_log_events,
    gateway_apis,
    gateway_cache,
    gateway_compile,
    gateway_memory,
    get_log_events,
    insights,
    large_store,
    many_names,
    metric_filters,
    metrics,
    patterns,
    put_log_events,
    start,
    sustained,
    walk,
)
from benchmarks.client import LoadError
from benchmarks.report import Report, Row, machine_facts, markdown_rows, terminal_table, to_json
from benchmarks.servers import ServerError
from benchmarks.settings import Settings


class Benchmark(msgspec.Struct, frozen=True):
    """One entry of the table below."""

    name: str
    run: Callable[[Settings], list[Row]]


BENCHMARKS = (
    Benchmark(start.NAME, start.run),
    Benchmark(get_log_events.NAME, get_log_events.run),
    Benchmark(put_log_events.NAME, put_log_events.run),
    Benchmark(sustained.NAME, sustained.run),
    Benchmark(walk.NAME, walk.run),
    Benchmark(large_store.NAME, large_store.run),
    Benchmark(many_names.NAME, many_names.run),
    Benchmark(disk.NAME, disk.run),
    Benchmark(fan_out.NAME, fan_out.run),
    Benchmark(metric_filters.NAME, metric_filters.run),
    Benchmark(metrics.NAME, metrics.run),
    Benchmark(patterns.NAME, patterns.run),
    Benchmark(alarms.NAME, alarms.run),
    Benchmark(filter_log_events.NAME, filter_log_events.run),
    Benchmark(insights.NAME, insights.run),
    Benchmark(gateway_cache.NAME, gateway_cache.run),
    Benchmark(gateway_compile.NAME, gateway_compile.run),
    Benchmark(gateway_memory.NAME, gateway_memory.run),
    Benchmark(gateway_apis.NAME, gateway_apis.run),
)
NAMES = [each.name for each in BENCHMARKS]


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=f"Benchmarks: {', '.join(NAMES)}.")
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="Rounds; the median is reported.")
@click.option("--quick", is_flag=True, help="Short rounds and few events, to try the harness; not for quoting.")
@click.option(
    "--texts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory of *.log files that `disk` stores, again and again, in place of made-up ones; `patterns` "
    "scores its *.structured.csv.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write every round to this JSON file.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows as a Markdown table.")
def main(
    names: tuple[str, ...], rounds: int, texts: Path | None, out: Path | None, markdown: Path | None, *, quick: bool
) -> None:
    """Measure Groundwatch beside its yardsticks on this machine.

    NAME is one of the benchmarks in the table of this module; without a name all of them run. Ends with 1 when a target
    is missed and with 2 when something could not be measured.
    """
    chosen = Settings(rounds=rounds, texts=texts)
    settings = chosen.quick() if quick else chosen
    # A table in a file or a pipe is read later, on a wider page than the 80 columns that rich assumes.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    report = Report(machine_facts(), _run(names, settings, console))
    console.print(terminal_table(report.rows))
    console.print(", ".join(f"{name} {value}" for name, value in report.machine.items()), style="dim", highlight=False)
    if out:
        out.write_bytes(to_json(report))
    if markdown:
        markdown.write_text(markdown_rows(report.rows), encoding="utf-8")
    sys.exit(0 if report.passed else 1)


def _run(names: tuple[str, ...], settings: Settings, console: Console) -> list[Row]:
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        if names and benchmark.name not in names:
            continue
        with console.status(f"{benchmark.name}: {settings.rounds} rounds"):
            try:
                rows += benchmark.run(settings)
            except (LoadError, ServerError) as error:
                console.print(f"{benchmark.name}: {error}", style="red", markup=False)
                sys.exit(2)
    return rows


if __name__ == "__main__":
    main()
