import gzip

import pytest

from groundwatch.logs.events import Event, EventKey
from groundwatch.logs.exports.layout import GzipObject, folder_of, lines, object_key, write_test_key


def event(timestamp_ms: int, message: str) -> Event:
    return Event(EventKey(timestamp_ms, timestamp_ms, 1, 0), message)


@pytest.mark.parametrize(
    ("timestamp_ms", "message", "line"),
    [
        (1_409_858_297_123, "hello", "2014-09-04T19:18:17.123Z hello\n"),
        (1_409_858_297_000, "hello", "2014-09-04T19:18:17.000Z hello\n"),
        (0, "", "1970-01-01T00:00:00.000Z \n"),
        (1, "é\t", "1970-01-01T00:00:00.001Z é\t\n"),
        (1, "two\nlines\n", "1970-01-01T00:00:00.001Z two\nlines\n\n"),
    ],
    ids=["milliseconds", "three digits always", "empty message", "UTF-8", "newlines as they were put"],
)
def test_a_line_is_time_blank_message_newline(timestamp_ms, message, line):
    assert lines([event(timestamp_ms, message)]) == line.encode()


@pytest.mark.parametrize(
    ("prefix", "key"),
    [
        ("exportedlogs", "exportedlogs/id/folder/000001.gz"),
        ("a/b", "a/b/id/folder/000001.gz"),
        ("", "id/folder/000001.gz"),
    ],
)
def test_objects_are_called_by_prefix_task_stream_and_part(prefix, key):
    assert object_key(prefix, "id", "folder", 1) == key


def test_slashes_of_a_stream_make_no_folders():
    assert folder_of("2024/01/02/[1]x") == "2024-01-02-[1]x"


def test_the_test_object_lies_in_the_prefix():
    assert write_test_key("p") == "p/aws-logs-write-test"


def test_an_object_is_one_gzip_member_and_the_same_each_time():
    def made() -> bytes:
        content = GzipObject()
        content.add([event(1, "a")])
        content.add([event(2, "b")])
        return content.finish().read()

    assert made() == made()
    assert gzip.decompress(made()) == b"1970-01-01T00:00:00.001Z a\n1970-01-01T00:00:00.002Z b\n"
