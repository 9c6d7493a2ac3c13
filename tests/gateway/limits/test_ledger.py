"""Quotas: counted, durable, renewed, extended."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import OperationalError
from tests.clocks import ManualClock

from groundwatch.gateway.definition import Quota
from groundwatch.gateway.limits.ledger import UsageLedger
from groundwatch.gateway.limits.periods import DAY_MS
from groundwatch.gateway.usage_sql import UsageKey
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import metadata
from groundwatch.storage.tables.gateway import api_keys, usage_plans

KEY = UsageKey("plan", "key")
TWO_A_DAY = Quota(2, "DAY")
NOW_MS = 19_675 * DAY_MS


@pytest.fixture
def clock():
    return ManualClock(NOW_MS)


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/meta.db")
    metadata.create_all(database.engine)
    place = {"account_id": "1", "region": "r", "document": "{}"}
    with database.engine.begin() as connection:
        connection.execute(insert(usage_plans).values(id="plan", **place))
        connection.execute(insert(api_keys).values(id="key", created_ms=0, name="", value_digest="x", **place))
    yield database
    database.close()


@pytest.fixture
def ledger(database, clock):
    return UsageLedger(database, clock)


async def spend(ledger, quota, times, key=KEY):
    return [await ledger.spend(key, quota) for _ in range(times)]


async def test_a_quota_ends_and_refusals_do_not_count(ledger):
    assert await spend(ledger, TWO_A_DAY, 4) == [True, True, False, False]
    assert (await ledger.days("plan", ["key"], 0, 99_999))["key"][0].used == 2


async def test_a_new_period_begins_anew(ledger, clock):
    await spend(ledger, TWO_A_DAY, 3)
    clock.now_ms += DAY_MS
    assert await spend(ledger, TWO_A_DAY, 3) == [True, True, False]


async def test_a_week_goes_on_over_days(ledger, clock):
    week = Quota(2, "WEEK", offset=2)
    assert await spend(ledger, week, 1) == [True]
    clock.now_ms += DAY_MS
    assert await spend(ledger, week, 2) == [True, False]


async def test_counts_survive_a_restart(ledger, database, clock):
    await spend(ledger, TWO_A_DAY, 1)
    await ledger.stop()
    assert await spend(UsageLedger(database, clock), TWO_A_DAY, 2) == [True, False]


async def test_counts_before_a_plan_had_a_quota_count(ledger):
    await spend(ledger, None, 1)
    assert await spend(ledger, TWO_A_DAY, 2) == [True, False]


async def test_another_limit_holds_at_once(ledger):
    await spend(ledger, TWO_A_DAY, 2)
    assert await spend(ledger, Quota(3, "DAY"), 2) == [True, False]


async def test_remaining_requests_can_be_set(ledger):
    await spend(ledger, TWO_A_DAY, 3)
    await ledger.set_remaining(KEY, TWO_A_DAY, 5)
    assert await ledger.remaining(KEY, TWO_A_DAY) == 5
    assert await spend(ledger, TWO_A_DAY, 6) == [True] * 5 + [False]
    await ledger.set_remaining(KEY, TWO_A_DAY, 0)
    assert await spend(ledger, TWO_A_DAY, 1) == [False]


async def test_counts_of_what_is_gone_are_dropped(ledger):
    await spend(ledger, None, 1, UsageKey("plan", "gone"))
    await ledger.flush()
    assert await ledger.days("plan", ["gone"], 0, 99_999) == {}


async def test_what_could_not_be_written_is_written_later(ledger, database, monkeypatch):
    await spend(ledger, TWO_A_DAY, 1)

    async def failing(work):
        raise OperationalError("", {}, Exception("disk full"))

    with monkeypatch.context() as broken:
        broken.setattr(database, "write", failing)
        with pytest.raises(OperationalError):
            await ledger.flush()
    await spend(ledger, TWO_A_DAY, 1)
    await ledger.flush()
    assert (await ledger.days("plan", ["key"], 0, 99_999))["key"][0].used == 2


@pytest.mark.parametrize("fails", [False, True])
async def test_nothing_is_lost_when_who_asks_for_usage_leaves_during_the_write(fails, ledger, database, monkeypatch):
    write, arrived, go_on = database.write, asyncio.Event(), asyncio.Event()

    async def slow(work):
        arrived.set()
        await go_on.wait()
        if fails:
            raise OperationalError("", {}, Exception("disk full"))
        return await write(work)

    monkeypatch.setattr(database, "write", slow)
    await spend(ledger, None, 1)
    asking = asyncio.ensure_future(ledger.days("plan", ["key"], 0, 99_999))
    await arrived.wait()
    asking.cancel()
    await asyncio.wait([asking])
    spending = asyncio.ensure_future(spend(ledger, TWO_A_DAY, 2))
    await asyncio.wait([spending], timeout=0.05)
    go_on.set()
    assert await spending == [True, False]
    monkeypatch.undo()
    assert (await ledger.days("plan", ["key"], 0, 99_999))["key"][0].used == 2


async def test_the_memory_is_bounded(database, clock):
    ledger = UsageLedger(database, clock, max_keys=1)
    for number in range(3):
        await spend(ledger, TWO_A_DAY, 1, UsageKey("plan", f"key{number}"))
    await ledger.flush()
    assert len(ledger._counts) == 1
