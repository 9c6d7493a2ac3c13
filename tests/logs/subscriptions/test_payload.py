"""The documents that subscribers get, and how they are split."""

import gzip
import json
import random

import msgspec
import pytest

from groundwatch.logs.catalog import Tenant
from groundwatch.logs.events import EventKey, event_id
from groundwatch.logs.patterns.sifting import one_by_one
from groundwatch.logs.subscriptions.payload import Part, StreamEvents, control_message, pack
from groundwatch.logs.subscriptions.records import GroupPlace, Subscription

NOW_MS = 1_790_000_000_000
SUBSCRIPTION = Subscription(
    key="filter:1",
    group=GroupPlace(7, Tenant("123456789012", "us-east-1"), "/app", "STANDARD"),
    name="errors",
    sift=one_by_one(lambda message: "no" not in message),
    route=None,
    distribution="ByLogStream",
    since_ms=0,
)


def events(*messages: str) -> StreamEvents:
    count = range(len(messages))
    return StreamEvents("i-1", [Part(NOW_MS, 5, count, [NOW_MS + n for n in count], messages)])


def decoded(packed) -> list[dict]:
    return [json.loads(gzip.decompress(document.data)) for document in packed.documents]


def test_the_document_is_the_documented_one():
    packed = pack(SUBSCRIPTION, events("yes", "no", 'ü "\\'), 1_000_000)
    assert gzip.decompress(packed.documents[0].data).decode() == (
        '{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"/app","logStream":"i-1",'
        '"subscriptionFilters":["errors"],"logEvents":['
        f'{{"id":"{event_id(EventKey(NOW_MS, NOW_MS, 5, 0))}","timestamp":{NOW_MS},"message":"yes"}},'
        f'{{"id":"{event_id(EventKey(NOW_MS + 2, NOW_MS, 5, 2))}","timestamp":{NOW_MS + 2},"message":"ü \\"\\\\"}}]}}'
    )
    assert [document.events for document in packed.documents] == [2]


def test_what_does_not_match_makes_no_document():
    assert pack(SUBSCRIPTION, events("no"), 1_000_000).documents == []


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        ({"policy_level": "ACCOUNT_LEVEL_POLICY"}, {"policyLevel": "ACCOUNT_LEVEL_POLICY"}),
        ({}, {}),
    ],
    ids=["an account policy says so", "a filter does not"],
)
def test_policy_level(changes, members):
    (payload,) = decoded(pack(msgspec.structs.replace(SUBSCRIPTION, **changes), events("yes"), 1_000_000))
    assert {name: value for name, value in payload.items() if name == "policyLevel"} == members


def test_extracted_fields_stand_beside_the_message():
    subscription = msgspec.structs.replace(SUBSCRIPTION, extract=lambda message: {"level": message})
    (payload,) = decoded(pack(subscription, events("yes"), 1_000_000))
    assert payload["logEvents"][0]["extractedFields"] == {"level": "yes"}


def noise(characters: int) -> str:
    return random.Random(1).randbytes(characters // 2).hex()  # half of its size when compressed


@pytest.mark.parametrize("max_bytes", [190_000, 60_000])
def test_documents_fit_and_keep_the_order(max_bytes):
    messages = [f"{n} {noise(10_000)}" for n in range(40)]
    random.Random(2).shuffle(messages)
    packed = pack(SUBSCRIPTION, events(*messages), max_bytes)
    assert max(len(document.data) for document in packed.documents) <= max_bytes
    assert [event["message"] for payload in decoded(packed) for event in payload["logEvents"]] == messages
    assert sum(document.events for document in packed.documents) == 40
    assert packed.too_large == 0


def test_messages_are_joined_up_to_a_mebibyte():
    packed = pack(SUBSCRIPTION, events(*(["x" * 300_000] * 7)), 1_000_000)
    assert [document.events for document in packed.documents] == [3, 3, 1]


def test_an_event_that_fits_into_no_record_is_counted():
    packed = pack(SUBSCRIPTION, events("before", noise(400_000), "after"), 100_000)
    assert packed.too_large == 1
    assert [event["message"] for payload in decoded(packed) for event in payload["logEvents"]] == ["before", "after"]


def test_the_control_message():
    assert json.loads(gzip.decompress(control_message("Firehose", NOW_MS))) == {
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
        "logEvents": [
            {
                "id": "",
                "timestamp": NOW_MS,
                "message": "CWL CONTROL MESSAGE: Checking health of destination Firehose.",
            }
        ],
    }
