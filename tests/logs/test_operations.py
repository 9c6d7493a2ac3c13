import asyncio

import msgspec
import pytest
from tests.refusals import refusal

from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.events import event_id, parse_event_id

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000
NO_GROUP = "The specified log group does not exist."
NO_STREAM = "The specified log stream does not exist."


@pytest.fixture
async def stream(operations, context) -> dict[str, str]:
    await operations.create_log_group(context, log_group_name="/app/web")
    await operations.create_log_stream(context, log_group_name="/app/web", log_stream_name="i-1")
    return {"log_group_name": "/app/web", "log_stream_name": "i-1"}


def events(*pairs: tuple[int, str]) -> list[dict[str, object]]:
    return [{"timestamp": at, "message": message} for at, message in pairs]


def messages(answer) -> list[str]:
    return [event["message"] for event in shown(answer)]


def shown(answer) -> list[dict[str, object]]:
    # A page of one stream comes encoded.
    found = answer["events"]
    return msgspec.json.decode(found) if isinstance(found, msgspec.Raw) else found


class TestGroups:
    async def test_described_group_has_the_observed_members(self, operations, context):
        await operations.create_log_group(context, log_group_name="/app/web", tags={"team": "web"})
        answer = await operations.describe_log_groups(context)
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app/web"
        assert answer == {
            "logGroups": [
                {
                    "logGroupName": "/app/web",
                    "creationTime": NOW_MS,
                    "metricFilterCount": 0,
                    "arn": f"{arn}:*",
                    "storedBytes": 0,
                    "logGroupClass": "STANDARD",
                    "logGroupArn": arn,
                    "deletionProtectionEnabled": False,
                }
            ]
        }
        assert await operations.list_tags_for_resource(context, resource_arn=arn) == {"tags": {"team": "web"}}

    async def test_duplicate_name_is_refused(self, operations, context):
        await operations.create_log_group(context, log_group_name="g")
        code, message = await refusal(operations.create_log_group(context, log_group_name="g"))
        assert (code, message) == ("ResourceAlreadyExistsException", "The specified log group already exists")

    @pytest.mark.parametrize("name", ["aws/x", "AWS/x", "Aws/lambda"])
    async def test_reserved_prefix_is_refused_in_any_case(self, operations, context, name):
        code, message = await refusal(operations.create_log_group(context, log_group_name=name))
        assert (code, message) == ("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")

    async def test_names_come_in_byte_order_page_by_page(self, operations, context):
        for name in ("b", "B", "a/1", "a", "_"):
            await operations.create_log_group(context, log_group_name=name)
        names, token = [], None
        while True:
            page = await operations.describe_log_groups(context, limit=2, next_token=token)
            names += [group["logGroupName"] for group in page["logGroups"]]
            token = page.get("nextToken")
            if token is None:
                break
        assert names == ["B", "_", "a", "a/1", "b"]

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({"log_group_name_prefix": "/a"}, ["/a", "/a/x"]),
            ({"log_group_name_pattern": "A"}, ["/A"]),
            ({"log_group_name_pattern": "x"}, ["/a/x", "/bx"]),
            ({"log_group_class": "INFREQUENT_ACCESS"}, ["/bx"]),
            ({"log_group_class": "ESSENTIALS"}, ["/bx"]),
        ],
        ids=["prefix", "pattern is case-sensitive", "pattern is a substring", "class", "cheap classes are one"],
    )
    async def test_groups_are_chosen(self, operations, context, choice, expected):
        for name in ("/a", "/A", "/a/x"):
            await operations.create_log_group(context, log_group_name=name)
        await operations.create_log_group(context, log_group_name="/bx", log_group_class="INFREQUENT_ACCESS")
        answer = await operations.describe_log_groups(context, **choice)
        assert [group["logGroupName"] for group in answer["logGroups"]] == expected

    @pytest.mark.parametrize("operation", ["describe_log_groups", "list_log_groups"])
    async def test_there_are_no_linked_accounts(self, operations, context, operation):
        await operations.create_log_group(context, log_group_name="g")
        call = getattr(operations, operation)
        for choice in ({"include_linked_accounts": True}, {"account_identifiers": [context.account_id]}):
            assert [group["logGroupName"] for group in (await call(context, **choice))["logGroups"]] == ["g"]
        with pytest.raises(NotImplementedByServer, match="for other accounts"):
            await call(context, include_linked_accounts=True, account_identifiers=[context.account_id, "9" * 12])

    async def test_prefix_and_pattern_exclude_each_other(self, operations, context):
        call = operations.describe_log_groups(context, log_group_name_prefix="a", log_group_name_pattern="b")
        assert (await refusal(call))[1] == (
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )

    async def test_a_token_of_another_request_is_refused(self, operations, context):
        for name in ("a", "b"):
            await operations.create_log_group(context, log_group_name=name)
        token = (await operations.describe_log_groups(context, limit=1))["nextToken"]
        call = operations.describe_log_groups(context, log_group_name_prefix="a", next_token=token)
        assert (await refusal(call))[1] == "The specified nextToken is invalid."

    async def test_another_account_sees_nothing(self, operations, make_context, stream, context):
        other = make_context()
        assert await operations.describe_log_groups(other) == {"logGroups": []}
        assert await refusal(operations.get_log_events(other, **stream)) == ("ResourceNotFoundException", NO_GROUP)
        identifier = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app/web"
        call = operations.get_log_events(other, log_group_identifier=identifier, log_stream_name="i-1")
        assert await refusal(call) == ("ResourceNotFoundException", NO_GROUP)

    async def test_a_recreated_group_is_empty(self, operations, context, stream):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "old")))
        await operations.delete_log_group(context, log_group_name="/app/web")
        assert await refusal(operations.get_log_events(context, **stream)) == ("ResourceNotFoundException", NO_GROUP)
        await operations.create_log_group(context, log_group_name="/app/web")
        await operations.create_log_stream(context, **stream)
        assert messages(await operations.get_log_events(context, **stream)) == []

    async def test_deleted_events_are_reclaimed(self, operations, room, context, stream, event_database):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "old")))
        from groundwatch.logs.catalog import Tenant

        group = await room.catalog.group(Tenant(context.account_id, "us-east-1"), "/app/web")
        await operations.delete_log_group(context, log_group_name="/app/web")
        assert await room.reclaimer.reclaim() >= 1
        assert await room.catalog.waiting_reclaims() == []
        assert await room.store.stored_bytes([group.number]) == {}

    async def test_deletion_protection_holds(self, operations, context):
        await operations.create_log_group(context, log_group_name="g", deletion_protection_enabled=True)
        assert (await refusal(operations.delete_log_group(context, log_group_name="g")))[0] == "ValidationException"

    async def test_stored_bytes_count_messages(self, operations, context, stream):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "abc"), (NOW_MS, "é")))
        groups = (await operations.describe_log_groups(context))["logGroups"]
        assert groups[0]["storedBytes"] == 5


class TestRetention:
    async def test_a_value_that_the_service_does_not_have_is_refused(self, operations, context, stream):
        call = operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=2)
        code, message = await refusal(call)
        assert code == "InvalidParameterException"
        assert message.startswith("Invalid retention value. Valid values are: [1, 3, 5, 7, 14, 30, 60,")

    async def test_expired_events_are_hidden_and_come_back_when_retention_is_lifted(self, operations, context, stream):
        at = NOW_MS - 2 * DAY_MS
        await operations.put_log_events(context, **stream, log_events=events((at, "two days old")))
        await operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=1)
        groups = (await operations.describe_log_groups(context))["logGroups"]
        assert groups[0]["retentionInDays"] == 1
        assert messages(await operations.get_log_events(context, **stream)) == []
        assert messages(await operations.filter_log_events(context, log_group_name="/app/web")) == []
        await operations.delete_retention_policy(context, log_group_name="/app/web")
        assert messages(await operations.get_log_events(context, **stream)) == ["two days old"]


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


class TestPut:
    async def test_answer_has_a_sequence_token_of_56_digits(self, operations, context, stream):
        answer = await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "a")))
        assert list(answer) == ["nextSequenceToken"]
        assert len(answer["nextSequenceToken"]) == 56

    @pytest.mark.parametrize(
        ("batch", "message"),
        [
            (
                [(2, "a"), (1, "b")],
                "Log events in a single PutLogEvents request must be in chronological order.",
            ),
            (
                [(-DAY_MS - 1, "a"), (0, "b")],
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ),
            ([(0, "x" * 524_264), (0, "y" * 524_262)], "Upload too large: 1048578 bytes exceeds limit of 1048576"),
            ([(0, "é" * 524_263), (0, "y" * 100)], "Upload too large: 1048678 bytes exceeds limit of 1048576"),
            ([(0, "x" * 1_048_577)], "Log event too large: 1048577 bytes exceeds limit of 1048576"),
        ],
        ids=["order", "span", "batch bytes", "bytes, not characters", "event bytes"],
    )
    async def test_a_bad_batch_is_refused_whole(self, operations, context, stream, batch, message):
        shifted = events(*((NOW_MS + at, text) for at, text in batch))
        call = operations.put_log_events(context, **stream, log_events=shifted)
        assert await refusal(call) == ("InvalidParameterException", message)
        assert messages(await operations.get_log_events(context, **stream)) == []

    async def test_the_largest_batch_is_stored(self, operations, context, stream):
        largest = "x" * (1_048_576 - 26)
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, largest)))
        assert messages(await operations.get_log_events(context, **stream)) == [largest]

    @pytest.mark.parametrize(
        ("ages", "info", "stored"),
        [
            ([14 * DAY_MS + 1, 14 * DAY_MS], {"tooOldLogEventEndIndex": 1}, 1),
            ([7_200_000 * -1, -7_200_001], {"tooNewLogEventStartIndex": 1}, 1),
            ([15 * DAY_MS, 0, -10_000_000], {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}, 1),
            ([15 * DAY_MS], {"tooOldLogEventEndIndex": 1}, 0),
        ],
        ids=["too old", "too new", "prefix and suffix", "nothing left"],
    )
    async def test_events_outside_the_window_are_rejected_one_by_one(
        self, operations, context, stream, ages, info, stored
    ):
        batch = events(*((NOW_MS - age, "x") for age in ages))
        answer = await operations.put_log_events(context, **stream, log_events=batch)
        assert answer["rejectedLogEventsInfo"] == info
        assert len(messages(await operations.get_log_events(context, **stream))) == stored

    async def test_expired_events_are_rejected(self, operations, context, stream):
        await operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=1)
        batch = events((NOW_MS - DAY_MS - 1, "expired"), (NOW_MS - 1, "kept"))
        answer = await operations.put_log_events(context, **stream, log_events=batch)
        assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
        assert messages(await operations.get_log_events(context, **stream)) == ["kept"]

    async def test_half_a_surrogate_pair_is_refused(self, operations, context, stream):
        call = operations.put_log_events(context, **stream, log_events=events((NOW_MS, "\ud800")))
        assert (await refusal(call))[0] == "SerializationException"

    async def test_an_entity_never_fails_the_call(self, operations, context, stream):
        answer = await operations.put_log_events(
            context, **stream, log_events=events((NOW_MS, "a")), entity={"keyAttributes": {"Type": "Service"}}
        )
        assert answer["rejectedEntityInfo"] == {"errorType": "UnsupportedLogGroupType"}

    async def test_concurrent_puts_are_all_stored(self, operations, context, stream):
        puts = [
            operations.put_log_events(context, **stream, log_events=events((NOW_MS + n, f"m{n}"))) for n in range(40)
        ]
        await asyncio.gather(*puts)
        assert messages(await operations.get_log_events(context, **stream)) == [f"m{n}" for n in range(40)]


class TestGet:
    @pytest.fixture
    async def five(self, operations, context, stream):
        await operations.put_log_events(
            context, **stream, log_events=events(*((NOW_MS + n, f"m{n}") for n in range(5)))
        )
        return stream

    async def test_the_newest_page_comes_first_unless_asked_otherwise(self, operations, context, five):
        assert messages(await operations.get_log_events(context, **five, limit=2)) == ["m3", "m4"]
        assert messages(await operations.get_log_events(context, **five, limit=2, start_from_head=True)) == ["m0", "m1"]

    async def test_item_has_no_event_id(self, operations, context, five):
        answer = await operations.get_log_events(context, **five, limit=1)
        assert shown(answer) == [{"timestamp": NOW_MS + 4, "message": "m4", "ingestionTime": NOW_MS}]

    async def test_end_time_is_exclusive_and_start_time_inclusive(self, operations, context, five):
        answer = await operations.get_log_events(context, **five, start_time=NOW_MS + 1, end_time=NOW_MS + 3)
        assert messages(answer) == ["m1", "m2"]

    @pytest.mark.parametrize("start_from_head", [True, False])
    async def test_tokens_walk_to_both_ends_and_repeat_there(self, operations, context, five, start_from_head):
        first = await operations.get_log_events(context, **five, limit=2, start_from_head=start_from_head)
        member = "nextForwardToken" if start_from_head else "nextBackwardToken"
        seen, token = [messages(first)], first[member]
        while True:
            # Real clients leave startFromHead out on later pages: the token's letter decides.
            page = await operations.get_log_events(context, **five, limit=2, next_token=token)
            if page[member] == token:
                assert messages(page) == []
                break
            seen.append(messages(page))
            token = page[member]
        expected = [["m0", "m1"], ["m2", "m3"], ["m4"]] if start_from_head else [["m3", "m4"], ["m1", "m2"], ["m0"]]
        assert seen == expected

    @pytest.mark.parametrize("start_time", [2**62, 2**63 - 1])
    async def test_tokens_of_a_time_without_events_can_be_presented(self, operations, context, five, start_time):
        page = await operations.get_log_events(context, **five, start_time=start_time)
        for member in ("nextForwardToken", "nextBackwardToken"):
            again = await operations.get_log_events(context, **five, start_time=start_time, next_token=page[member])
            assert shown(again) == []

    async def test_a_forward_token_at_the_end_sees_what_comes_later(self, operations, context, five):
        token = (await operations.get_log_events(context, **five))["nextForwardToken"]
        await operations.put_log_events(context, **five, log_events=events((NOW_MS + 9, "later")))
        page = await operations.get_log_events(context, **five, next_token=token)
        assert messages(page) == ["later"]

    async def test_an_empty_stream_has_stable_tokens_that_lead_to_its_first_event(self, operations, context, stream):
        empty = await operations.get_log_events(context, **stream)
        again = await operations.get_log_events(context, **stream, next_token=empty["nextForwardToken"])
        assert again["nextForwardToken"] == empty["nextForwardToken"]
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "first")))
        page = await operations.get_log_events(context, **stream, next_token=empty["nextForwardToken"])
        assert messages(page) == ["first"]

    @pytest.mark.parametrize(
        "token", ["", "x", "f/12/s", "g/" + "1" * 56 + "/s", "f/" + "9" * 60 + "/s", "f/" + "٣" * 56]
    )
    async def test_bad_tokens_are_refused(self, operations, context, stream, token):
        call = operations.get_log_events(context, **stream, next_token=token or "f//s")
        assert await refusal(call) == ("InvalidParameterException", "The specified nextToken is invalid.")

    async def test_a_page_without_limit_ends_at_a_mebibyte(self, operations, context, stream):
        for n in range(3):
            big = events((NOW_MS + n, str(n) * 400_000))
            await operations.put_log_events(context, **stream, log_events=big)
        newest = await operations.get_log_events(context, **stream)
        assert [message[0] for message in messages(newest)] == ["1", "2"]
        oldest = await operations.get_log_events(context, **stream, start_from_head=True)
        assert [message[0] for message in messages(oldest)] == ["0", "1"]

    async def test_late_events_take_their_place(self, operations, context, five):
        await operations.get_log_events(context, **five)
        later = msgspec.structs.replace(context, received_ms=NOW_MS + 1)
        await operations.put_log_events(later, **five, log_events=events((NOW_MS + 2, "late"), (NOW_MS + 8, "m8")))
        assert messages(await operations.get_log_events(context, **five, limit=5)) == ["m2", "late", "m3", "m4", "m8"]


class TestFilter:
    @pytest.fixture
    async def two_streams(self, operations, context, stream):
        await operations.create_log_stream(context, log_group_name="/app/web", log_stream_name="j-2")
        for n in range(6):
            name = {"log_group_name": "/app/web", "log_stream_name": "i-1" if n % 2 else "j-2"}
            level = "ERROR" if n % 3 == 0 else "INFO"
            await operations.put_log_events(context, **name, log_events=events((NOW_MS + n, f"{level} m{n}")))
        return {"log_group_name": "/app/web"}

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({}, [0, 1, 2, 3, 4, 5]),
            ({"filter_pattern": "ERROR"}, [0, 3]),
            ({"filter_pattern": "-ERROR"}, [1, 2, 4, 5]),
            ({"filter_pattern": '?"m1" ?"m2"'}, [1, 2]),
            ({"log_stream_names": ["i-1"]}, [1, 3, 5]),
            ({"log_stream_names": ["i-1", "nope"]}, [1, 3, 5]),
            ({"log_stream_name_prefix": "j"}, [0, 2, 4]),
            ({"start_time": NOW_MS + 1, "end_time": NOW_MS + 3}, [1, 2, 3]),
            ({"start_time": NOW_MS, "start_from_head": False}, [5, 4, 3, 2, 1, 0]),
            ({"interleaved": False}, [0, 1, 2, 3, 4, 5]),
        ],
        ids=[
            "all",
            "term",
            "exclusion",
            "any",
            "names",
            "some names",
            "prefix",
            "inclusive end",
            "newest first",
            "ignored",
        ],
    )
    async def test_chosen_events_in_order(self, operations, context, two_streams, choice, expected):
        for limit in (2, 10_000):
            found, token = [], None
            while True:
                page = await operations.filter_log_events(
                    context, **two_streams, **choice, limit=limit, next_token=token
                )
                found += [int(message[-1]) for message in messages(page)]
                token = page.get("nextToken")
                if token is None:
                    break
            assert found == expected

    async def test_item_has_stream_and_event_id(self, operations, context, two_streams):
        page = await operations.filter_log_events(context, **two_streams, limit=1)
        event = page["events"][0]
        assert page["searchedLogStreams"] == []
        assert (event["logStreamName"], event["timestamp"]) == ("j-2", NOW_MS)
        assert event_id(parse_event_id(event["eventId"])) == event["eventId"]

    @pytest.mark.parametrize(
        ("choice", "code"),
        [
            ({"log_stream_names": ["a"], "log_stream_name_prefix": "b"}, "InvalidParameterException"),
            ({"log_stream_names": ["nope"]}, "ResourceNotFoundException"),
            ({"start_from_head": False}, "InvalidParameterException"),
            ({"next_token": "nonsense"}, "InvalidParameterException"),
            ({"filter_pattern": "a ["}, "InvalidParameterException"),
            ({"filter_pattern": "{ $.a == 1 }"}, "InvalidParameterException"),
        ],
    )
    async def test_refusals(self, operations, context, two_streams, choice, code):
        assert (await refusal(operations.filter_log_events(context, **two_streams, **choice)))[0] == code

    async def test_a_token_goes_on_with_its_own_request_only(self, operations, context, two_streams):
        token = (await operations.filter_log_events(context, **two_streams, limit=1))["nextToken"]
        call = operations.filter_log_events(context, **two_streams, filter_pattern="ERROR", next_token=token)
        assert (await refusal(call))[1] == "The specified nextToken is invalid."


def test_event_ids_sort_as_their_keys():
    from groundwatch.logs.events import EventKey

    keys = [
        EventKey(1, 0, 0, 0),
        EventKey(NOW_MS, 5, 2**63, 9),
        EventKey(NOW_MS, 6, 0, 0),
        EventKey(NOW_MS + 1, 0, 0, 0),
    ]
    assert [parse_event_id(event_id(key)) for key in keys] == keys
    assert sorted(map(event_id, keys)) == [event_id(key) for key in keys]
    assert isinstance(NotImplementedByServer("x"), ServiceError)
    assert msgspec.json.encode(keys[0]) == b"[1,0,0,0]"


class TestListGroups:
    @pytest.fixture
    async def groups(self, operations, context):
        tags = {"/app/web": {"team": "Web"}, "/app/api": {"team": "api", "env": "prod"}, "/db/main": {}}
        for name, own in tags.items():
            await operations.create_log_group(context, log_group_name=name, tags=own)

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({}, ["/app/api", "/app/web", "/db/main"]),
            ({"log_group_name_pattern": "^/app"}, ["/app/api", "/app/web"]),
            ({"log_group_name_pattern": "web|^/db"}, ["/app/web", "/db/main"]),
            ({"log_group_name_pattern": "WEB"}, []),
            ({"log_group_tags": [{"key": "team"}]}, ["/app/api", "/app/web"]),
            ({"log_group_tags": [{"key": "team", "values": ["web", "x"]}]}, ["/app/web"]),
            ({"log_group_tags": [{"key": "team", "values": ["!web"]}]}, ["/app/api", "/db/main"]),
            (
                {"log_group_tags": [{"key": "team", "values": ["*P*"]}, {"key": "env", "values": ["pr*d"]}]},
                ["/app/api"],
            ),
            ({"log_group_class": "DELIVERY"}, []),
        ],
        ids=["all", "prefix", "alternatives", "case", "tag key", "tag values", "negated", "wildcards", "class"],
    )
    async def test_groups_are_chosen(self, operations, context, groups, choice, expected):
        for limit in (1, 50):
            names, token = [], None
            while True:
                page = await operations.list_log_groups(context, **choice, limit=limit, next_token=token)
                names += [group["logGroupName"] for group in page["logGroups"]]
                token = page.get("nextToken")
                if token is None:
                    break
            assert names == expected

    async def test_items_are_short(self, operations, context, groups):
        page = await operations.list_log_groups(context, log_group_name_pattern="/db")
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/db/main"
        assert page == {"logGroups": [{"logGroupName": "/db/main", "logGroupArn": arn, "logGroupClass": "STANDARD"}]}

    async def test_groups_are_described_by_identifier(self, operations, context, groups):
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/db/main"
        page = await operations.describe_log_groups(context, log_group_identifiers=[arn, "/app/web"])
        assert [group["logGroupName"] for group in page["logGroups"]] == ["/app/web", "/db/main"]

    async def test_both_generations_of_tag_operations_see_the_same_tags(self, operations, context, groups):
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/db/main"
        await operations.tag_log_group(context, log_group_name="/db/main", tags={"a": "1", "b": "2"})
        await operations.tag_resource(context, resource_arn=arn, tags={"b": "3"})
        assert await operations.list_tags_log_group(context, log_group_name="/db/main") == {
            "tags": {"a": "1", "b": "3"}
        }
        await operations.untag_resource(context, resource_arn=arn, tag_keys=["a", "absent"])
        await operations.untag_log_group(context, log_group_name="/db/main", tags=["absent"])
        assert await operations.list_tags_for_resource(context, resource_arn=arn) == {"tags": {"b": "3"}}
        too_many = {f"k{n}": "" for n in range(50)}
        assert (await refusal(operations.tag_resource(context, resource_arn=arn, tags=too_many)))[0] == (
            "TooManyTagsException"
        )

    async def test_protection_is_put_and_lifted(self, operations, context, groups):
        place = {"log_group_identifier": "/db/main"}
        await operations.put_log_group_deletion_protection(context, **place, deletion_protection_enabled=True)
        assert (await refusal(operations.delete_log_group(context, log_group_name="/db/main")))[0] == (
            "ValidationException"
        )
        await operations.put_log_group_deletion_protection(context, **place, deletion_protection_enabled=False)
        await operations.delete_log_group(context, log_group_name="/db/main")


async def test_expired_events_give_their_space_back(operations, room, context, stream, clock):
    from groundwatch.logs.catalog import Tenant

    old, new = NOW_MS - 2 * DAY_MS, NOW_MS
    await operations.put_log_events(context, **stream, log_events=events((old, "expired")))
    await operations.put_log_events(context, **stream, log_events=events((new, "kept")))
    await room.reclaimer.expire()
    group = await room.catalog.group(Tenant(context.account_id, "us-east-1"), "/app/web")
    assert (await room.store.stored_bytes([group.number]))[group.number] == len("expiredkept")
    await operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=1)
    await room.reclaimer.expire()
    assert (await room.store.stored_bytes([group.number]))[group.number] == len("kept")
    await operations.delete_retention_policy(context, log_group_name="/app/web")
    assert messages(await operations.filter_log_events(context, log_group_name="/app/web")) == ["kept"]
