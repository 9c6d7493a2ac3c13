"""Schedule expressions and the times they tell."""

import datetime as dt

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.schedules.expression import parse_schedule

ANCHOR = "2026-03-27T10:00:30+00:00"


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def times(expression, zone, after, count):
    tell, at = parse_schedule(expression, zone, ms(ANCHOR)), ms(after)
    found = []
    for _ in range(count):
        at = tell(at)
        if at is None:
            break
        found.append(dt.datetime.fromtimestamp(at / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("cron(0 9 * * ? *)", None, ANCHOR, ["2026-03-28 09:00:00", "2026-03-29 09:00:00"]),
        ("*/5 * * * *", None, ANCHOR, ["2026-03-27 10:05:00", "2026-03-27 10:10:00"]),
        ("cron(0/20 10 ? * 6 *)", None, ANCHOR, ["2026-03-27 10:20:00", "2026-03-27 10:40:00", "2026-04-03 10:00:00"]),
        ("cron(0 0 ? * MON-FRI *)", None, ANCHOR, ["2026-03-30 00:00:00", "2026-03-31 00:00:00"]),
        ("cron(0 0 L * ? *)", None, ANCHOR, ["2026-03-31 00:00:00", "2026-04-30 00:00:00"]),
        ("cron(0 0 ? * 2#1 *)", None, ANCHOR, ["2026-04-06 00:00:00", "2026-05-04 00:00:00"]),
        (
            "cron(0 0 1 1 ? 2027-2031/2)",
            None,
            ANCHOR,
            ["2027-01-01 00:00:00", "2029-01-01 00:00:00", "2031-01-01 00:00:00"],
        ),
        ("cron(0 0 1 1 ? 2020)", None, ANCHOR, []),
        (
            "cron(* * 31 12 ? 2026-2027)",
            None,
            "2026-12-31T23:58:00+00:00",
            ["2026-12-31 23:59:00", "2027-12-31 00:00:00"],
        ),
        ("0 0 29 2 *", None, ANCHOR, ["2028-02-29 00:00:00"]),
        (
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-03-28T12:00:00+00:00",
            ["2026-03-29 01:00:00", "2026-03-30 00:30:00"],
        ),
        (
            "cron(30 2 * * ? *)",
            "Europe/Berlin",
            "2026-10-24T12:00:00+00:00",
            ["2026-10-25 00:30:00", "2026-10-26 01:30:00"],
        ),
        ("rate(5 minutes)", None, ANCHOR, ["2026-03-27 10:05:30", "2026-03-27 10:10:30"]),
        ("rate(1 day)", None, "2026-03-01T00:00:00+00:00", ["2026-03-28 10:00:30", "2026-03-29 10:00:30"]),
    ],
)
@pytest.mark.timeout(20)
def test_times(expression, zone, after, expected):
    assert times(expression, zone, after, max(len(expected), 1)) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "said"),
    [
        ("0 0 30 2 *", None, "is no cron expression"),
        ("every day", None, "five fields, or six"),
        ("cron(0 9 * *)", None, "five fields, or six"),
        ("cron(0 9 * * * *)", None, "must be ? where a year is given"),
        ("cron(0 25 * * ? *)", None, "is no cron expression"),
        ("cron(0 9 15W * ? *)", None, "W, the nearest weekday, is not supported"),
        ("cron(0 9 * * ? 1900)", None, "1900 is no year from 1970"),
        ("rate(1 minutes)", None, "a rate of 1 is written with minute"),
        ("rate(5 minute)", None, "a rate of 5 is written with minutes"),
        ("rate(0 minutes)", None, "a rate is written like rate(5 minutes)"),
        ("rate(2 weeks)", None, "with minutes, hours or days"),
        ("* * * * *", "Mars/Olympus", "The time zone Mars/Olympus is not known"),
        ("* * * * *", "../etc/passwd", "is not known"),
    ],
)
def test_what_is_no_schedule_is_refused(expression, zone, said):
    with pytest.raises(ServiceError) as caught:
        parse_schedule(expression, zone, 0)
    assert caught.value.code == "ValidationException"
    assert said in str(caught.value)
