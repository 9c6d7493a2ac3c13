"""Credentials for upstream calls: asked for once, kept, and replaced before they end."""

import asyncio
import datetime as dt

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.clocks import ManualClock

from groundwatch.gateway.upstream.credentials import (
    REFRESH_BEFORE_MS,
    Keys,
    OwnCredentials,
    RoleCredentials,
    UpstreamCredentialsError,
)
from groundwatch.gateway.upstream.endpoints import Endpoint

STS = Endpoint("http://127.0.0.1:1", "sts", "us-east-1")
ROLE = "arn:aws:iam::123456789012:role/reader"
START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


class Sts:
    """A session whose only client gives numbered credentials for an hour."""

    def __init__(self, clock):
        self.clock = clock
        self.asked = []
        self.failure = None

    def create_client(self, *_names, **_options):
        return self

    def assume_role(self, **words):
        self.asked.append(words)
        if self.failure is not None:
            raise self.failure
        number = len(self.asked)
        expiration = dt.datetime.fromtimestamp((self.clock.now_ms + HOUR_MS) / 1000, dt.UTC)
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{number}",
                "SecretAccessKey": "s",
                "SessionToken": "t",
                "Expiration": expiration,
            }
        }

    def close(self):
        pass


@pytest.fixture
def clock():
    return ManualClock(START_MS)


@pytest.fixture
def sts(clock):
    return Sts(clock)


@pytest.fixture
def roles(sts, clock):
    return RoleCredentials(sts, clock)


async def key(roles, role=ROLE):
    return (await roles.current(role, "session", STS)).access_key


async def test_all_who_wait_get_one_answer(roles, sts):
    assert set(await asyncio.gather(*(key(roles) for _ in range(50)))) == {"ASIA1"}
    assert sts.asked == [{"RoleArn": ROLE, "RoleSessionName": "session"}]


async def test_one_who_leaves_does_not_take_it_from_the_others(roles, sts):
    first = asyncio.create_task(key(roles))
    second = asyncio.create_task(key(roles))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "ASIA1"
    assert len(sts.asked) == 1


@pytest.mark.parametrize(
    ("later_ms", "expected"),
    [(0, "ASIA1"), (HOUR_MS - REFRESH_BEFORE_MS - 1000, "ASIA1"), (HOUR_MS - REFRESH_BEFORE_MS, "ASIA2")],
)
async def test_credentials_are_replaced_before_they_end(roles, clock, later_ms, expected):
    assert await key(roles) == "ASIA1"
    clock.now_ms += later_ms
    assert await key(roles) == expected


async def test_roles_have_their_own(roles):
    assert [await key(roles), await key(roles, ROLE + "2"), await key(roles)] == ["ASIA1", "ASIA2", "ASIA1"]


async def test_refused_credentials_are_asked_for_anew(roles):
    first = await roles.current(ROLE, "session", STS)
    roles.forget(ROLE, first)
    assert await key(roles) == "ASIA2"
    # Another call that used the same ones learns of it later.
    roles.forget(ROLE, first)
    assert await key(roles) == "ASIA2"


def test_a_line_of_a_log_does_not_show_secrets():
    assert repr(Keys("ASIA1", "secret", "token")) == str([Keys("ASIA1", "secret", "token")])[1:-1] == "Keys(ASIA1)"


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "not for you"}}, "AssumeRole"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ],
)
async def test_a_failure_is_told_and_not_kept(roles, sts, failure):
    sts.failure = failure
    with pytest.raises(UpstreamCredentialsError, match=r"role/reader could not be assumed at http://127\.0\.0\.1:1"):
        await key(roles)
    sts.failure = None
    assert await key(roles) == "ASIA2"


async def test_a_process_without_credentials_says_what_to_do(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UpstreamCredentialsError, match="AWS_ACCESS_KEY_ID"):
        await OwnCredentials(botocore.session.Session()).current()


async def test_own_credentials_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert (await OwnCredentials(botocore.session.Session()).current()).access_key == "AKIAOWN"
