"""The first start: an account with an administrator, so that somebody can log in."""

from __future__ import annotations

import json

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from groundwatch.identity.names import LONG_TERM_PREFIX, USER_PREFIX, new_id, new_secret
from groundwatch.identity.records import accounts, entities, keys, policies
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.values import AccessKey, Account, User

ADMINISTRATOR = "administrator"
POLICY_NAME = "AdministratorAccess"
ADMINISTRATOR_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


class AdministratorKey(msgspec.Struct, frozen=True):
    """The administrator's key, to be shown once."""

    account_id: str
    user_name: str
    access_key_id: str
    secret_access_key: str


async def ensure_administrator(
    store: IdentityStore,
    account_id: str,
    *,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
) -> AdministratorKey | None:
    """Create the account with a user `administrator` who may do everything, and return that user's key.

    Returns None when the account exists, whatever has become of its administrator since: a restart never gives access
    back. Without a key of the caller's choice a random one is made. Nothing is left behind on failure.
    """
    key = AdministratorKey(
        account_id=account_id,
        user_name=ADMINISTRATOR,
        access_key_id=access_key_id or new_id(LONG_TERM_PREFIX),
        secret_access_key=secret_access_key or new_secret(),
    )
    now_ms = store.now_ms()
    try:
        created = await store.write(lambda connection: _create(connection, key, now_ms))
    except IntegrityError:
        # Another node has just done the same.
        if await store.find_named(account_id, "user", ADMINISTRATOR) is None:
            raise
        return None
    return key if created else None


def _create(connection: Connection, key: AdministratorKey, now_ms: int) -> bool:
    if not accounts.insert_account(connection, Account(key.account_id, now_ms)):
        return False
    user = User(new_id(USER_PREFIX), key.account_id, key.user_name, "/", now_ms)
    entities.insert_entity(connection, user)
    policies.put_policy(connection, user.id, POLICY_NAME, ADMINISTRATOR_POLICY)
    keys.insert_key(connection, AccessKey(key.access_key_id, user.id, key.secret_access_key, "Active", now_ms))
    return True
