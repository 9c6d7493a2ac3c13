"""Content codings: what is decoded, within which bounds, and which coding a client gets."""

from __future__ import annotations

import gzip
import zlib

import pytest

from groundwatch.gateway.runtime.codings import (
    CodingError,
    DecodedTooLargeError,
    acceptable_coding,
    decoded,
    encoded,
)
from groundwatch.gateway.runtime.media import MAX_PAYLOAD_BYTES

TEXT = b"hello " * 100


def raw_deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


DECODED = [
    pytest.param(TEXT, None, None, id="no coding"),
    pytest.param(TEXT, "identity", None, id="identity"),
    pytest.param(gzip.compress(TEXT), "gzip", None, id="gzip"),
    pytest.param(gzip.compress(TEXT), "X-GZIP", None, id="its old name, in any case"),
    pytest.param(zlib.compress(TEXT), "deflate", None, id="deflate"),
    pytest.param(raw_deflate(TEXT), "deflate", None, id="deflate without its header"),
    pytest.param(gzip.compress(zlib.compress(TEXT)), "deflate, gzip", None, id="one in the other"),
    pytest.param(TEXT, "br", "br", id="an unknown coding stays"),
    pytest.param(gzip.compress(TEXT), "br, gzip", "br", id="an unknown one inside"),
]


@pytest.mark.parametrize(("body", "name", "left"), DECODED)
def test_decoded(body, name, left):
    assert decoded(body, name) == (TEXT, left)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_an_empty_body_has_no_coding_to_undo(name):
    assert decoded(b"", name) == (b"", None)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(b"plain", "gzip", id="not gzip"),
        pytest.param(gzip.compress(TEXT)[:-9], "gzip", id="cut off"),
        pytest.param(b"plain", "deflate", id="not deflate"),
    ],
)
def test_what_is_not_coded(body, name):
    with pytest.raises(CodingError):
        decoded(body, name)


def test_a_small_body_that_becomes_huge_is_not_decoded_to_its_end():
    bomb = gzip.compress(bytes(MAX_PAYLOAD_BYTES + 1))
    assert len(bomb) < 20_000
    with pytest.raises(DecodedTooLargeError):
        decoded(bomb, "gzip")


ACCEPTED = [
    pytest.param(None, None, id="no header"),
    pytest.param("", None, id="empty"),
    pytest.param("gzip, deflate, br", "gzip", id="gzip first"),
    pytest.param("deflate", "deflate", id="deflate only"),
    pytest.param("gzip;q=0.5, deflate;q=0.8", "deflate", id="weights"),
    pytest.param("gzip;q=0", None, id="refused"),
    pytest.param("br", None, id="unknown"),
    pytest.param("*", "gzip", id="anything"),
    pytest.param("gzip;q=0, *", "deflate", id="anything else"),
    pytest.param("GZIP ; q=1.0", "gzip", id="blanks and capitals"),
    pytest.param("gzip;q=x", None, id="a weight that is none"),
]


@pytest.mark.parametrize(("header", "coding"), ACCEPTED)
def test_acceptable_coding(header, coding):
    assert acceptable_coding(header) == coding


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_encoded_is_decoded_again(coding):
    assert decoded(encoded(TEXT, coding), coding) == (TEXT, None)
    assert len(encoded(TEXT, coding)) < len(TEXT)
