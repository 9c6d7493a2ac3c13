"""GetLogRecord, its pointers, and the fields that it finds."""

import base64
import json

import pytest
from tests.refusals import refusal

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.access import logs_access
from groundwatch.logs.events import EventKey, event_id, parse_event_id
from groundwatch.logs.pointers import Pointer, parse_pointer
from groundwatch.logs.record_fields import discovered_fields, java_double

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
KEY = EventKey(NOW_MS, NOW_MS + 1, 2**64 - 1, 3)
NOT_FOUND = "ResourceNotFoundException"


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.fixture
def put(operations, context):
    """Put a message into `/app` `i/1` and return its pointer."""

    async def put(message: str) -> str:
        place = {"log_group_name": "/app", "log_stream_name": "i/1"}
        await operations.create_log_group(context, log_group_name="/app")
        await operations.create_log_stream(context, **place)
        await operations.put_log_events(context, **place, log_events=[{"timestamp": NOW_MS - 5, "message": message}])
        found = await operations.filter_log_events(context, log_group_name="/app")
        return str(Pointer("/app", "i/1", parse_event_id(found["events"][0]["eventId"])))

    return put


async def test_a_record_has_every_field(operations, context, put):
    message = '{"level":"error","user":{"id":7,"tags":["a",{"b":1.5}]},"@x":true,"none":null}'
    pointer = await put(message)
    assert await operations.get_log_record(context, log_record_pointer=pointer) == {
        "logRecord": {
            "@ptr": pointer,
            "@message": message,
            "@timestamp": str(NOW_MS - 5),
            "@ingestionTime": str(NOW_MS),
            "@logStream": "i/1",
            "@log": f"{context.account_id}:/app",
            "level": "error",
            "user.id": "7",
            "user.tags.0": "a",
            "user.tags.1.b": "1.5",
            "@@x": "1",
        }
    }


async def test_a_message_cannot_pose_as_a_system_field(operations, context, put):
    pointer = await put('{"@log":"other","@message":"other"}')
    record = (await operations.get_log_record(context, log_record_pointer=pointer))["logRecord"]
    assert (record["@log"], record["@@log"]) == (f"{context.account_id}:/app", "other")


async def test_pointers_lead_nowhere_in_another_account(operations, make_context, put):
    call = operations.get_log_record(make_context(), log_record_pointer=await put("x"))
    assert await refusal(call) == (NOT_FOUND, "The specified log group does not exist.")


@pytest.mark.parametrize(
    ("pointer", "missing"),
    [
        (Pointer("/none", "i/1", KEY), "group"),
        (Pointer("/app", "none", KEY), "stream"),
        (Pointer("/app", "i/1", KEY), "record"),
        (Pointer("/app", "i/1", EventKey(0, 0, 0, 0)), "record"),
        (Pointer("/app", "i/1", EventKey(2**47, 2**63 - 1, 0, 0)), "record"),
    ],
    ids=["group", "stream", "event", "least key", "greatest key"],
)
async def test_what_a_pointer_names_must_exist(operations, context, put, pointer, missing):
    await put("x")
    call = operations.get_log_record(context, log_record_pointer=str(pointer))
    assert await refusal(call) == (NOT_FOUND, f"The specified log {missing} does not exist.")


async def test_expired_records_are_not_shown(operations, context, clock, make_context, put):
    pointer = await put("x")
    await operations.put_retention_policy(context, log_group_name="/app", retention_in_days=1)
    await operations.get_log_record(context, log_record_pointer=pointer)
    clock.now_ms += DAY_MS
    later = make_context(context.account_id)
    assert (await refusal(operations.get_log_record(later, log_record_pointer=pointer)))[0] == NOT_FOUND


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é",
        "/" * 2000,
        encoded("g"),
        encoded(["g", "s"]),
        encoded(["g", "s", "1"]),
        encoded(["g", 1, event_id(KEY)]),
        encoded(["g", "s", event_id(EventKey(NOW_MS, 2**63, 0, 0))]),
        encoded(["g", "s", event_id(KEY), "more"]),
    ],
    ids=["empty", "short", "not base64", "bytes", "no list", "no event", "no id", "types", "id too great", "too much"],
)
def test_text_that_is_no_pointer_is_refused(text):
    with pytest.raises(ServiceError) as caught:
        parse_pointer(text)
    assert (caught.value.code, caught.value.message) == (
        "InvalidParameterException",
        "The specified logRecordPointer is invalid.",
    )


def test_pointers_round_trip():
    pointer = Pointer("/a/b#1", "ström/[$LATEST]", KEY)
    assert parse_pointer(str(pointer)) == pointer


def test_the_group_of_the_pointer_is_what_is_checked(context):
    params = {"logRecordPointer": str(Pointer("/app", "s", KEY))}
    (check,) = logs_access("GetLogRecord", params, context)
    assert check.action == "logs:GetLogRecord"
    assert check.resource == f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app:log-stream:"


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("plain text", {}),
        ("", {}),
        ('{"a":1', {}),
        ("[1,2]", {}),
        ('"text"', {}),
        ("{}", {}),
        ('{"a":{"b":{"c":"x"}}}', {"a.b.c": "x"}),
        ('{"items":[{"id":"x"},{"id":"y"}]}', {"items.0.id": "x", "items.1.id": "y"}),
        ('{"a":null,"b":{},"c":[]}', {}),
        ('{"a":true,"b":false}', {"a": "1", "b": "0"}),
        ('{"a":"5","b":5,"c":-0,"d":12345678901234567890123}', {"a": "5", "b": "5", "c": "0"}),
        ('{"a":1,"a":2}', {"a": "2"}),
        ('{"a":""}', {"a": ""}),
        ('{"a.b":1,"é":2}', {"a.b": "1", "é": "2"}),
        ("[" * 100_000, {}),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, {}),
        ("END RequestId: 1-2\n", {"@type": "END", "@requestId": "1-2"}),
        (
            "REPORT RequestId: 1-2\tDuration: 1394.60 ms\tBilled Duration: 1395 ms\tMemory Size: 128 MB\t",
            {"@type": "REPORT", "@duration": "1394.6", "@billedDuration": "1395.0", "@memorySize": "1.28E8"},
        ),
        (
            "2 123456789010 eni-1 10.0.0.1 - 1 2 6 3 4 5 6 ACCEPT OK",
            {"version": "2", "srcAddr": "10.0.0.1", "logStatus": "OK", "bytes": "4"},
        ),
    ],
    ids=[
        *("text", "empty", "malformed", "array", "string", "empty object", "nested", "arrays by position"),
        *("null and empty", "booleans", "numbers", "last of a name", "empty string", "names as they are"),
        *("brackets", "too deep"),
        *("end of Lambda", "report of Lambda", "flow log"),
    ],
)
def test_fields_are_discovered(message, fields):
    found = discovered_fields(message)
    assert {name: found.get(name) for name in fields} == fields
    assert fields or not found


def test_two_hundred_fields_at_most_are_discovered():
    found = discovered_fields(json.dumps({f"f{n}": n for n in range(300)}))
    assert list(found) == [f"f{n}" for n in range(200)]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1394.6, "1394.6"),
        (1395.0, "1395.0"),
        (0.0, "0.0"),
        (0.001, "0.001"),
        (0.0005, "5.0E-4"),
        (1.28e8, "1.28E8"),
        (1e7, "1.0E7"),
        (9_999_999.5, "9999999.5"),
        (-1.5e300, "-1.5E300"),
        (123456789.125, "1.23456789125E8"),
    ],
)
def test_decimals_are_printed_as_by_java(number, text):
    assert java_double(number) == text
