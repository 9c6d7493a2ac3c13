"""What the hub of live tails gives to whom, and when."""

import asyncio
import itertools

import pytest
from tests.logs.test_live_tail_session import ACCOUNT, ALL, GROUP, batch, messages, numbered

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.live_tail import SESSION_MS, LiveTail, Timing
from groundwatch.logs.live_tail_session import TailRequest, Update
from groundwatch.logs.patterns.sifting import one_by_one


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
