"""Timestamps of the AWS protocols: epoch seconds, ISO 8601 and RFC 822 text, and datetimes with zone in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(value: object, wire_format: str | None = None) -> datetime:
    """Return the datetime (UTC) of a wire value: a number of epoch seconds, or text in any of the three formats.

    Raises ValueError when the value is none of them, or out of range.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_epoch(value)
    if not isinstance(value, str) or not value:
        raise ValueError("not a timestamp")
    if wire_format == "unixTimestamp" or value.lstrip("-").replace(".", "", 1).isdigit():
        return _from_epoch(float(value))
    parsed = datetime.fromisoformat(value) if value[:4].isdigit() else parsedate_to_datetime(value)
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        # The offset leads out of the years that there are.
        raise ValueError("timestamp out of range") from error


def format_timestamp(value: object, wire_format: str) -> int | float | str:
    """Return `value` (a datetime with zone, or epoch seconds) as `unixTimestamp`, `iso8601` or `rfc822` has it."""
    moment = value if isinstance(value, datetime) else parse_timestamp(value, "unixTimestamp")
    if wire_format == "unixTimestamp":
        return _to_epoch(moment)
    if wire_format == "rfc822":
        return format_datetime(moment.astimezone(UTC), usegmt=True)
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def _from_epoch(seconds: float) -> datetime:
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("timestamp out of range") from error


def _to_epoch(moment: datetime) -> int | float:
    # Milliseconds are the finest that the services emit, and binary floats would show noise beyond them.
    millis = (moment - EPOCH) // timedelta(milliseconds=1)
    return millis // 1000 if millis % 1000 == 0 else millis / 1000
