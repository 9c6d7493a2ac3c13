"""Compressed answers: which, for whom, and how."""

from __future__ import annotations

import gzip
import zlib

import pytest

from groundwatch.gateway.definition import IntegrationResponse

TEXT = "x" * 1000


@pytest.fixture
def make_compressing(make_gateway, mock):
    def make(minimum, text=TEXT):
        responses = {"200": IntegrationResponse("200", response_templates={"text/plain": text})}
        return make_gateway({"/": mock(integration={"responses": responses})}, minimum_compression_size=minimum)

    return make


CASES = [
    pytest.param(0, "gzip", gzip.decompress, "gzip", id="gzip"),
    pytest.param(0, "deflate", zlib.decompress, "deflate", id="deflate"),
    pytest.param(1000, "gzip", gzip.decompress, "gzip", id="exactly as large as it must be"),
    pytest.param(1001, "gzip", bytes, None, id="too small"),
    pytest.param(None, "gzip", bytes, None, id="an API without compression"),
    pytest.param(0, "br", bytes, None, id="another coding"),
    pytest.param(0, None, bytes, None, id="a client that does not ask"),
]


@pytest.mark.parametrize(("minimum", "accepted", "read", "coding"), CASES)
async def test_compression(minimum, accepted, read, coding, make_compressing):
    gateway = make_compressing(minimum)
    body = await gateway.raw_body("/", headers={"accept-encoding": accepted} if accepted else {})
    assert read(body) == TEXT.encode()
    headers = dict(gateway.last_fields)
    assert headers.get("content-encoding") == coding
    assert headers["content-length"] == str(len(body))


async def test_large_answers_are_compressed_in_a_thread(make_compressing):
    gateway = make_compressing(0, "x" * 200_000)
    assert gzip.decompress(await gateway.raw_body("/", headers={"accept-encoding": "gzip"})) == b"x" * 200_000


async def test_an_empty_answer_stays_empty(make_compressing):
    gateway = make_compressing(0, "")
    assert await gateway.raw_body("/", headers={"accept-encoding": "gzip"}) == b""
