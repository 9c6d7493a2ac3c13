"""An event that is encoded once for many pages is, byte for byte, what the codec would make of it in each."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwatch.aws.json_values import with_capital_digits
from groundwatch.aws.models import load_service
from groundwatch.aws.protocols.json import JsonCodec, is_flat
from groundwatch.logs.events import LAST_TIMESTAMP_MS, Event, EventKey, event_id, page_tokens, render, size_bytes

LOGS = load_service("logs")
CODEC = JsonCodec(LOGS)
GET_LOG_EVENTS = LOGS.find_operation("GetLogEvents")
TIMES = st.integers(0, LAST_TIMESTAMP_MS)
KEYS = st.builds(EventKey, TIMES, TIMES, st.integers(0, 2**64 - 1), st.integers(0, 2**16 - 1))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
AWKWARD = st.sampled_from(['{"a":null}', '":null', '\\":null', "\0", "\x7f", "\u2028", '"', "\\", "/", "ü€😀"])


def body(events: object) -> bytes:
    output = {"events": events, "nextForwardToken": "f", "nextBackwardToken": "b"}
    return CODEC.serialize(GET_LOG_EVENTS, output, "id").body


@given(st.lists(st.builds(Event, KEYS, ANY_TEXT | AWKWARD), max_size=5))
def test_a_page_of_rendered_events_is_what_the_codec_makes_of_them(events):
    plain = [{"timestamp": key.timestamp, "message": message, "ingestionTime": key.ingested} for key, message in events]
    fragments = b",".join(render(event).json for event in events)
    assert body(msgspec.Raw(b"[" + fragments + b"]")) == with_capital_digits(body(plain))


@given(KEYS, ANY_TEXT | AWKWARD)
def test_a_rendered_event_knows_its_key_and_its_size(key, message):
    rendered = render(Event(key, message))
    assert (rendered.key, rendered.size_bytes) == (key, size_bytes(message))


@given(KEYS, KEYS)
def test_tokens_lead_on_from_both_ends(first, last):
    assert page_tokens(first, last) == (f"b/{event_id(first)}/s", f"f/{event_id(last)}/s")
    assert page_tokens(last, last) == (f"b/{event_id(last)}/s", f"f/{event_id(last)}/s")


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({}, True),
        ({"a": msgspec.Raw(b"1"), "b": "text", "c": 1, "d": True}, True),
        ({"a": None, "b": msgspec.Raw(b"1")}, False),
        ({"a": {"b": 1}}, False),
        ({"a": [None]}, False),
        (None, False),
    ],
)
def test_outputs_that_cannot_hold_a_null_are_told(output, expected):
    assert is_flat(output) is expected


def test_null_members_beside_what_is_encoded_already_are_left_out():
    answer = CODEC.serialize(GET_LOG_EVENTS, {"events": msgspec.Raw(b"[]"), "nextForwardToken": None}, "id")
    assert answer.body == b'{"events":[]}'
