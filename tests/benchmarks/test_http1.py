"""The client's reader: every framing that a server may use, in any pieces, and nothing that is not a response."""

import pytest
from benchmarks.http1 import MalformedResponseError, ResponseReader

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b: c\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"

COMPLETE = [
    pytest.param(LENGTH, 200, b"hello", True, id="content-length"),
    pytest.param(CHUNKED, 200, b"hello", True, id="chunked, with a chunk extension"),
    pytest.param(CHUNKED[:-2] + b"X-T: 1\r\n\r\n", 200, b"hello", True, id="chunked, with a trailer"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True, id="no body by its status"),
    pytest.param(b"HTTP/1.1 400\r\ncontent-length: 2\r\n\r\n{}", 400, b"{}", True, id="no reason phrase"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + LENGTH, 200, b"hello", True, id="interim response first"),
    pytest.param(LENGTH.replace(b"X-A: b: c", b"Connection: Close"), 200, b"hello", False, id="server will close"),
    pytest.param(LENGTH.replace(b"HTTP/1.1", b"HTTP/1.0"), 200, b"hello", False, id="HTTP/1.0 closes"),
]


@pytest.mark.parametrize(("raw", "status", "body", "keep_alive"), COMPLETE)
@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
def test_a_response_is_complete_with_its_last_byte(raw, status, body, keep_alive, piece_bytes):
    reader = ResponseReader()
    pieces = [raw[start : start + piece_bytes] for start in range(0, len(raw), piece_bytes)]
    *earlier, last = [reader.feed(piece) for piece in pieces]
    assert earlier == [None] * len(earlier)
    assert last is not None
    assert (last.status, last.body, last.keep_alive) == (status, body, keep_alive)


def test_header_names_are_lower_case_and_values_trimmed():
    response = ResponseReader().feed(LENGTH)
    assert response is not None
    assert response.headers == {"content-length": "5", "x-a": "b: c"}


def test_a_reader_starts_afresh_after_each_response():
    reader = ResponseReader()
    assert [reader.feed(raw) is not None for raw in (LENGTH, CHUNKED, LENGTH)] == [True, True, True]


def test_a_body_without_length_ends_with_the_connection():
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    response = reader.end()
    assert response is not None
    assert (response.body, response.keep_alive) == (b"hello", False)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(LENGTH[:20], id="half a head"),
        pytest.param(LENGTH[:-1], id="body too short"),
        pytest.param(CHUNKED[:-2], id="last chunk missing"),
    ],
)
def test_a_close_in_the_middle_completes_nothing(raw):
    reader = ResponseReader()
    assert reader.feed(raw) is None
    assert reader.end() is None


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="length is not a number"),
        pytest.param(LENGTH + b"HTTP/1.1", id="more than the one response"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="chunk size is not hexadecimal"
        ),
    ],
)
def test_what_is_not_one_response_is_refused(raw):
    with pytest.raises(MalformedResponseError):
        ResponseReader().feed(raw)
