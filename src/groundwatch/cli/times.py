"""Points in time as people write them behind an option."""

from __future__ import annotations

import re
import time

import click

from groundwatch.cli.lines import parse_timestamp_ms

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def moment_ms(option: str, text: str, present_ms: int) -> int:
    """Return milliseconds since the epoch for a span back from the present or a point in time.

    Spans are `90s`, `10m`, `2h`, `1d`, `1w`; points are ISO 8601, or seconds or milliseconds since the epoch. Raises
    UsageError, which names the option.
    """
    span = re.fullmatch(r"(\d+)([smhdw])", text)
    try:
        moment = present_ms - int(span[1]) * UNITS_S[span[2]] * 1000 if span else parse_timestamp_ms(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {text!r} is no time; write 90s, 10m, 2h, 1d or ISO 8601") from error
    if moment < 0:
        raise click.UsageError(f"{option}: {text!r} is before 1970, from when on there are log events")
    return moment
