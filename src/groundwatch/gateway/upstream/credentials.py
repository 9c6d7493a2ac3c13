"""Credentials for AWS services elsewhere: those of this process, and those of roles that it assumes with them.

UpstreamCredentialsError     there are none to sign with, or the role could not be assumed
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from groundwatch.gateway.upstream.endpoints import Endpoint

MAX_ROLES = 1000
REFRESH_BEFORE_MS = 5 * 60 * 1000
"""How long before their end credentials are replaced."""
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10


class UpstreamCredentialsError(Exception):
    """There is nothing to sign with; the text says why and what the operator can do."""


class Keys(NamedTuple):
    """One set of credentials. Not to be written anywhere."""

    access_key: str
    secret_key: str
    token: str | None
    expires_ms: int | None = None

    def __repr__(self) -> str:
        """Return what a log or traceback may show."""
        return f"Keys({self.access_key})"


class OwnCredentials:
    """This process's own, found as the SDK finds them: environment, shared files, container or machine role."""

    def __init__(self, session: botocore.session.Session) -> None:
        self._session = session
        self._found: Any = None

    async def current(self) -> Keys:
        """Return the credentials, refreshed if they are about to expire.

        Raises:
            UpstreamCredentialsError: when there are none.
        """
        keys = await self.find()
        if keys is None:
            raise UpstreamCredentialsError(
                "this process has no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or "
                "a role of the machine"
            )
        return keys

    async def find(self) -> Keys | None:
        """Return the credentials as `current` does, None when there are none.

        Raises:
            UpstreamCredentialsError: when there are some that cannot be used.
        """
        # Looking for them, and refreshing them, may read files and ask the network.
        try:
            return await asyncio.to_thread(self._frozen)
        except BotoCoreError as error:
            raise UpstreamCredentialsError(f"this process's own AWS credentials cannot be used: {error}") from error

    def _frozen(self) -> Keys | None:
        if self._found is None:
            self._found = self._session.get_credentials()
        if self._found is None:
            return None
        frozen = self._found.get_frozen_credentials()
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)


class RoleCredentials:
    """Sessions of roles at the upstream, assumed with this process's own credentials and kept while they are valid.

    For one event loop. `clock_ms` is the time in milliseconds since the epoch.
    """

    def __init__(self, session: botocore.session.Session, clock_ms: Callable[[], int]) -> None:
        self._session = session
        self._clock_ms = clock_ms
        self._kept: OrderedDict[str, Keys] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Keys]] = {}

    async def current(self, role_arn: str, session_name: str, sts: Endpoint) -> Keys:
        """Return credentials of the role, asked for once for all who wait.

        Raises:
            UpstreamCredentialsError: when the upstream does not give them.
        """
        keys = self._kept.get(role_arn)
        if keys is not None and not self._is_due(keys):
            self._kept.move_to_end(role_arn)
            return keys
        task = self._asked.get(role_arn)
        if task is None:
            task = self._asked[role_arn] = asyncio.create_task(self._assume(role_arn, session_name, sts))
            task.add_done_callback(lambda _: self._asked.pop(role_arn, None))
        # A client that leaves must not take the answer from the others who wait for it.
        return await asyncio.shield(task)

    def forget(self, role_arn: str, refused: Keys) -> None:
        """Ask anew at the next call: the upstream has refused these credentials."""
        # A slow call may learn of it when others have replaced them already.
        if self._kept.get(role_arn) == refused:
            del self._kept[role_arn]

    def _is_due(self, keys: Keys) -> bool:
        return keys.expires_ms is not None and self._clock_ms() >= keys.expires_ms - REFRESH_BEFORE_MS

    async def _assume(self, role_arn: str, session_name: str, sts: Endpoint) -> Keys:
        try:
            answer = await asyncio.to_thread(self._ask, role_arn, session_name, sts)
        except (BotoCoreError, ClientError) as error:
            raise UpstreamCredentialsError(f"{role_arn} could not be assumed at {sts.url}: {error}") from error
        given = answer["Credentials"]
        keys = Keys(
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given["SessionToken"],
            int(given["Expiration"].timestamp() * 1000),
        )
        self._kept[role_arn] = keys
        if len(self._kept) > MAX_ROLES:
            self._kept.popitem(last=False)
        return keys

    def _ask(self, role_arn: str, session_name: str, sts: Endpoint) -> dict[str, Any]:
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries={"total_max_attempts": 2}
        )
        client = self._session.create_client("sts", region_name=sts.signing_region, endpoint_url=sts.url, config=config)
        try:
            answer: dict[str, Any] = client.assume_role(RoleArn=role_arn, RoleSessionName=session_name)
        finally:
            client.close()
        return answer
