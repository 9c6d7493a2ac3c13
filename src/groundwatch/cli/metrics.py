"""`groundwatch metrics`: which metrics there are, and how one has been going."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from groundwatch.cli.api import Wishes
from groundwatch.cli.asking.charts import MAX_LINES, Series, lines
from groundwatch.cli.calls import Calls
from groundwatch.cli.options import format_option, server_options
from groundwatch.cli.show import visible
from groundwatch.cli.terminal import Terminal
from groundwatch.cli.times import moment_ms, now_ms

SERVICE = "cloudwatch"
MAX_LISTED = 10_000
POINTS = 120
"""About how many periods a chart has when none is asked for."""
PERIODS_S = (60, 300, 900, 3600, 21_600, 86_400)
FORMATS = ("chart", "tsv")

Metric = Mapping[str, Any]


@click.command()
@click.argument("namespace", required=False)
@click.argument("name", required=False)
@click.argument("dimensions", metavar="[DIMENSION=VALUE]...", nargs=-1)
@click.option(
    "--stat", default="Average", show_default=True, help="Statistic: Sum, Average, Maximum, p99, TM(5%:95%), …"
)
@click.option(
    "--period", "period_s", type=click.IntRange(1), metavar="SECONDS", help="Period. [default: by the time shown]"
)
@click.option(
    "--since", "since_text", metavar="TIME", default="3h", show_default=True, help="90s, 10m, 2h, 1d, or ISO 8601."
)
@click.option("--expression", metavar="MATH", help="Show metric math instead, in which the metrics are m1, m2, ….")
@format_option(*FORMATS)
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    namespace: str | None,
    name: str | None,
    dimensions: tuple[str, ...],
    stat: str,
    period_s: int | None,
    since_text: str,
    expression: str | None,
    form: str,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> None:
    """List the metrics of a namespace, or of all; with a NAME, draw the metrics of that name and those dimensions.

    Times are UTC. Without a terminal the chart has no colours; `--format tsv` writes time, series and value a line.
    """
    calls = Calls(Wishes(endpoint_url, profile, region, data), (SERVICE,))
    found = find_metrics(calls, namespace, name, [_dimension(text) for text in dimensions])
    console = Terminal()
    if name is None:
        if not found:
            whose = f" of {namespace}" if namespace else ""
            raise click.ClickException(f"no metric{whose} has had data for two weeks")
        show_list(found, console)
        return
    start_ms, end_ms = moment_ms("--since", since_text, now_ms()), now_ms()
    queries = queries_for(found, stat, period_s or fitting_period_s(end_ms - start_ms), expression)
    if not queries:
        raise click.ClickException(
            f"no metric {name} of {namespace} has had data for two weeks; see groundwatch metrics"
        )
    series = read_series(calls, queries, start_ms, end_ms)
    if form == "tsv":
        write_rows(series)
    elif not any(one.points for one in series):
        raise click.ClickException(f"no data since {since_text}; ask for more with --since")
    else:
        shown = [one for one in series if one.points][:MAX_LINES]
        console.print(lines(shown, console.width, colours=console.is_terminal and not os.environ.get("NO_COLOR")))


def find_metrics(
    calls: Calls, namespace: str | None, name: str | None, dimensions: Sequence[tuple[str, str]]
) -> list[Metric]:
    """Return the metrics that have these names and dimensions, others allowed."""
    words: dict[str, object] = {"Namespace": namespace, "MetricName": name}
    words["Dimensions"] = [{"Name": key, "Value": value} for key, value in dimensions]
    given = {key: value for key, value in words.items() if value}
    return list(islice(calls.pages(SERVICE, "list_metrics", "Metrics", **given), MAX_LISTED))


def show_list(found: Sequence[Metric], console: Terminal) -> None:
    """Print metrics as a table."""
    table = Table("namespace", "metric", "dimensions", box=None, pad_edge=False)
    for metric in found:
        names = (visible(metric["Namespace"]), visible(metric["MetricName"]), dimensions_text(metric))
        # As they are: brackets in a name are no markup.
        table.add_row(*map(Text, names))
    console.print_whole(table)


def dimensions_text(metric: Metric) -> str:
    """Return the dimensions of a metric as this command takes them."""
    return visible(" ".join(f"{one['Name']}={one['Value']}" for one in metric["Dimensions"]))


def queries_for(found: Sequence[Metric], stat: str, period_s: int, expression: str | None) -> list[dict[str, Any]]:
    """Return the queries that draw metrics, or an expression of them."""
    queries: list[dict[str, Any]] = [
        {
            "Id": f"m{number}",
            "Label": dimensions_text(metric) or metric["MetricName"],
            "MetricStat": {"Metric": dict(metric), "Stat": stat, "Period": period_s},
            "ReturnData": expression is None,
        }
        for number, metric in enumerate(found[:MAX_LINES], 1)
    ]
    if expression is not None:
        queries.append({"Id": "e", "Expression": expression, "Label": expression, "Period": period_s})
    return queries


def fitting_period_s(span_ms: int) -> int:
    """Return the least period that gives a chart not much more than its points."""
    return next((period for period in PERIODS_S if span_ms / 1000 / period <= POINTS * 2), PERIODS_S[-1])


def read_series(calls: Calls, queries: Sequence[Mapping[str, Any]], start_ms: int, end_ms: int) -> list[Series]:
    """Return the answers to queries, oldest point first."""
    times = {"StartTime": start_ms / 1000, "EndTime": end_ms / 1000, "ScanBy": "TimestampAscending"}
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for result in calls.pages(
        SERVICE, "get_metric_data", "MetricDataResults", MetricDataQueries=list(queries), **times
    ):
        points = found.setdefault((result["Id"], result["Label"]), [])
        seconds = [moment.timestamp() for moment in result["Timestamps"]]
        points += zip(seconds, result["Values"], strict=True)
    return [Series(label, points) for (_, label), points in found.items()]


def write_rows(series: Sequence[Series]) -> None:
    """Write a line a datapoint: time, label and value, with tabs between."""
    for one in series:
        for at, value in one.points:
            moment = dt.datetime.fromtimestamp(at, dt.UTC)
            sys.stdout.write(f"{moment:%Y-%m-%dT%H:%M:%SZ}\t{visible(one.name)}\t{value!r}\n")


def _dimension(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise click.UsageError(f"{text!r} is no dimension; write NAME=VALUE")
    return name, value
