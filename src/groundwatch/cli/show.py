"""How events look on the terminal: pretty with colours, raw, or as JSON lines."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

from rich.highlighter import JSONHighlighter
from rich.text import Text

from groundwatch.cli.follow import FoundEvent
from groundwatch.cli.terminal import Terminal

LEVEL_STYLES = {
    r"(?i)\b(?:fatal|panic|crit(?:ical)?|emerg(?:ency)?|alert|err(?:or)?|fail(?:ed|ure)?)\b": "bold red",
    r"(?i)\bwarn(?:ing)?\b": "yellow",
    r"(?i)\b(?:info|notice)\b": "green",
    r"(?i)\b(?:debug|trace)\b": "blue",
}
STREAM_STYLES = ("cyan", "magenta", "bright_blue", "bright_cyan", "bright_magenta")
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def local_time(timestamp_ms: int, zone: dt.tzinfo | None = None) -> str:
    """Return the time in the zone, by default this machine's, to the millisecond."""
    moment = dt.datetime.fromtimestamp(timestamp_ms / 1000, dt.UTC).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{timestamp_ms % 1000:03}"


def visible(message: str) -> str:
    """Return the message with control characters spelled out, so that a log line cannot steer the terminal."""
    return CONTROL_CHARACTERS.sub(lambda match: f"\\x{ord(match[0]):02x}", message)


def pretty(event: FoundEvent) -> Text:
    """Return time, stream and message in colours."""
    stream = event["logStreamName"]
    style = STREAM_STYLES[sum(stream.encode()) % len(STREAM_STYLES)]
    return Text.assemble(
        (local_time(event["timestamp"]), "dim"), " ", (visible(stream), style), " ", highlighted(event["message"])
    )


def highlighted(message: str) -> Text:
    """Return the message with level words and, in a JSON message, the parts of the JSON in colours."""
    text = Text(visible(message.removesuffix("\n")))
    if message.startswith("{"):
        JSONHighlighter().highlight(text)
    for pattern, style in LEVEL_STYLES.items():
        text.highlight_regex(pattern, style)
    return text


def raw(event: FoundEvent) -> str:
    """Return the message alone."""
    return str(event["message"])


def json_line(event: FoundEvent) -> str:
    """Return the event as FilterLogEvents gave it, as one line of JSON."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _pretty_plain(event: FoundEvent) -> str:
    return pretty(event).plain


FORMATS: Mapping[str, Callable[[FoundEvent], str]] = {"pretty": _pretty_plain, "raw": raw, "json": json_line}


class Printer:
    """Writes events to a stream and flushes after each page, so that a reader of the pipe sees them at once."""

    def __init__(self, output: TextIO, form: str) -> None:
        self._output = output
        self._form = FORMATS[form]
        console = Terminal(file=output, highlight=False, soft_wrap=True)
        self._console = console if form == "pretty" and console.color_system else None

    def write(self, events: Iterable[FoundEvent]) -> None:
        """Write the events. Raises BrokenPipeError when nobody reads any more."""
        for event in events:
            if self._console is not None:
                self._console.print(pretty(event))
            else:
                self._output.write(self._form(event) + "\n")
        self._output.flush()
