"""Requests as values, and their ids."""

from __future__ import annotations

import uuid

import pytest
from msgspec.structs import replace

from groundwatch.aws.http import WireRequest
from groundwatch.aws.request_ids import DRAWN_AT_ONCE, RandomPool, new_request_id

REQUEST = WireRequest("GET", "/", "", (("a", "1"), ("b", "2"), ("a", "3")), b"", "127.0.0.1")


def test_the_last_of_several_headers_counts():
    assert [REQUEST.header(name) for name in ("a", "b", "c")] == ["3", "2", None]


def test_headers_that_were_looked_up_are_not_taken_along():
    assert REQUEST.header("a") == "3"
    changed = replace(REQUEST, headers=(("a", "4"),))
    assert (changed.header("a"), changed.header("b"), REQUEST.header("a")) == ("4", None, "3")


def test_looking_a_header_up_does_not_change_what_equals_what():
    other = replace(REQUEST)
    assert REQUEST.header("a") == "3"
    assert other == REQUEST
    assert hash(other) == hash(REQUEST)


@pytest.mark.parametrize("size", [39, 40])
def test_random_bytes_are_never_given_twice(size):
    draw = RandomPool(39)
    drawn = [draw(size) for _ in range(2 * DRAWN_AT_ONCE + 1)]
    assert {len(each) for each in drawn} == {size}
    assert len(set(drawn)) == len(drawn)


def test_request_ids_are_random_uuids():
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    for text in ids:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)
