"""Operations on log streams."""

import pytest
from tests.logs.put_events import NOW_MS, events, messages
from tests.refusals import refusal

NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."


class TestStreams:
    async def test_fresh_stream_has_no_event_times(self, operations, context, stream):
        (described,) = (await operations.describe_log_streams(context, log_group_name="/app/web"))["logStreams"]
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app/web:log-stream:i-1"
        assert described.pop("uploadSequenceToken")
        assert described == {"logStreamName": "i-1", "creationTime": NOW_MS, "arn": arn, "storedBytes": 0}

    async def test_event_times_are_told_at_once(self, operations, context, stream):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS - 5, "a"), (NOW_MS + 7, "b")))
        described = (await operations.describe_log_streams(context, log_group_name="/app/web"))["logStreams"][0]
        assert described["firstEventTimestamp"] == NOW_MS - 5
        assert described["lastEventTimestamp"] == NOW_MS + 7
        assert described["lastIngestionTime"] == NOW_MS

    @pytest.mark.parametrize("descending", [False, True])
    async def test_both_orders_page_through_everything(self, operations, context, stream, descending):
        for n in range(4):
            name = {"log_group_name": "/app/web", "log_stream_name": f"s{n}"}
            await operations.create_log_stream(context, **name)
            await operations.put_log_events(context, **name, log_events=events((NOW_MS - n, "x")))
        by_name = await pages(operations, context, order_by="LogStreamName", descending=descending)
        by_time = await pages(operations, context, order_by="LastEventTime", descending=descending)
        assert by_name == sorted(["i-1", "s0", "s1", "s2", "s3"], reverse=descending)
        in_time = ["i-1", "s3", "s2", "s1", "s0"]
        assert by_time == (in_time[::-1] if descending else in_time)

    @pytest.mark.parametrize("change", ["gets an event", "is deleted"])
    async def test_pages_by_time_go_on_when_the_last_stream_of_a_page(self, operations, context, stream, change):
        names = [stream | {"log_stream_name": f"s{n}"} for n in range(4)]
        for n, name in enumerate(names):
            await operations.create_log_stream(context, **name)
            await operations.put_log_events(context, **name, log_events=events((NOW_MS - n, "x")))
        listing = {"log_group_name": "/app/web", "order_by": "LastEventTime", "descending": True, "limit": 2}
        first = await operations.describe_log_streams(context, **listing)
        assert [found["logStreamName"] for found in first["logStreams"]] == ["s0", "s1"]
        if change == "is deleted":
            await operations.delete_log_stream(context, **names[1])
        else:
            await operations.put_log_events(context, **names[1], log_events=events((NOW_MS + 1, "x")))
        second = await operations.describe_log_streams(context, **listing, next_token=first["nextToken"])
        assert [found["logStreamName"] for found in second["logStreams"]] == ["s2", "s3"]

    async def test_prefix_and_last_event_time_exclude_each_other(self, operations, context, stream):
        call = operations.describe_log_streams(
            context, log_group_name="/app/web", log_stream_name_prefix="i", order_by="LastEventTime"
        )
        assert (await refusal(call))[1] == "Cannot order by LastEventTime with a logStreamNamePrefix."

    async def test_name_and_identifier_exclude_each_other(self, operations, context, stream):
        call = operations.describe_log_streams(context, log_group_name="/app/web", log_group_identifier="/app/web")
        assert await refusal(call) == (
            "ValidationException",
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )

    async def test_missing_names(self, operations, context, stream):
        missing_group = operations.create_log_stream(context, log_group_name="nope", log_stream_name="s")
        assert await refusal(missing_group) == ("ResourceNotFoundException", NO_GROUP)
        duplicate = operations.create_log_stream(context, **stream)
        assert await refusal(duplicate) == (
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        )
        gone = operations.delete_log_stream(context, log_group_name="/app/web", log_stream_name="nope")
        assert await refusal(gone) == ("ResourceNotFoundException", NO_STREAM)

    async def test_a_recreated_stream_is_empty(self, operations, room, context, stream):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "old")))
        assert messages(await operations.get_log_events(context, **stream)) == ["old"]
        await operations.delete_log_stream(context, **stream)
        await operations.create_log_stream(context, **stream)
        assert messages(await operations.get_log_events(context, **stream)) == []
        assert await room.reclaimer.reclaim() >= 1


async def pages(operations, context, **choice) -> list[str]:
    names, token = [], None
    while True:
        page = await operations.describe_log_streams(
            context, log_group_name="/app/web", limit=2, next_token=token, **choice
        )
        names += [stream["logStreamName"] for stream in page["logStreams"]]
        token = page.get("nextToken")
        if token is None:
            return names
