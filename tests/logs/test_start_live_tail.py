"""StartLiveTail: what it takes, what its stream shows, who may."""

import pytest

from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.access import logs_access
from groundwatch.logs.arns import log_group_arn


@pytest.fixture
async def arn(operations, context):
    await operations.create_log_group(context, log_group_name="g")
    await operations.create_log_stream(context, log_group_name="g", log_stream_name="s")
    return log_group_arn(context.region, context.account_id, "g")


async def put(operations, context, *texts, stream="s"):
    events = [{"timestamp": context.received_ms, "message": text} for text in texts]
    await operations.put_log_events(context, log_group_name="g", log_stream_name=stream, log_events=events)


async def test_the_stream_begins_with_the_session_and_goes_on_with_updates(operations, context, arn):
    await put(operations, context, "before")
    output = await operations.start_live_tail(
        context,
        log_group_identifiers=[arn],
        log_stream_name_prefixes=["s"],
        log_event_filter_pattern="error",
    )
    await put(operations, context, "an error", "fine")
    start = await anext(output.events)
    assert start.name == "sessionStart"
    session_id = start.value.pop("sessionId")
    assert len(session_id) == 36
    assert start.value == {
        "requestId": context.request_id,
        "logGroupIdentifiers": [arn],
        "logStreamNames": [],
        "logStreamNamePrefixes": ["s"],
        "logEventFilterPattern": "error",
    }
    update = await anext(output.events)
    assert (update.name, update.value["sessionMetadata"]) == ("sessionUpdate", {"sampled": False})
    (event,) = update.value["sessionResults"]
    assert (event.message, event.log_stream_name, event.log_group_identifier) == ("an error", "s", arn)
    assert (event.timestamp, event.ingestion_time) == (context.received_ms, context.received_ms)
    await output.events.aclose()


async def test_the_stream_ends_when_the_server_stops(operations, room, context, arn):
    output = await operations.start_live_tail(context, log_group_identifiers=[arn])
    room.live_tail.stop()
    assert [event.name async for event in output.events] == ["sessionStart"]
    await output.events.aclose()
    assert not room.live_tail._open


async def test_an_answer_that_nobody_reads_can_be_closed(operations, room, context, arn):
    output = await operations.start_live_tail(context, log_group_identifiers=[arn])
    await output.events.aclose()
    assert not room.live_tail._open


async def test_empty_and_blank_patterns_show_everything(operations, context, arn):
    for pattern in ("", "  "):
        output = await operations.start_live_tail(
            context, log_group_identifiers=[arn], log_event_filter_pattern=pattern
        )
        await put(operations, context, "anything")
        await anext(output.events)
        assert len((await anext(output.events)).value["sessionResults"]) == 1
        await output.events.aclose()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"log_group_identifiers": ["g"]}, "InvalidParameterException", id="a name instead of an ARN"),
        pytest.param({"log_group_identifiers": ["arn:aws:s3:::g"]}, "InvalidParameterException", id="another ARN"),
        pytest.param({"log_group_identifiers": "none"}, "ResourceNotFoundException", id="a group that does not exist"),
        pytest.param(
            {"log_group_identifiers": "foreign"}, "ResourceNotFoundException", id="a group of another account"
        ),
        pytest.param(
            {"log_stream_names": ["s"], "log_stream_name_prefixes": ["s"]},
            "InvalidParameterException",
            id="names and prefixes",
        ),
        pytest.param(
            {"log_group_identifiers": "two", "log_stream_names": ["s"]},
            "InvalidParameterException",
            id="stream names with two groups",
        ),
        pytest.param(
            {"log_group_identifiers": "two", "log_stream_name_prefixes": ["s"]},
            "InvalidParameterException",
            id="stream prefixes with two groups",
        ),
        pytest.param({"log_event_filter_pattern": 'a"'}, "InvalidParameterException", id="a malformed pattern"),
        pytest.param({"log_group_identifiers": "cheap"}, "InvalidOperationException", id="another log class"),
    ],
)
async def test_bad_requests_start_nothing(operations, context, make_context, arn, change, code):
    stranger = make_context()
    await operations.create_log_group(stranger, log_group_name="theirs")
    await operations.create_log_group(context, log_group_name="cheap", log_group_class="INFREQUENT_ACCESS")
    places = {
        "none": [log_group_arn(context.region, context.account_id, "none")],
        "foreign": [log_group_arn(context.region, stranger.account_id, "theirs")],
        "two": [arn, arn],
        "cheap": [log_group_arn(context.region, context.account_id, "cheap")],
    }
    given_ = {"log_group_identifiers": [arn]} | change
    named = given_["log_group_identifiers"]
    given_["log_group_identifiers"] = places[named] if isinstance(named, str) else named
    with pytest.raises(ServiceError) as caught:
        await operations.start_live_tail(context, **given_)
    assert caught.value.code == code
    assert not isinstance(caught.value, NotImplementedByServer)
    assert not operations._room.live_tail._open


async def test_an_account_does_not_see_the_group_of_the_same_name_in_another(operations, context, make_context, arn):
    stranger = make_context()
    await operations.create_log_group(stranger, log_group_name="g")
    await operations.create_log_stream(stranger, log_group_name="g", log_stream_name="s")
    output = await operations.start_live_tail(context, log_group_identifiers=[arn])
    await put(operations, stranger, "theirs")
    await put(operations, context, "ours")
    await anext(output.events)
    (event,) = (await anext(output.events)).value["sessionResults"]
    assert event.message == "ours"
    await output.events.aclose()


def test_each_group_is_authorized_by_itself(context):
    arns = [log_group_arn(context.region, context.account_id, name) for name in ("a", "b")]
    checks = logs_access("StartLiveTail", {"logGroupIdentifiers": arns, "logEventFilterPattern": "x"}, context)
    assert [(check.action, check.resource) for check in checks] == [
        ("logs:StartLiveTail", f"{arn}:log-stream:") for arn in arns
    ]
