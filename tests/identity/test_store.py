"""The store: caching, bootstrap and the schema."""

import asyncio
import stat
from pathlib import Path

import pytest

from groundwatch.identity.bootstrap import ensure_administrator
from groundwatch.identity.cache import ReadCache
from groundwatch.identity.records import keys
from groundwatch.identity.store import IdentityStore

ACCOUNT = "111122223333"


class Loader:
    def __init__(self):
        self.count = 0
        self.value: str | None = "v"

    async def __call__(self):
        self.count += 1
        return self.value


async def test_cache_loads_once_until_cleared_or_too_old(clock):
    cache, load = ReadCache(clock), Loader()
    assert [await cache.get("k", load) for _ in range(3)] == ["v"] * 3
    assert load.count == 1
    clock.now_ms += 1_999
    await cache.get("k", load)
    assert load.count == 1
    clock.now_ms += 1
    await cache.get("k", load)
    assert load.count == 2
    cache.clear()
    await cache.get("k", load)
    assert load.count == 3


async def test_cache_keeps_neither_absent_values_nor_more_than_it_may(clock):
    cache, load = ReadCache(clock, capacity=2), Loader()
    for key in ("a", "b", "c", "b", "a"):
        await cache.get(key, load)
    assert load.count == 4
    load.value = None
    await cache.get("x", load)
    await cache.get("x", load)
    assert load.count == 6


async def test_cache_does_not_keep_what_was_read_before_a_change(clock):
    cache, load, go_on = ReadCache(clock), Loader(), asyncio.Event()

    async def slow():
        await go_on.wait()
        return "old"

    reading = asyncio.create_task(cache.get("k", slow))
    await asyncio.sleep(0)
    cache.clear()
    go_on.set()
    assert await reading == "old"
    assert await cache.get("k", load) == "v"


async def test_another_process_is_seen_within_two_seconds(world, clock, database):
    alice = await world.user("alice")
    key_id = alice.principal.access_key_id
    other = IdentityStore(database, clock)
    await other.write(lambda connection: keys.set_key_status(connection, key_id, "Inactive"))

    assert await world.store.find_credential(key_id) is not None
    clock.now_ms += 2_000
    assert await world.store.find_credential(key_id) is None


@pytest.mark.parametrize("key_id", ["AKIAUNKNOWN", "ASIAUNKNOWN", ""])
async def test_unknown_keys(world, key_id):
    assert await world.store.find_credential(key_id) is None


async def test_the_administrator_is_made_once_and_may_do_everything(database, clock):
    store = IdentityStore(database, clock)
    key = await ensure_administrator(store, ACCOUNT)
    credential = await store.find_credential(key.access_key_id)

    assert (key.user_name, credential.secret_access_key) == ("administrator", key.secret_access_key)
    assert credential.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/administrator"
    assert '"Action": "*"' in (await store.permissions(credential.principal.user_id)).policies[0]
    assert await ensure_administrator(store, ACCOUNT) is None


async def test_the_administrators_key_can_be_chosen(database, clock):
    store = IdentityStore(database, clock)
    key = await ensure_administrator(store, ACCOUNT, access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="s")
    assert (key.access_key_id, key.secret_access_key) == ("AKIAIOSFODNN7EXAMPLE", "s")
    assert (await store.find_credential("AKIAIOSFODNN7EXAMPLE")).secret_access_key == "s"


def test_the_file_with_the_secrets_is_private(database):
    assert stat.S_IMODE(Path(database.engine.url.database).stat().st_mode) == 0o600
