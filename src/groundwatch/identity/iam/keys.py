"""Operations on access keys."""

from __future__ import annotations

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.iam import common
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.errors import no_such_key, quota_exceeded
from groundwatch.identity.names import LONG_TERM_PREFIX, new_id, new_secret
from groundwatch.identity.records import entities, keys
from groundwatch.identity.values import AccessKey, KeyStatus, KeyUse, User

KEYS_PER_USER = 2


class AccessKeyOperations(common.IamBase):
    """CreateAccessKey and what follows; without a user name, a user works on its own keys."""

    async def create_access_key(self, context: RequestContext, *, user_name: str | None = None) -> Answer:
        """Create a key; its secret is in this answer and in no other."""

        def work(connection: Connection) -> Answer:
            user = common.require_user(connection, context, user_name)
            if keys.count_keys(connection, user.id) >= KEYS_PER_USER:
                raise quota_exceeded("AccessKeysPerUser", KEYS_PER_USER)
            key = AccessKey(new_id(LONG_TERM_PREFIX), user.id, new_secret(), "Active", self._clock_ms())
            keys.insert_key(connection, key)
            return _key_answer(user, key) | {"SecretAccessKey": key.secret}

        return {"AccessKey": await self._store.write(work)}

    async def list_access_keys(
        self,
        context: RequestContext,
        *,
        user_name: str | None = None,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,
    ) -> Answer:
        """Return a page of the user's keys, without their secrets."""
        after = common.read_marker(marker)

        def work(connection: Connection) -> Answer:
            user = common.require_user(connection, context, user_name)
            found = keys.page_keys(connection, user.id, after, max_items + 1)
            return common.page_answer(
                "AccessKeyMetadata",
                found,
                max_items,
                name_of=lambda key: key.id,
                show=lambda key: _key_answer(user, key),
            )

        return await self._store.read(work)

    async def update_access_key(
        self, context: RequestContext, *, access_key_id: str, status: str, user_name: str | None = None
    ) -> None:
        """Activate or deactivate a key; it counts from the next request on."""
        known: dict[str, KeyStatus] = {"Active": "Active", "Inactive": "Inactive"}
        wanted = known.get(status)
        if wanted is None:
            raise ServiceError("InvalidInput", f"The status of an access key cannot be set to {status}.")

        def work(connection: Connection) -> None:
            _require_key(connection, context, user_name, access_key_id)
            keys.set_key_status(connection, access_key_id, wanted)

        await self._store.write(work)

    async def delete_access_key(
        self, context: RequestContext, *, access_key_id: str, user_name: str | None = None
    ) -> None:
        """Delete a key; it is refused from the next request on."""

        def work(connection: Connection) -> None:
            _require_key(connection, context, user_name, access_key_id)
            keys.delete_key(connection, access_key_id)

        await self._store.write(work)

    async def get_access_key_last_used(self, context: RequestContext, *, access_key_id: str) -> Answer:
        """Return when, where and for which service a key last signed a request."""

        def work(connection: Connection) -> tuple[str, KeyUse | None]:
            key = keys.find_key(connection, access_key_id)
            owner = entities.find_by_id(connection, key.user_id) if key else None
            if owner is None or owner.account_id != context.account_id:
                raise no_such_key(access_key_id)
            return owner.name, keys.read_key_use(connection, access_key_id)

        user_name, written = await self._store.read(work)
        used = self._store.key_uses.noted(access_key_id) or written
        shown: Answer = {"ServiceName": "N/A", "Region": "N/A"}
        if used is not None:
            shown = {"LastUsedDate": common.moment(used.used_ms), "ServiceName": used.service, "Region": used.region}
        return {"UserName": user_name, "AccessKeyLastUsed": shown}


def _require_key(connection: Connection, context: RequestContext, user_name: str | None, access_key_id: str) -> None:
    user = common.require_user(connection, context, user_name)
    key = keys.find_key(connection, access_key_id)
    # A key of another user is none of this one's, whatever the caller may do elsewhere.
    if key is None or key.user_id != user.id:
        raise no_such_key(access_key_id)


def _key_answer(user: User, key: AccessKey) -> Answer:
    return {
        "UserName": user.name,
        "AccessKeyId": key.id,
        "Status": key.status,
        "CreateDate": common.moment(key.created_ms),
    }
