"""Whatever a client sends: the service's own refusal, no 5xx, no traceback, and a server that others go on using."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.end_to_end.bad_input.hostile import GROUP, STREAM, Caller


@pytest.fixture(scope="session")
def caller(server) -> Caller:
    caller = Caller(server)
    assert caller.logs("CreateLogGroup", {"logGroupName": GROUP}).status == 200
    assert caller.logs("CreateLogStream", {"logGroupName": GROUP, "logStreamName": STREAM}).status == 200
    return caller


@pytest.fixture(scope="session")
def eve(server):
    """A user without any permission, and its key."""
    iam = server.client("iam")
    iam.create_user(UserName="eve")
    return iam.create_access_key(UserName="eve")["AccessKey"]


@pytest.fixture(scope="module", autouse=True)
def well_afterwards(server) -> Iterator[None]:
    """Whatever a module sends, the server goes on, and wrote no traceback."""
    yield
    assert server.healthy()
    assert "Traceback" not in server.output.read_text()
