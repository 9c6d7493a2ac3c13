"""`groundwatch alarms`: the states of alarms beside their metrics, and the history of one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from groundwatch.cli.api import Wishes
from groundwatch.cli.calls import Calls
from groundwatch.cli.options import format_option, server_options
from groundwatch.cli.show import visible
from groundwatch.cli.sparkline import Spark, sparkline
from groundwatch.cli.terminal import Terminal
from groundwatch.cli.times import moment_ms, now_ms

SERVICE = "cloudwatch"
KINDS = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}
STYLES = {"ALARM": "bold red", "OK": "green", "INSUFFICIENT_DATA": "yellow"}
SHOWN_STATES = {"INSUFFICIENT_DATA": "no data"}
SIGNS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
BARS = 30
QUERIES_AT_ONCE = 500
MAX_LISTED = 10_000
DEFAULT_LAST = 20

Alarm = Mapping[str, Any]


@click.command()
@click.argument("name", required=False)
@click.option("--state", type=click.Choice(list(STYLES)), help="Only alarms in this state.")
@click.option("--prefix", metavar="TEXT", help="Only alarms whose names begin so.")
@click.option(
    "--since", "since_text", metavar="TIME", default="1h", show_default=True, help="How far the sparklines go back."
)
@click.option(
    "-n", "--last", type=click.IntRange(0), default=DEFAULT_LAST, show_default=True, help="Items of the history."
)
@format_option("pretty", "json")
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    name: str | None,
    state: str | None,
    prefix: str | None,
    since_text: str,
    last: int,
    form: str,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> int:
    """List alarms with their states, or show why NAME is in its state, and its history.

    Sparklines show each alarm's metric; what is beyond the threshold is red. With a name, ends with 0 only while that
    alarm is OK, so that a script can wait for it.
    """
    asked = Asked(
        Calls(Wishes(endpoint_url, profile, region, data), (SERVICE,)), moment_ms("--since", since_text, now_ms())
    )
    if name is not None:
        return _show_one(asked, name, last, form)
    found = sorted(asked.alarms(state, prefix), key=lambda alarm: str(alarm["AlarmName"]))
    if form == "json":
        click.echo(_json(found))
    elif found:
        Terminal().print_whole(_table(found, asked.sparks(found)))
    else:
        click.echo("no alarms", err=True)
    return 0


class Asked:
    """What the server is asked, with the user's credentials."""

    def __init__(self, calls: Calls, start_ms: int) -> None:
        self._calls = calls
        self._start_s = start_ms // 1000
        self._end_s = now_ms() // 1000

    def alarms(self, state: str | None, prefix: str | None) -> list[Alarm]:
        """Return the alarms of both kinds."""
        words: dict[str, object] = {"StateValue": state} if state else {}
        words |= {"AlarmNamePrefix": prefix} if prefix else {}
        found: list[Alarm] = []
        for kind, member in KINDS.items():
            pages = self._calls.pages(SERVICE, "describe_alarms", member, AlarmTypes=[kind], **words)
            found += islice(pages, MAX_LISTED)
        return found

    def alarm(self, name: str) -> Alarm:
        """Return one alarm."""
        answer = self._calls.call(SERVICE, "describe_alarms", AlarmNames=[name], AlarmTypes=list(KINDS))
        for member in KINDS.values():
            for found in answer[member]:
                return dict(found)
        raise click.ClickException(f"there is no alarm called {name}")

    def history(self, name: str, last: int) -> list[Alarm]:
        """Return the newest items of an alarm's history, the newest first."""
        pages = self._calls.pages(
            SERVICE, "describe_alarm_history", "AlarmHistoryItems", AlarmName=name, AlarmTypes=list(KINDS)
        )
        return list(islice(pages, last))

    def sparks(self, alarms: Iterable[Alarm]) -> dict[str, Spark]:
        """Return the metrics of alarms by their names; of metric math and composite alarms there is none."""
        watched = [(str(alarm["AlarmName"]), stat) for alarm in alarms if (stat := _stat(alarm)) is not None]
        found: dict[str, Spark] = {}
        for first in range(0, len(watched), QUERIES_AT_ONCE):
            found |= self._read(watched[first : first + QUERIES_AT_ONCE])
        return found

    def _read(self, part: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Spark]:
        # As many periods as there are bars, but none shorter than the alarm's own.
        step_s = {name: _period(stat["Period"], self._end_s - self._start_s) for name, stat in part}
        queries = [
            {"Id": f"m{number}", "MetricStat": stat | {"Period": step_s[name]}}
            for number, (name, stat) in enumerate(part)
        ]
        words = {"StartTime": self._start_s, "EndTime": self._end_s, "ScanBy": "TimestampAscending"}
        results = self._calls.pages(SERVICE, "get_metric_data", "MetricDataResults", MetricDataQueries=queries, **words)
        points: dict[str, list[tuple[float, float]]] = {}
        for result in results:
            times = (moment.timestamp() for moment in result["Timestamps"])
            points.setdefault(result["Id"], []).extend(zip(times, result["Values"], strict=True))
        return {
            name: Spark(self._end_s - BARS * step_s[name], step_s[name], BARS, points.get(f"m{number}", []))
            for number, (name, _) in enumerate(part)
        }


def _show_one(asked: Asked, name: str, last: int, form: str) -> int:
    alarm, history = asked.alarm(name), asked.history(name, last)
    if form == "json":
        click.echo(_json({"alarm": alarm, "history": history}))
    else:
        console = Terminal()
        console.print_whole(_table([alarm], asked.sparks([alarm])))
        console.print(Text(visible(str(alarm["StateReason"]))), soft_wrap=True)
        console.print_whole(_history(history))
    return 0 if alarm["StateValue"] == "OK" else 1


def _table(alarms: Iterable[Alarm], sparks: Mapping[str, Spark]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("state", "since", "alarm", "metric", "alarms when"):
        table.add_column(title, overflow="fold")
    for alarm in alarms:
        table.add_row(
            _state(alarm["StateValue"]),
            Text(_age(alarm), style="dim"),
            Text(visible(str(alarm["AlarmName"]))),
            _spark(alarm, sparks),
            Text(visible(condition(alarm)), style="dim"),
        )
    return table


def _history(items: Iterable[Alarm]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for item in items:
        moment = item["Timestamp"].astimezone()
        summary = Text(visible(str(item["HistorySummary"])))
        for value, style in STYLES.items():
            summary.highlight_regex(rf"\b{value}\b", style)
        summary.highlight_regex(r"^Failed", "bold red")
        table.add_row(Text(f"{moment:%Y-%m-%d %H:%M:%S}", style="dim"), summary)
    return table


def condition(alarm: Alarm) -> str:
    """Return in one line when an alarm goes off."""
    if "AlarmRule" in alarm:
        return str(alarm["AlarmRule"])
    periods = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm", periods)
    sign = SIGNS.get(alarm["ComparisonOperator"], alarm["ComparisonOperator"])
    stat = _stat(alarm)
    if stat is None:
        watched, period_s = _expression(alarm), None
    else:
        metric, period_s = stat["Metric"], stat["Period"]
        values = ", ".join(f"{held['Name']}={held['Value']}" for held in metric.get("Dimensions", ()))
        watched = f"{stat['Stat']} of {metric['Namespace']}/{metric['MetricName']}{f' ({values})' if values else ''}"
    length = f" of {period_s} s" if period_s else ""
    return f"{watched} {sign} {alarm['Threshold']:g} in {needed} of {periods} periods{length}"


def _stat(alarm: Alarm) -> dict[str, Any] | None:
    """Return the one metric that an alarm watches, as GetMetricData takes it."""
    if "MetricName" in alarm:
        metric = {member: alarm[member] for member in ("Namespace", "MetricName", "Dimensions") if member in alarm}
        stat = {"Metric": metric, "Period": alarm["Period"]}
        stat["Stat"] = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return stat | ({"Unit": alarm["Unit"]} if "Unit" in alarm else {})
    queries = alarm.get("Metrics", ())
    return dict(queries[0]["MetricStat"]) if len(queries) == 1 and "MetricStat" in queries[0] else None


def _expression(alarm: Alarm) -> str:
    shown = [query for query in alarm.get("Metrics", ()) if query.get("ReturnData", True)]
    return str(shown[0].get("Expression", shown[0]["Id"])) if shown else "?"


def _spark(alarm: Alarm, sparks: Mapping[str, Spark]) -> Text:
    spark = sparks.get(str(alarm["AlarmName"]))
    if spark is None:
        return Text("")
    threshold, sign = float(alarm["Threshold"]), SIGNS.get(alarm["ComparisonOperator"], "")
    beyond = {
        ">": lambda value: value > threshold,
        "≥": lambda value: value >= threshold,
        "<": lambda value: value < threshold,
        "≤": lambda value: value <= threshold,
    }.get(sign, lambda _value: False)
    return sparkline(spark, beyond)


def _state(value: str) -> Text:
    return Text(SHOWN_STATES.get(value, value), style=STYLES.get(value, ""))


def _age(alarm: Alarm) -> str:
    since: dt.datetime = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
    seconds = max(now_ms() // 1000 - int(since.timestamp()), 0)
    for unit, size_s in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size_s:
            return f"{seconds // size_s}{unit}"
    return f"{seconds}s"


def _period(own_s: int, span_s: int) -> int:
    wanted_s = max(own_s, -(-span_s // BARS))
    return wanted_s if wanted_s <= 30 and wanted_s == own_s else -(-wanted_s // 60) * 60


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=lambda moment: moment.isoformat())
