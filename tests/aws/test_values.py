"""ARNs, timestamps, patterns, scalars and the compatibility table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from groundwatch.aws.arn import Arn, parse_arn
from groundwatch.aws.compatibility import compatibility_rows, render_compatibility
from groundwatch.aws.patterns import matcher
from groundwatch.aws.service import Service
from groundwatch.aws.timestamps import format_timestamp, parse_timestamp

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arn:aws:iam::123456789012:role/r", Arn("aws", "iam", "", "123456789012", "role/r")),
        ("arn:aws:logs:us-east-1:1:log-group:g:*", Arn("aws", "logs", "us-east-1", "1", "log-group:g:*")),
        ("arn:aws-cn:s3:::bucket", Arn("aws-cn", "s3", "", "", "bucket")),
    ],
)
def test_arns_survive_the_round_trip(text, expected):
    assert parse_arn(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not start with 'arn:'"),
        ("role/r", "does not start with 'arn:'"),
        ("arn:aws:iam", "has 3 of the six parts"),
        ("arn::iam::1:x", "its partition is empty"),
        ("arn:aws:::1:x", "its service is empty"),
        ("arn:aws:iam::1:", "its resource is empty"),
    ],
)
def test_what_is_no_arn_is_said_plainly(text, message):
    with pytest.raises(ValueError, match=message):
        parse_arn(text)


@pytest.mark.parametrize(
    ("value", "wire_format", "expected"),
    [
        pytest.param(1_767_323_045, None, MOMENT, id="epoch seconds"),
        pytest.param("1767323045", None, MOMENT, id="epoch seconds as text"),
        pytest.param("2026-01-02T03:04:05Z", None, MOMENT, id="ISO 8601"),
        pytest.param("2026-01-02T04:04:05+01:00", None, MOMENT, id="ISO 8601 with offset"),
        pytest.param("2026-01-02T03:04:05", None, MOMENT, id="ISO 8601 without zone is UTC"),
        pytest.param("Fri, 02 Jan 2026 03:04:05 GMT", "rfc822", MOMENT, id="RFC 822"),
        pytest.param(1.5, None, datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), id="a fraction"),
        pytest.param(-1, None, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), id="before the epoch"),
    ],
)
def test_timestamps_are_read_in_every_form(value, wire_format, expected):
    assert parse_timestamp(value, wire_format) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, "", "soon", "2026-13-01", 1e300, float("nan"), []),
        pytest.param("0001-01-01T00:00:00+01:00", id="before all years"),
        pytest.param("9999-12-31T23:59:59-01:00", id="after all years"),
    ],
)
def test_what_is_no_timestamp_is_refused(value):
    with pytest.raises(ValueError, match=r".*"):
        parse_timestamp(value)


@pytest.mark.parametrize(
    ("value", "wire_format", "expected"),
    [
        (MOMENT, "unixTimestamp", 1_767_323_045),
        (MOMENT + timedelta(milliseconds=250), "unixTimestamp", 1_767_323_045.25),
        (1_767_323_045, "iso8601", "2026-01-02T03:04:05Z"),
        (MOMENT + timedelta(milliseconds=7), "iso8601", "2026-01-02T03:04:05.007Z"),
        (MOMENT.astimezone(timezone(timedelta(hours=5))), "iso8601", "2026-01-02T03:04:05Z"),
        (MOMENT, "rfc822", "Fri, 02 Jan 2026 03:04:05 GMT"),
    ],
)
def test_timestamps_are_written_in_every_form(value, wire_format, expected):
    assert format_timestamp(value, wire_format) == expected


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        pytest.param(r"[\w]+", "name", True, id="plain"),
        pytest.param(r"[\w]+", "é", False, id="classes are ASCII"),
        pytest.param(r"[\w]+", "a b", False, id="the whole value"),
        pytest.param(r"^\d{12}$", "123456789012\n", False, id="no trailing newline"),
        pytest.param(r"[\w-_]*", "a-_b", True, id="a hyphen after a class is literal"),
        pytest.param(r"a|b", "ab", False, id="alternatives are anchored together"),
        pytest.param(r"[\p{L}\p{Z}]+", "ö ß", True, id="letters of all scripts"),
        pytest.param(r"[\p{L}\p{Z}]+", "1", False, id="and only letters"),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern, value, expected):
    assert matcher(pattern)(value) is expected


class Sts:
    async def get_caller_identity(self, context): ...

    async def assume_role(self, context, role_arn, role_session_name, duration_seconds=3600): ...


def test_compatibility_is_read_from_the_signatures():
    rows = compatibility_rows([Service("sts", Sts(), lambda *_: ())])
    by_name = {row.operation: row for row in rows}
    assert len(rows) == 11
    assert by_name["GetCallerIdentity"].is_implemented
    assert not by_name["GetSessionToken"].is_implemented
    assert "Policy" in by_name["AssumeRole"].refused_members
    assert "RoleArn" not in by_name["AssumeRole"].refused_members


def test_compatibility_is_rendered_as_markdown():
    text = render_compatibility(compatibility_rows([Service("sts", Sts(), lambda *_: ())]))
    assert "## sts\n\n2 of 11 operations.\n" in text
    assert "| GetCallerIdentity | none |" in text
    assert "| AssumeRole | `PolicyArns`, `Policy`" in text
    assert "Not implemented: AssumeRoleWithSAML," in text
