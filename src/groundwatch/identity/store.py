"""The identities of every account, in SQL, with a cache that keeps SQL off the path of ordinary requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from groundwatch.aws.context import Credential, Principal
from groundwatch.identity.key_uses import KeyUses
from groundwatch.identity.names import TEMPORARY_PREFIX, session_arn
from groundwatch.identity.records import accounts, entities, keys, managed, policies
from groundwatch.identity.values import (
    Account,
    Entity,
    Group,
    KeyUse,
    ManagedPolicy,
    Permissions,
    Role,
    Session,
    User,
)
from groundwatch.storage.answers import Answers
from groundwatch.storage.sql import Database

T = TypeVar("T")
# A client whose session is over is told so, and not that its key is unknown, for as long as this.
EXPIRED_KEPT_MS = 24 * 60 * 60 * 1000
LIFETIME_MS = 2_000
"""How long writes of other processes on the same database may go unseen."""
ACCOUNT_LIFETIME_MS = 1000
"""How long after another node disables an account its APIs may still answer here."""
KINDS: Mapping[str, type[Entity]] = {"user": User, "role": Role, "group": Group, "policy": ManagedPolicy}
"""What ARNs of IAM call the entities."""


class NamedEntity(msgspec.Struct, frozen=True):
    """A user, role, group or policy as the conditions on IAM's own actions see it."""

    arn: str
    tags: dict[str, str]
    boundary_arn: str | None = None


class IdentityStore:
    """Accounts, users, roles, keys and policies; implements `aws.context.CredentialSource`.

    Every account is a tenant: names are unique within it and looked up within it. Reads through the `find_…` methods
    and `permissions` are cached: a write through this store is seen by the next read, a write of another process on the
    same database within two seconds. Use from one event loop.
    """

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self._credentials = Answers[str, Credential](clock_ms, life_ms=LIFETIME_MS)
        self._permissions = Answers[str, Permissions](clock_ms, life_ms=LIFETIME_MS)
        self._roles = Answers[tuple[str, str], Role](clock_ms, life_ms=LIFETIME_MS)
        self._named = Answers[tuple[str, str, str], NamedEntity](clock_ms, life_ms=LIFETIME_MS)
        self._sessions = Answers[str, Session](clock_ms, life_ms=LIFETIME_MS)
        self._accounts = Answers[str, Account](clock_ms, life_ms=ACCOUNT_LIFETIME_MS)
        self.key_uses = KeyUses(self._write_key_uses)

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
        `expires_ms`. A key whose user or role is gone is not found, nor is any of a suspended account.
        """
        return self._credentials.peek(access_key_id) or await self._credentials.get(
            access_key_id, lambda: self.read(lambda connection: _load_credential(connection, access_key_id))
        )

    def kept_permissions(self, owner_id: str) -> Permissions | None:
        """Return what `permissions` would at once, None when it would ask the database."""
        return self._permissions.peek(owner_id)

    async def permissions(self, owner_id: str) -> Permissions:
        """Return what is attached to the user, role or group with this unique id; nothing when there is none.

        A user's permissions hold those of its groups.
        """
        found = await self._permissions.get(
            owner_id, lambda: self.read(lambda connection: _load_permissions(connection, owner_id))
        )
        return found or Permissions()

    async def find_role(self, account_id: str, name: str) -> Role | None:
        """Return the account's role of this name, or None; a suspended account has none that could be assumed."""
        place = (account_id, name.lower())
        return self._roles.peek(place) or await self._roles.get(
            place, lambda: self.read(lambda connection: _load_role(connection, account_id, name))
        )

    async def find_named(self, account_id: str, kind: str, name: str) -> NamedEntity | None:
        """Return ARN, tags and boundary of the account's `user`, `role`, `group` or `policy` of this name, or None."""
        entity = KINDS[kind]
        return await self._named.get(
            (account_id, kind, name.lower()),
            lambda: self.read(lambda connection: _load_named(connection, entity, account_id, name)),
        )

    async def find_session(self, access_key_id: str) -> Session | None:
        """Return the record of a temporary key, or None."""
        return await self._sessions.get(
            access_key_id, lambda: self.read(lambda connection: keys.find_session(connection, access_key_id))
        )

    async def is_active(self, account_id: str) -> bool:
        """Tell whether the account exists and is not suspended; as old as `ACCOUNT_LIFETIME_MS` with several nodes."""
        # Asked for every request of the gateway: what is in memory needs no coroutine.
        account = self._accounts.peek(account_id) or await self._accounts.get(
            account_id, lambda: self.read(lambda connection: accounts.find_account(connection, account_id))
        )
        return account is not None and account.status == "ACTIVE"

    async def add_session(self, session: Session) -> None:
        """Store a new temporary key durably, and drop those that expired long ago."""

        def work(connection: Connection) -> None:
            keys.purge_sessions(connection, session.issued_ms - EXPIRED_KEPT_MS)
            keys.insert_session(connection, session)

        # Nothing that is cached can know of a key that is only now made: no need to forget.
        await self._database.write(work)

    async def key_owner(self, access_key_id: str) -> User | None:
        """Return the user whose long-term key this is, active or not; uncached."""
        return await self.read(lambda connection: _load_key_owner(connection, access_key_id))

    def now_ms(self) -> int:
        """Return the store's time, in milliseconds since the epoch."""
        return self._clock_ms()

    async def _write_key_uses(self, uses: Mapping[str, KeyUse]) -> None:
        # Nothing that is cached knows of it.
        await self._database.write(lambda connection: keys.write_key_uses(connection, uses))

    def _forget(self) -> None:
        caches = (self._credentials, self._permissions, self._roles, self._named, self._sessions, self._accounts)
        for cache in caches:
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
    owner: Entity | None
    if access_key_id.startswith(TEMPORARY_PREFIX):
        session = keys.find_session(connection, access_key_id)
        # Read together with its owner, so that a deleted user or role takes its sessions along.
        owner = entities.find_by_id(connection, session.owner_id) if session else None
        found = _session_credential(session, owner) if session and owner else None
    else:
        key = keys.find_key(connection, access_key_id)
        owner = entities.find_by_id(connection, key.user_id) if key and key.status == "Active" else None
        found = (
            Credential(key.id, key.secret, user_principal(owner, key.id)) if key and isinstance(owner, User) else None
        )
    return found if found and accounts.is_active(connection, found.principal.account_id) else None


def _session_credential(session: Session, owner: Entity) -> Credential | None:
    if isinstance(owner, Role):
        principal = session_principal(owner, session.session_name or "", session.policies, session.access_key_id)
    elif isinstance(owner, User):
        principal = msgspec.structs.replace(
            user_principal(owner, session.access_key_id), session_policies=session.policies
        )
    else:
        return None
    return Credential(session.access_key_id, session.secret, principal, session.token, session.expires_ms)


def _load_role(connection: Connection, account_id: str, name: str) -> Role | None:
    role = entities.find_by_name(connection, Role, account_id, name)
    return role if role is not None and accounts.is_active(connection, account_id) else None


def _load_permissions(connection: Connection, owner_id: str) -> Permissions:
    owner = entities.find_by_id(connection, owner_id)
    if owner is None:
        return Permissions()
    groups = entities.groups_of(connection, owner_id) if isinstance(owner, User) else ()
    owner_ids = [owner_id, *(group.id for group in groups)]
    inline = [text for each in owner_ids for text in policies.read_policies(connection, each).values()]
    attached = managed.attached_documents(connection, owner_ids)
    boundary_arn = owner.boundary_arn if isinstance(owner, User | Role) else None
    return Permissions(
        policies=(*inline, *attached.values()),
        tags=entities.read_tags(connection, owner_id),
        boundary=managed.documents(connection, [boundary_arn])[boundary_arn] if boundary_arn else None,
    )


def _load_named(connection: Connection, entity: type[Entity], account_id: str, name: str) -> NamedEntity | None:
    found: Entity | None = entities.find_by_name(connection, entity, account_id, name)
    if found is None:
        return None
    boundary_arn = found.boundary_arn if isinstance(found, User | Role) else None
    return NamedEntity(found.arn, entities.read_tags(connection, found.id), boundary_arn)


def _load_key_owner(connection: Connection, access_key_id: str) -> User | None:
    key = keys.find_key(connection, access_key_id)
    owner = key and entities.find_by_id(connection, key.user_id)
    return owner if isinstance(owner, User) else None
