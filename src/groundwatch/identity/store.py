"""The identities of every account, in SQL, with a cache that keeps SQL off the path of ordinary requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from groundwatch.aws.context import Credential, Principal
from groundwatch.identity.cache import ReadCache
from groundwatch.identity.names import TEMPORARY_PREFIX, session_arn
from groundwatch.identity.records import entities, keys, policies
from groundwatch.identity.values import Entity, Permissions, Role, Session, User
from groundwatch.storage.sql import Database

T = TypeVar("T")
# A client whose session is over is told so, and not that its key is unknown, for as long as this.
EXPIRED_KEPT_MS = 24 * 60 * 60 * 1000


class NamedEntity(msgspec.Struct, frozen=True):
    """A user or role with its tags, as the conditions on IAM's own actions see it."""

    arn: str
    tags: dict[str, str]


class IdentityStore:
    """Accounts, users, roles, keys and policies; implements `aws.context.CredentialSource`.

    Every account is a tenant: names are unique within it and looked up within it. Reads through the `find_…` methods
    and `permissions` are cached: a write through this store is seen by the next read, a write of another process on the
    same database within two seconds. Use from one event loop.
    """

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._credentials = ReadCache[str, Credential](clock_ms)
        self._permissions = ReadCache[str, Permissions](clock_ms)
        self._roles = ReadCache[tuple[str, str], Role](clock_ms)
        self._named = ReadCache[tuple[str, str, str], NamedEntity](clock_ms)
        self._sessions = ReadCache[str, Session](clock_ms)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)`, uncached."""
        return await self._database.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return `work(connection)` after the commit, with every cached value forgotten; an exception undoes it."""
        try:
            return await self._database.write(work)
        finally:
            self._forget()

    async def find_credential(self, access_key_id: str) -> Credential | None:
        """Return the active key with this id, or None when it is unknown, inactive or deleted.

        A temporary key is found for a day after its end, so that its holder can be told that it expired: check
        `expires_ms`. A key whose user or role is gone is not found.
        """
        return await self._credentials.get(
            access_key_id, lambda: self.read(lambda connection: _load_credential(connection, access_key_id))
        )

    async def permissions(self, owner_id: str) -> Permissions:
        """Return policies and tags of the user or role with this unique id; nothing when there is none."""
        found = await self._permissions.get(
            owner_id, lambda: self.read(lambda connection: _load_permissions(connection, owner_id))
        )
        return found or Permissions()

    async def find_role(self, account_id: str, name: str) -> Role | None:
        """Return the account's role of this name, or None."""
        return await self._roles.get(
            (account_id, name.lower()),
            lambda: self.read(lambda connection: entities.find_by_name(connection, Role, account_id, name)),
        )

    async def find_named(self, account_id: str, kind: str, name: str) -> NamedEntity | None:
        """Return ARN and tags of the account's `user` or `role` of this name, or None."""
        entity: type[Entity] = Role if kind == "role" else User
        return await self._named.get(
            (account_id, kind, name.lower()),
            lambda: self.read(lambda connection: _load_named(connection, entity, account_id, name)),
        )

    async def find_session(self, access_key_id: str) -> Session | None:
        """Return the record of a temporary key, or None."""
        return await self._sessions.get(
            access_key_id, lambda: self.read(lambda connection: keys.find_session(connection, access_key_id))
        )

    async def add_session(self, session: Session) -> None:
        """Store a new temporary key durably, and drop those that expired long ago."""

        def work(connection: Connection) -> None:
            keys.purge_sessions(connection, session.issued_ms - EXPIRED_KEPT_MS)
            keys.insert_session(connection, session)

        # Nothing that is cached can know of a key that is only now made: no need to forget.
        await self._database.write(work)

    def now_ms(self) -> int:
        """Return the store's time, in milliseconds since the epoch."""
        return self._clock_ms()

    def _forget(self) -> None:
        for cache in (self._credentials, self._permissions, self._roles, self._named, self._sessions):
            cache.clear()


def user_principal(user: User, access_key_id: str | None = None) -> Principal:
    """Return the principal that a user's requests are made with."""
    return Principal(
        account_id=user.account_id, arn=user.arn, kind="User", user_id=user.id, access_key_id=access_key_id
    )


def session_principal(role: Role, session_name: str, policies: tuple[str, ...], key_id: str | None = None) -> Principal:
    """Return the principal of a session of the role."""
    return Principal(
        account_id=role.account_id,
        arn=session_arn(role.account_id, role.name, session_name),
        kind="AssumedRole",
        user_id=f"{role.id}:{session_name}",
        role_arn=role.arn,
        access_key_id=key_id,
        session_policies=policies,
    )


def _load_credential(connection: Connection, access_key_id: str) -> Credential | None:
    if access_key_id.startswith(TEMPORARY_PREFIX):
        session = keys.find_session(connection, access_key_id)
        # Read together with its owner, so that a deleted user or role takes its sessions along.
        owner = session and entities.find_by_id(connection, session.owner_id)
        return _session_credential(session, owner) if session and owner else None
    key = keys.find_key(connection, access_key_id)
    if key is None or key.status != "Active":
        return None
    user = entities.find_by_id(connection, key.user_id)
    return Credential(key.id, key.secret, user_principal(user, key.id)) if isinstance(user, User) else None


def _session_credential(session: Session, owner: Entity) -> Credential:
    if isinstance(owner, Role):
        principal = session_principal(owner, session.session_name or "", session.policies, session.access_key_id)
    else:
        principal = msgspec.structs.replace(
            user_principal(owner, session.access_key_id), session_policies=session.policies
        )
    return Credential(session.access_key_id, session.secret, principal, session.token, session.expires_ms)


def _load_permissions(connection: Connection, owner_id: str) -> Permissions:
    documents = policies.read_policies(connection, owner_id)
    return Permissions(tuple(documents.values()), entities.read_tags(connection, owner_id))


def _load_named(connection: Connection, entity: type[Entity], account_id: str, name: str) -> NamedEntity | None:
    found: Entity | None = entities.find_by_name(connection, entity, account_id, name)
    return None if found is None else NamedEntity(found.arn, entities.read_tags(connection, found.id))
