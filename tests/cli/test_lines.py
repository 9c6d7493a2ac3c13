"""From bytes to events: lines, their limits, their times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwatch.cli.lines import MESSAGE_BYTES, Event, Line, LineSplitter, Rejection, parse_line, parse_timestamp_ms


def split(chunks, limit_bytes=MESSAGE_BYTES):
    splitter = LineSplitter("f", limit_bytes)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a\nb\n", [b"a", b"b"], id="two lines"),
        pytest.param(b"a\nb", [b"a", b"b"], id="the last line needs no end"),
        pytest.param(b"a\r\nb\r\n", [b"a", b"b"], id="carriage returns belong to the end"),
        pytest.param(b"a\rb\n", [b"a\rb"], id="one inside a line belongs to it"),
        pytest.param(b"\n\n", [b"", b""], id="blank lines count"),
        pytest.param(b"12345\r\n", [b"12345"], id="as long as allowed"),
        pytest.param(b"123456\nx\n", [None, b"x"], id="longer than allowed"),
        pytest.param(b"123456", [None], id="longer than allowed, at the end"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_in_chunks_of_any_size(content, lines, size):
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    found = split(chunks, limit_bytes=5)
    assert [line.content for line in found] == lines
    assert [line.number for line in found] == list(range(1, len(lines) + 1))


@given(st.lists(st.binary(max_size=20)), st.integers(1, 10))
def test_the_cut_of_chunks_does_not_matter(chunks, limit_bytes):
    assert split(chunks, limit_bytes) == split([b"".join(chunks)], limit_bytes)


def test_an_endless_line_is_not_kept():
    splitter = LineSplitter("f", limit_bytes=10)
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
        assert len(splitter._rest) <= 11
    assert splitter.finish() == [Line("f", 1, None, 1_000_000)]


def line(content, number=7):
    return Line("f", number, content, len(content))


@pytest.mark.parametrize(
    ("content", "field", "expected"),
    [
        pytest.param(b"hello", None, Event("f", 7, "hello", 31, None), id="a line, at the time of reading"),
        pytest.param("é".encode(), None, Event("f", 7, "é", 28, None), id="size counts bytes"),
        pytest.param(b'{"a":1}', None, Event("f", 7, '{"a":1}', 33, None), id="JSON is not rewritten"),
        pytest.param(b'{"t":5}', "t", Event("f", 7, '{"t":5}', 33, 5000), id="time from a field"),
        pytest.param(b"", None, None, id="blank"),
        pytest.param(b"", "t", None, id="blank among JSON lines"),
        pytest.param(b"a\xffb", None, "is not UTF-8 at byte 2", id="not UTF-8"),
        pytest.param(b"{}", "t", "has no field 't'", id="field missing"),
        pytest.param(b"[1]", "t", "is not a JSON object, so it has no 't'", id="not an object"),
        pytest.param(b"{", "t", "is not a JSON object, so it has no 't'", id="not JSON"),
        pytest.param(b"[" * 100_000, "t", "is not a JSON object, so it has no 't'", id="nested too deeply"),
        pytest.param(
            b'{"t":"x"}', "t", "'t' is 'x', which is no time: Invalid isoformat string: 'x'", id="no time in it"
        ),
    ],
)
def test_parse_line(content, field, expected):
    if isinstance(expected, str):
        expected = Rejection("f", 7, expected)
    assert parse_line(line(content), field) == expected


def test_a_line_longer_than_an_event_is_rejected_with_its_number():
    rejection = parse_line(Line("f", 3, None, 2_000_000))
    assert str(rejection) == "f:3: 2,000,000 bytes are more than the 1,048,550 that an event may have"


@pytest.mark.parametrize(
    ("value", "timestamp_ms"),
    [
        pytest.param(1700000000, 1700000000000, id="seconds"),
        pytest.param(1700000000.125, 1700000000125, id="seconds with a fraction"),
        pytest.param(1700000000123, 1700000000123, id="milliseconds"),
        pytest.param("1700000000", 1700000000000, id="seconds as text"),
        pytest.param("1700000000.5", 1700000000500, id="seconds with a fraction as text"),
        pytest.param(0, 0, id="the epoch"),
        pytest.param("2023-11-14T22:13:20Z", 1700000000000, id="ISO 8601 in UTC"),
        pytest.param("2023-11-14T23:13:20.123+01:00", 1700000000123, id="ISO 8601 with a zone"),
        pytest.param("2023-11-14T22:13:20", 1700000000000, id="without a zone it is UTC"),
        pytest.param("2023-11-14", 1699920000000, id="a day"),
    ],
)
def test_times(value, timestamp_ms):
    assert parse_timestamp_ms(value) == timestamp_ms


@pytest.mark.parametrize(
    "value", [-1, True, None, "", "yesterday", 10**14, 10**30, float("nan"), float("inf"), [1], {"s": 1}]
)
def test_what_is_no_time(value):
    with pytest.raises(ValueError, match=r".+"):
        parse_timestamp_ms(value)
