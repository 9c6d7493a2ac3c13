"""What the first start makes: the administrator with a key, and the bundled API."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from groundwatch.config import Settings, StartupError
from groundwatch.credentials_file import (
    AdminCredentials,
    CredentialsFileError,
    credentials_path,
    read_access_key,
    write_credentials,
)
from groundwatch.identity.bootstrap import ensure_administrator
from groundwatch.identity.names import LONG_TERM_PREFIX, new_id, new_secret
from groundwatch.identity.store import IdentityStore
from groundwatch.tls import ServerTls

log = logging.getLogger(__name__)
FIRST_START_MARK = "first-start-unfinished"
"""A file in the data directory from before the first key exists until the bundled API is deployed."""


async def prepare(
    settings: Settings,
    identity: IdentityStore,
    install_bundled_api: Callable[[], Awaitable[object]],
    *,
    endpoint_url: str,
    tls: ServerTls | None,
) -> None:
    """Write the administrator's credentials for `endpoint_url`, and make at the first start what they are for.

    A first start that was cut short is finished by the next one. Raises StartupError for a credentials file that
    cannot be read.
    """
    path = credentials_path(settings.data)
    unfinished = settings.data / FIRST_START_MARK
    known = _read_if_there(path)
    if known is None:
        unfinished.touch(mode=0o600)
    credentials = AdminCredentials(
        access_key_id=known[0] if known else new_id(LONG_TERM_PREFIX),
        secret_access_key=known[1] if known else new_secret(),
        endpoint_url=endpoint_url,
        region=settings.region,
        ca_bundle=str(tls.authority) if tls is not None and tls.authority is not None else None,
    )
    # The file comes before the key: after a crash in between, the next start makes the file's key valid.
    write_credentials(path, credentials)
    created = await ensure_administrator(
        identity,
        settings.account,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
    )
    if created is None and known is None:
        path.unlink()
        unfinished.unlink()
        log.warning("%s is gone; make the administrator a new access key with aws iam create-access-key", path)
    if unfinished.exists():
        await install_bundled_api()
        unfinished.unlink()


def _read_if_there(path: Path) -> tuple[str, str] | None:
    try:
        return read_access_key(path)
    except FileNotFoundError:
        return None
    except CredentialsFileError as error:
        raise StartupError(str(error)) from error
