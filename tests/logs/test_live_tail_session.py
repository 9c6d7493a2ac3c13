"""What a session of a live tail shows, and how much of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwatch.logs import live_tail_session
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
