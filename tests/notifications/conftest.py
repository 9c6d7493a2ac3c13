"""The room on a temporary SQLite file behind a service port, with real policies, and endpoints on loopback."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import botocore.parsers
import botocore.serialize
import botocore.session
import pytest
from tests.clocks import ManualClock
from tests.waiting import until

from groundwatch.app.adapters import policy_fault
from groundwatch.app.signing_key import load_signer
from groundwatch.aws.authentication import SigV4Authenticator
from groundwatch.aws.context import Principal
from groundwatch.aws.http import WireRequest
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.identity.access import PolicyAuthorizer
from groundwatch.identity.bootstrap import ensure_administrator
from groundwatch.identity.resource_policies import ResourcePolicies
from groundwatch.identity.resource_tags import ResourceTags
from groundwatch.identity.store import IdentityStore
from groundwatch.notifications.access import sns_access
from groundwatch.notifications.assemble import Notifications, Surroundings
from groundwatch.outbound import OutboundClient, OutboundRules
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database

ACCOUNT, OTHER = "111122223333", "444455556666"
REGION = "us-east-1"
NOW_MS = 1_790_000_000_000
MODEL = botocore.session.get_session().get_service_model("sns")
BASE_URL = "https://notifications.example"
AT_ONCE = json.dumps({"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 3}})
"""A delivery policy whose retries do not wait."""


class RefusedError(Exception):
    """An error answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


class Letters:
    """A log of failures that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict]] = []

    async def append(self, topic, group, stream, events) -> None:
        self.events += [(topic.account_id, group, json.loads(text)) for _, text in events]


class World:
    def __init__(self, database: Database, signer, clock: ManualClock, client: OutboundClient, **settings) -> None:
        self.clock, self.letters, self.signer = clock, Letters(), signer
        self.identity = IdentityStore(database, clock)
        tags, policies = ResourceTags(), ResourcePolicies()
        authorizer = PolicyAuthorizer(self.identity, tags, policies)
        around = Surroundings(
            database=database,
            client=client,
            signer=signer,
            failures=self.letters,
            decider=authorizer,
            policy_fault=policy_fault,
            clock_ms=clock,
        )
        self.room = Notifications(around, **settings)
        tags.add("sns", self.room.tags)
        policies.add("sns", self.room.policies)
        authenticator = SigV4Authenticator(self.identity, frozenset({"sns"}), clock)
        service = Service("sns", self.room.operations, sns_access)
        self.port = ServicePort([service], authenticator, authorizer, default_region=REGION, clock_ms=clock)

    async def call(
        self, operation: str, account: str = ACCOUNT, *, as_: Principal | None = None, region: str = REGION, **members
    ):
        """Call an operation as an account's root user, and return its output as botocore reads it."""
        model = MODEL.operation_model(operation)
        form = botocore.serialize.create_serializer("query").serialize_to_request(members, model)
        head = (("content-type", "application/x-www-form-urlencoded"),)
        request = WireRequest("POST", "/", "", head, urlencode(form["body"]).encode(), "127.0.0.1")
        principal = as_ or Principal(account, f"arn:aws:iam::{account}:root", "Account", account)
        return _read(await self.port.call("sns", request, principal, region=region), model)

    async def follow(self, url: str):
        """GET a link of a message, without a signature."""
        assert url.startswith(f"{BASE_URL}/?Action=")
        request = WireRequest("GET", "/", url.partition("?")[2], (("host", "x"),), b"", "127.0.0.1")
        operation = url.partition("Action=")[2].partition("&")[0]
        return _read(await self.port.handle(request), MODEL.operation_model(operation))

    async def topic(self, name: str = "alerts", account: str = ACCOUNT, **attributes) -> str:
        members = {"Attributes": attributes} if attributes else {}
        return (await self.call("CreateTopic", account, Name=name, **members))["TopicArn"]

    async def subscribed(self, topic: str, server, **attributes) -> str:
        """Subscribe a web server of the test, let it confirm, and return the subscription's ARN."""
        before = len(server.received)
        protocol = server.url.partition(":")[0]
        members = {"Attributes": attributes} if attributes else {}
        await self.call("Subscribe", TopicArn=topic, Protocol=protocol, Endpoint=f"{server.url}/x", **members)
        asked = json.loads((await received(server, before + 1))[before].body)
        server.received.clear()
        return (await self.follow(asked["SubscribeURL"]))["SubscriptionArn"]


def _read(response, model):
    parser = botocore.parsers.create_parser("query")
    raw = {"body": response.body, "headers": dict(response.headers), "status_code": response.status}
    parsed = parser.parse(raw, model.output_shape)
    if response.status >= 300:
        raise RefusedError(response.status, parsed["Error"]["Code"], parsed["Error"].get("Message"))
    del parsed["ResponseMetadata"]
    return parsed


async def received(server, count: int):
    """Wait until a web server has got so many requests."""
    await until(lambda: len(server.received) >= count)
    return server.received


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return load_signer(tmp_path_factory.mktemp("signing") / "notifications", dt.datetime.now(dt.UTC))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW_MS)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """An empty database with all tables; making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "metadata.db"
    database = Database(f"sqlite:///{path}")
    migrate(database.engine)
    database.close()
    return path


@pytest.fixture
def database(tmp_path, migrated):
    shutil.copyfile(migrated, tmp_path / "metadata.db")
    database = Database(f"sqlite:///{tmp_path}/metadata.db")
    yield database
    database.close()


@pytest.fixture
async def make_world(database, signer, clock) -> AsyncIterator:
    worlds: list[World] = []

    async def make(*, allow=("127.0.0.1",), trust=None, **settings) -> World:
        client = OutboundClient(OutboundRules.allowing(allow), max_answer_bytes=65536, trust=trust)
        world = World(database, signer, clock, client, **settings)
        world.client = client
        await world.room.start(BASE_URL)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        await world.room.stop()
        await world.client.close()


@pytest.fixture
async def world(make_world) -> World:
    made = await make_world()
    for account in (ACCOUNT, OTHER):
        await ensure_administrator(made.identity, account)
    return made
