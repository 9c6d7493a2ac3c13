"""What the tests of clients share."""

import os
import re
from pathlib import Path

import pytest
from tests.clients.place import Place
from tests.clients.wire import Keys

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "groundwatch-tests"
"""Where clients are installed that do not come from PyPI: outside of the repository, and once for many runs."""


@pytest.fixture
def place(server, request) -> Place:
    """A group and stream named after the test; nothing is created yet."""
    name = re.sub(r"[^.\-_/#A-Za-z0-9]+", "-", request.node.name).strip("-")
    return Place(server, f"/clients/{name}"[:400], client=server.client("logs"))


@pytest.fixture
def keys(server) -> Keys:
    credentials = server.credentials
    return Keys(credentials.access_key_id, credentials.secret_access_key, credentials.region)


@pytest.fixture(scope="session")
def client_cache() -> Path:
    CACHE.mkdir(parents=True, exist_ok=True)
    return CACHE
