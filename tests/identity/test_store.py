"""The store: caching, bootstrap and the schema."""

import stat
from pathlib import Path

import pytest

from groundwatch.identity.bootstrap import ensure_administrator
from groundwatch.identity.records import keys
from groundwatch.identity.store import IdentityStore

ACCOUNT = "111122223333"


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
