"""PutLogEvents, GetLogEvents, FilterLogEvents, and the ids of events."""

import asyncio

import msgspec
import pytest
from tests.logs.put_events import DAY_MS, NOW_MS, events, messages, shown
from tests.refusals import refusal

from groundwatch.logs.events import EventKey, event_id, parse_event_id


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
    keys = [
        EventKey(1, 0, 0, 0),
        EventKey(NOW_MS, 5, 2**63, 9),
        EventKey(NOW_MS, 6, 0, 0),
        EventKey(NOW_MS + 1, 0, 0, 0),
    ]
    assert [parse_event_id(event_id(key)) for key in keys] == keys
    assert sorted(map(event_id, keys)) == [event_id(key) for key in keys]
