"""Live tails: what a session shows and how much of it, what the hub gives to whom, and what StartLiveTail takes."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs import live_tail_session
from groundwatch.logs.access import logs_access
from groundwatch.logs.arns import log_group_arn
from groundwatch.logs.live_tail import SESSION_MS, LiveTail, Timing
from groundwatch.logs.live_tail_session import (
    BUFFERED_BYTES,
    BUFFERED_UPDATES,
    EVENTS_A_SECOND,
    UPDATE_BYTES,
    WAITING_BYTES,
    TailRequest,
    TailSession,
    Update,
)
from groundwatch.logs.patterns.sifting import one_by_one
from groundwatch.logs.writer import Batch

GROUP = 7
ACCOUNT = "123456789012"
ALL = TailRequest(ACCOUNT, {GROUP: "arn:g"})


def batch(*messages: str, group: int = GROUP, stream: str = "s", size_bytes: int | None = None) -> Batch:
    size = sum(map(len, messages)) if size_bytes is None else size_bytes
    return Batch(group, 1, 2_000, 1, range(1_000, 1_000 + len(messages)), messages, size, stream)


def numbered(count: int, first: int = 0) -> Batch:
    return batch(*map(str, range(first, first + count)))


def show(session: TailSession, now_ms: int, *batches: Batch) -> Update | None:
    """Offer batches, match them, and take the update that is due then."""
    for offered in batches:
        session.offer(offered)
    while session.has_waiting:
        session.match(now_ms)
    return session.take(now_ms)


def messages(update: Update | None) -> list[str]:
    return [event.message for event in update.events] if update else []


# What a session shows


def test_an_event_is_shown_with_its_place_and_times():
    update = show(TailSession(ALL, 0), 0, batch("a", "b"))
    assert [(event.message, event.timestamp) for event in update.events] == [("a", 1_000), ("b", 1_001)]
    event = update.events[0]
    assert (event.log_stream_name, event.log_group_identifier, event.ingestion_time) == ("s", "arn:g", 2_000)
    assert not update.sampled


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        pytest.param(ALL, ["a1", "a2", "b1"], id="no choice shows every stream"),
        pytest.param(
            TailRequest(ACCOUNT, {GROUP: ""}, stream_names=frozenset({"a/1", "b/1"})), ["a1", "b1"], id="names"
        ),
        pytest.param(TailRequest(ACCOUNT, {GROUP: ""}, stream_names=frozenset({"a"})), [], id="names are whole"),
        pytest.param(TailRequest(ACCOUNT, {GROUP: ""}, stream_prefixes=("a/", "c")), ["a1", "a2"], id="prefixes"),
        pytest.param(TailRequest(ACCOUNT, {GROUP: ""}, one_by_one("a2".__eq__)), ["a2"], id="a pattern"),
    ],
)
def test_streams_and_pattern_choose(request_, shown):
    batches = [batch("a1", stream="a/1"), batch("a2", stream="a/2"), batch("b1", stream="b/1")]
    assert messages(show(TailSession(request_, 0), 0, *batches)) == shown


def test_an_event_in_silence_shows_at_once_and_the_next_one_after_the_interval():
    session = TailSession(ALL, 0)
    assert messages(show(session, 5_000, batch("a"))) == ["a"]
    assert show(session, 5_001, batch("b")) is None
    assert session.due_ms() == 5_100
    assert session.take(5_099) is None
    assert messages(session.take(5_100)) == ["b"]


def test_silence_is_told_once_a_second():
    session = TailSession(ALL, 0)
    assert session.take(999) is None
    assert session.take(1_000) == Update()
    assert session.take(1_999) is None
    assert session.due_ms() == 2_000
    assert messages(show(session, 1_999, batch("a"))) == ["a"]
    assert session.take(2_998) is None
    assert session.take(2_999) == Update()


def test_a_long_batch_is_matched_in_slices():
    looked_at = []
    session = TailSession(
        TailRequest(ACCOUNT, {GROUP: ""}, one_by_one(lambda message: looked_at.append(message) or True)), 0
    )
    session.offer(numbered(300))
    session.match(0)
    assert len(looked_at) == live_tail_session.SLICE_EVENTS
    session.match(0)
    assert (len(looked_at), session.has_waiting) == (300, False)
    assert messages(session.take(0)) == [str(n) for n in range(300)]


# Floods


def test_a_burst_of_a_whole_seconds_share_is_shown_at_once():
    update = show(TailSession(ALL, 0), 0, numbered(EVENTS_A_SECOND))
    assert (len(update.events), update.sampled) == (EVENTS_A_SECOND, False)


def test_a_larger_burst_is_sampled_evenly():
    update = show(TailSession(ALL, 0), 0, numbered(600), numbered(1_400, first=600))
    assert messages(update) == [str(4 * n) for n in range(500)]
    assert update.sampled


def test_nothing_more_is_shown_in_a_second_whose_share_is_used_up():
    session = TailSession(ALL, 0)
    show(session, 0, numbered(500))
    assert show(session, 500, batch("late")) is None
    assert show(session, 1_000, batch("next second")) == Update(
        show(TailSession(ALL, 0), 0, batch("next second")).events, sampled=True
    )


def test_a_lasting_flood_shows_a_steady_sample():
    session = TailSession(ALL, 0)
    shown = [len(messages(show(session, now_ms, numbered(1_000)))) for now_ms in range(0, 3_000, 100)]
    assert shown == [500] + [0] * 9 + [50] * 20


def test_a_flood_that_ends_leaves_the_next_second_its_whole_share():
    session = TailSession(ALL, 0)
    show(session, 0, numbered(5_000))
    assert len(show(session, 1_000, numbered(400)).events) == 400
    assert len(show(session, 2_000, numbered(500)).events) == 500


@given(st.lists(st.tuples(st.integers(0, 1_500), st.integers(0, 900)), max_size=40))
def test_no_second_shows_more_than_its_share_and_what_is_missing_is_told(arrivals):
    session = TailSession(ALL, 0)
    now_ms = sent = 0
    by_second: dict[int, int] = {}
    shown, told = [], False
    for gap_ms, count in arrivals:
        now_ms += gap_ms
        update = show(session, now_ms, *([numbered(count, first=sent)] if count else []))
        sent += count
        if update is not None:
            second = now_ms // 1_000
            by_second[second] = by_second.get(second, 0) + len(update.events)
            shown += map(int, messages(update))
            told = told or update.sampled
    for end_ms in (now_ms + 1_000, now_ms + 2_000):
        update = session.take(end_ms)
        shown += map(int, messages(update))
        told = told or (update is not None and update.sampled)
    assert all(count <= EVENTS_A_SECOND for count in by_second.values())
    assert shown == sorted(set(shown))
    assert told == (len(shown) < sent)


# Slow clients


def flood(session: TailSession, end_s: int) -> None:
    """Let so many seconds pass, with fifty events every tenth of a second, while nobody takes updates."""
    for tenth in range(end_s * 10):
        session.offer(batch(*[str(tenth)] * 50))
        session.match(tenth * 100)


def test_what_waits_for_a_slow_client_is_joined_second_by_second():
    session = TailSession(ALL, 0)
    flood(session, 3)
    taken = [session.take(3_000) for _ in range(4)]
    assert [messages(update)[0] for update in taken] == ["0", "9", "19", "29"]
    assert [len(messages(update)) for update in taken] == [450, 500, 500, 50]
    assert session.take(3_000) is None
    assert not any(update.sampled for update in taken)


def test_the_oldest_seconds_are_dropped_and_the_client_is_told():
    session = TailSession(ALL, 0)
    flood(session, 14)
    taken = [session.take(14_000) for _ in range(BUFFERED_UPDATES)]
    assert [messages(update)[0] for update in taken] == [str(10 * second - 1) for second in range(4, 14)]
    assert [update.sampled for update in taken] == [True] + [False] * 9
    assert sum(len(update.events) for update in taken) == 5_000


def test_large_messages_go_into_several_updates_that_fit_into_a_frame():
    session = TailSession(ALL, 0)
    mebibyte = "x" * (1024 * 1024 - 26)
    first = show(session, 0, *(batch(mebibyte) for _ in range(5)))
    taken = [first, session.take(0), session.take(0)]
    assert [len(update.events) for update in taken] == [2, 2, 1]
    assert sum(len(event.message) for event in first.events) < UPDATE_BYTES


def test_large_messages_for_a_slow_client_are_bounded_in_bytes():
    session = TailSession(ALL, 0)
    for second in range(BUFFERED_UPDATES):
        for _ in range(4):
            session.offer(batch("x" * 1_000_000))
            session.match(second * 1_000)
    taken = []
    while (update := session.take(10_000)) is not None:
        taken.append(update)
    assert taken[0].sampled
    still_gathering = 4
    assert sum(len(update.events) for update in taken) == BUFFERED_BYTES // 1_000_026 + still_gathering


def test_what_waits_to_be_matched_is_bounded_and_its_loss_is_told():
    session = TailSession(ALL, 0)
    update = show(session, 0, *(batch(name, size_bytes=WAITING_BYTES // 2) for name in "abc"))
    assert (messages(update), update.sampled) == (["b", "c"], True)


def test_a_batch_larger_than_all_that_may_wait_is_matched_all_the_same():
    assert messages(show(TailSession(ALL, 0), 0, batch("a", size_bytes=WAITING_BYTES + 1))) == ["a"]


def test_the_end_takes_what_there_is_without_waiting():
    session = TailSession(ALL, 0)
    show(session, 0, batch("a"))
    show(session, 1, batch("b"))
    assert messages(session.take(1, final=True)) == ["b"]
    assert session.take(5_000, final=True) is None


# The hub


class FakeTiming(Timing):
    """Time that passes only when somebody waits for nothing."""

    def __init__(self) -> None:
        self.ms = 0
        self.work_times_s = iter(())
        self.pauses_s: list[float] = []

    def now_ms(self) -> int:
        return self.ms

    def work_s(self) -> float:
        return next(self.work_times_s, 0.0)

    async def wait(self, event, timeout_ms) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        if not event.is_set():
            self.ms += timeout_ms

    async def pause(self, duration_s) -> None:
        self.pauses_s.append(duration_s)
        await asyncio.sleep(0)


@pytest.fixture
def timing() -> FakeTiming:
    return FakeTiming()


@pytest.fixture
def hub(timing) -> LiveTail:
    return LiveTail(timing, max_sessions=3)


async def test_a_commit_reaches_the_sessions_of_its_group_alone(hub):
    ours, other = hub.open(ALL), hub.open(TailRequest(ACCOUNT, {8: "arn:h"}))
    both = hub.open(TailRequest(ACCOUNT, {GROUP: "arn:g", 8: "arn:h"}))
    hub.committed([batch("a"), batch("b", group=8), batch("c", group=9)])
    assert messages(await ours.next_update()) == ["a"]
    assert messages(await other.next_update()) == ["b"]
    update = await both.next_update()
    assert [(event.message, event.log_group_identifier) for event in update.events] == [("a", "arn:g"), ("b", "arn:h")]


async def test_what_was_committed_before_the_start_is_not_shown(hub):
    hub.committed([batch("before")])
    tail = hub.open(ALL)
    hub.committed([batch("after")])
    assert messages(await tail.next_update()) == ["after"]


async def test_an_idle_session_gets_an_event_without_waiting_and_silence_after_a_second(hub, timing):
    tail = hub.open(ALL)
    assert await tail.next_update() == Update()
    assert timing.ms == 1_000
    waiting = asyncio.ensure_future(tail.next_update())
    await asyncio.sleep(0)
    hub.committed([batch("a")])
    assert messages(await waiting) == ["a"]
    assert timing.ms == 1_000


async def test_a_closed_session_gets_nothing_and_leaves_no_trace(hub):
    tail = hub.open(ALL)
    hub.committed([batch("a")])
    tail.close()
    tail.close()
    hub.committed([batch("b")])
    await asyncio.sleep(0)
    assert (hub._by_group, hub._open, hub._accounts) == ({}, {}, {})
    assert not tail.session.take(0)


async def test_a_session_ends_after_three_hours(hub, timing):
    tail = hub.open(ALL)
    timing.ms = SESSION_MS - 1
    assert await tail.next_update() == Update()
    with pytest.raises(ServiceError) as caught:
        await tail.next_update()
    assert (caught.value.code, timing.ms) == ("SessionTimeoutException", SESSION_MS)
    assert SESSION_MS == 3 * 3_600_000


async def test_an_account_has_a_limited_number_of_sessions(hub):
    tails = [hub.open(ALL) for _ in range(3)]
    with pytest.raises(ServiceError) as caught:
        hub.open(ALL)
    assert caught.value.code == "LimitExceededException"
    hub.open(TailRequest("210987654321", {GROUP: "arn:g"}))
    tails[0].close()
    hub.open(ALL)


async def test_a_session_that_cannot_be_matched_ends_alone(hub, caplog):
    def broken(message):
        raise RuntimeError(message)

    failing, healthy = hub.open(TailRequest(ACCOUNT, {GROUP: ""}, one_by_one(broken))), hub.open(ALL)
    hub.committed([batch("a")])
    with pytest.raises(ServiceError) as caught:
        await failing.next_update()
    assert caught.value.code == "SessionStreamingException"
    assert messages(await healthy.next_update()) == ["a"]
    assert "live tail" in caplog.text
    hub.committed([batch("b")])
    assert messages(await healthy.next_update()) == ["b"]


async def test_each_session_has_its_turn(hub):
    turns = []

    def noting(name):
        return lambda message: turns.append(name) or True

    for name in "ab":
        hub.open(TailRequest(ACCOUNT, {GROUP: ""}, one_by_one(noting(name))))
    hub.committed([numbered(512)])
    await hub._matching
    assert turns == ["a"] * 256 + ["b"] * 256 + ["a"] * 256 + ["b"] * 256


@pytest.mark.parametrize(
    ("lag_s", "pauses_s"),
    [
        pytest.param(0.0001, [0, 0], id="an idle loop is used"),
        pytest.param(0.001, [0, 0.012, 0, 0.012], id="a busy loop is left alone four times as long as it was used"),
    ],
)
async def test_matching_gives_way_after_a_slice(hub, timing, lag_s, pauses_s):
    hub.open(TailRequest(ACCOUNT, {GROUP: ""}, one_by_one(bool)))
    # A slice begins, ends after 3 ms, and the loop comes back after the lag.
    steps_s = itertools.cycle((0.003, 0, lag_s, 0))
    timing.work_times_s = itertools.accumulate(steps_s, initial=0.0)
    hub.committed([numbered(512)])
    await hub._matching
    assert timing.pauses_s == [pytest.approx(pause_s) for pause_s in pauses_s]


async def test_stopping_ends_every_session_after_what_it_has(hub):
    tail = hub.open(ALL)
    hub.committed([batch("a")])
    assert messages(await tail.next_update()) == ["a"]
    hub.committed([batch("b")])
    await asyncio.sleep(0)
    hub.stop()
    assert messages(await tail.next_update()) == ["b"]
    assert await tail.next_update() is None
    assert await hub.open(TailRequest(ACCOUNT, {8: ""})).next_update() is None


async def test_a_waiting_client_learns_of_the_stop_at_once():
    hub = LiveTail()
    waiting = asyncio.ensure_future(hub.open(ALL).next_update())
    await asyncio.sleep(0)
    hub.stop()
    assert await waiting is None


async def test_real_time_waits_for_news_or_for_the_end_of_the_time():
    timing, event = Timing(), asyncio.Event()
    before_ms = timing.now_ms()
    await timing.wait(event, 1)
    event.set()
    await timing.wait(event, 60_000)
    await timing.pause(0)
    assert timing.now_ms() - before_ms < 60_000
    assert timing.work_s() <= timing.work_s()


# StartLiveTail


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
