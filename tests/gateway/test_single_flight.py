"""Calls that share one run."""

from __future__ import annotations

import asyncio

import pytest

from groundwatch.gateway.authorizers.flights import SingleFlight


class Work:
    def __init__(self):
        self.runs = 0
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    async def __call__(self):
        self.runs += 1
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return f"run {self.runs}"


def waiting(flights, work, count, key="k"):
    return [asyncio.ensure_future(flights.run(key, work)) for _ in range(count)]


async def test_one_run_for_all_who_ask_meanwhile_and_a_new_one_after_it():
    flights, work = SingleFlight(), Work()
    asking = [*waiting(flights, work, 3), *waiting(flights, Work(), 0)]
    await work.begun.wait()
    work.go_on.set()
    assert await asyncio.gather(*asking) == ["run 1"] * 3
    assert await flights.run("k", work) == "run 2"


async def test_other_keys_have_runs_of_their_own():
    flights, work = SingleFlight(), Work()
    work.go_on.set()
    await asyncio.gather(*waiting(flights, work, 2, "a"), *waiting(flights, work, 2, "b"))
    assert work.runs == 2


async def test_failures_are_shared():
    flights, runs = SingleFlight(), []

    async def fail():
        runs.append(1)
        raise ValueError("no")

    found = await asyncio.gather(*waiting(flights, fail, 3), return_exceptions=True)
    assert [str(error) for error in found] == ["no"] * 3
    assert len(runs) == 1


async def test_a_run_outlives_the_one_who_began_it():
    flights, work = SingleFlight(), Work()
    first, second = waiting(flights, work, 2)
    await work.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.go_on.set()
    assert await second == "run 1"


async def test_a_run_that_nobody_waits_for_ends_and_nobody_joins_it():
    flights, work = SingleFlight(), Work()
    (only,) = waiting(flights, work, 1)
    await work.begun.wait()
    only.cancel()
    with pytest.raises(asyncio.CancelledError):
        await only
    later = Work()
    later.go_on.set()
    assert await flights.run("k", later) == "run 1"
    assert work.cancelled


async def test_who_asks_after_a_key_was_forgotten_gets_a_new_run():
    flights, old, new = SingleFlight(), Work(), Work()
    (before,) = waiting(flights, old, 1)
    await old.begun.wait()
    flights.forget(lambda key: key == "k")
    new.go_on.set()
    assert await flights.run("k", new) == "run 1"
    old.go_on.set()
    assert await before == "run 1"
