"""The administrator's credentials from start to start, whatever became of their file meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwatch.app.clock import now_ms
from groundwatch.app.first_start import prepare
from groundwatch.config import Settings, StartupError, load
from groundwatch.credentials_file import credentials_path, read_credentials
from groundwatch.identity.store import IdentityStore
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database


class Starts:
    """The starts of one server."""

    def __init__(self, data: Path) -> None:
        self.settings: Settings = load({"data": str(data)}, {})
        self.file = credentials_path(data)
        self.installed = 0
        self._database = Database(f"sqlite:///{data}/metadata.db")
        migrate(self._database.engine)
        self._identity = IdentityStore(self._database, now_ms)

    async def start(self, endpoint_url: str = "http://127.0.0.1:4580") -> None:
        await prepare(self.settings, self._identity, self._install, endpoint_url=endpoint_url, tls=None)

    async def _install(self) -> None:
        self.installed += 1

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def starts(tmp_path):
    made = Starts(tmp_path)
    yield made
    made.close()


async def test_a_start_writes_anew_what_follows_from_the_settings(starts):
    await starts.start()
    first = read_credentials(starts.file)
    kept = [line for line in starts.file.read_text().splitlines() if not line.startswith(("region", "endpoint_url"))]
    starts.file.write_text("\ufeff" + "\n".join(kept))

    await starts.start("http://127.0.0.1:4581")

    second = read_credentials(starts.file)
    assert (second.access_key_id, second.secret_access_key) == (first.access_key_id, first.secret_access_key)
    assert (second.region, second.endpoint_url) == ("us-east-1", "http://127.0.0.1:4581")
    assert starts.installed == 1


@pytest.mark.parametrize("content", ["", "nonsense", "[default]\naws_access_key_id = a\n"])
async def test_a_file_without_a_key_is_named_with_what_helps(starts, content):
    await starts.start()
    starts.file.write_text(content)

    with pytest.raises(StartupError, match=r"admin-credentials (lacks|is not) .*; restore it, or delete it and give"):
        await starts.start()

    assert starts.file.read_text() == content
