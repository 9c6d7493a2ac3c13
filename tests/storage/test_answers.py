"""What is kept of the database's answers, for how long, and what a change drops."""

import asyncio

import pytest
from tests.clocks import ManualClock

from groundwatch.storage.answers import Answers


class Loader:
    """Counts how often it is asked; None stands for nothing found."""

    def __init__(self) -> None:
        self.count = 0
        self.value: str | None = "v"

    async def __call__(self) -> str | None:
        self.count += 1
        return self.value


@pytest.mark.parametrize(
    ("life_ms", "passed_ms", "loads"),
    [
        pytest.param(1_000, 999, 1, id="young enough"),
        pytest.param(1_000, 1_000, 2, id="too old"),
        pytest.param(1_000, -1, 2, id="from the future: the clock was set back"),
        pytest.param(None, 10**9, 1, id="without end"),
    ],
)
async def test_answers_live_as_long_as_they_may(life_ms, passed_ms, loads):
    clock, load = ManualClock(0), Loader()
    answers = Answers(clock, life_ms=life_ms)
    assert [await answers.get("k", load) for _ in range(3)] == ["v"] * 3
    assert load.count == 1
    clock.now_ms += passed_ms
    assert await answers.get("k", load) == "v"
    assert load.count == loads


async def test_the_least_recently_used_answer_goes_first():
    answers, load = Answers(ManualClock(0), life_ms=None, capacity=2), Loader()
    for key in ("a", "b", "a", "c"):
        await answers.get(key, load)
    assert [answers.peek(key) for key in "abc"] == ["v", None, "v"]


async def test_absent_values_are_asked_for_again():
    answers, load = Answers(ManualClock(0), life_ms=None), Loader()
    load.value = None
    assert [await answers.get("k", load) for _ in range(2)] == [None, None]
    assert load.count == 2


async def test_of_several_answers_only_unknown_ones_are_asked_for():
    answers, asked = Answers(ManualClock(0), life_ms=None), []

    async def load(keys):
        asked.append(list(keys))
        return {key: key.upper() for key in keys if key != "x"}

    assert await answers.get_all("ab", load) == {"a": "A", "b": "B"}
    assert await answers.get_all("xbc", load) == {"b": "B", "c": "C"}
    assert await answers.get_all("abc", load) == {"a": "A", "b": "B", "c": "C"}
    assert asked == [["a", "b"], ["x", "c"]]


async def test_several_answers_of_before_a_change_are_not_kept():
    answers = Answers(ManualClock(0), life_ms=None)

    async def load(keys):
        answers.drop("a")
        return dict.fromkeys(keys, "old")

    assert await answers.get_all("ab", load) == {"a": "old", "b": "old"}
    assert [answers.peek(key) for key in "ab"] == [None, None]


DROPS = [
    pytest.param(lambda answers: answers.drop("k"), id="this one"),
    pytest.param(lambda answers: answers.drop("other"), id="another one: nobody knows what the change concerned"),
    pytest.param(lambda answers: answers.drop_where(lambda key: key == "k"), id="some"),
    pytest.param(lambda answers: answers.clear(), id="all"),
]


@pytest.mark.parametrize("drop", DROPS)
async def test_what_was_asked_before_a_change_is_not_kept(drop):
    """Else a group that is deleted and made again would keep its old number for ever."""
    answers, go_on = Answers(ManualClock(0), life_ms=None), asyncio.Event()

    async def slow() -> str:
        await go_on.wait()
        return "outdated"

    asking = asyncio.create_task(answers.get("k", slow))
    await asyncio.sleep(0)
    drop(answers)
    go_on.set()
    assert await asking == "outdated"
    assert answers.peek("k") is None


async def test_a_change_drops_what_it_concerns():
    answers, load = Answers(ManualClock(0), life_ms=None), Loader()
    for key in "abc":
        await answers.get(key, load)
    answers.drop("a")
    assert [answers.peek(key) for key in "abc"] == [None, "v", "v"]
    answers.drop_where(lambda key: key == "b")
    assert [answers.peek(key) for key in "abc"] == [None, None, "v"]
    answers.clear()
    assert answers.peek("c") is None
