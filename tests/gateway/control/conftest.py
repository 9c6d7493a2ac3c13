from __future__ import annotations

import asyncio
import itertools
import shutil

import pytest
from tests.clocks import ManualClock
from tests.gateway.control.world import build

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.operations import ApiGatewayOperations
from groundwatch.gateway.limits.ledger import UsageLedger
from groundwatch.gateway.store import GatewayStore
from groundwatch.gateway.testing import AuthorizerTestResult, TestResult
from groundwatch.identity.policy.document import parse_policy
from groundwatch.identity.policy.errors import MalformedPolicyError
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import metadata

NOW_MS = 1_700_000_000_000
ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/apigw-logs"
LOGS_URI = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"


class CountingIds:
    def __init__(self):
        self._numbers = itertools.count(1)

    def identifier(self, length):
        return f"{next(self._numbers):0{length}d}"

    def key_value(self):
        return f"{next(self._numbers):040d}"


class RecordingInvoker:
    def __init__(self):
        self.calls = []

    async def test_invoke(self, api, resource, method, request, context):
        self.calls.append((api, resource, method, request, context))
        return TestResult(200, "{}", {"a": "b"}, {"a": ["b"]}, 7, "Execution log\n")

    async def test_authorizer(self, api, authorizer, request, context):
        self.calls.append((api, authorizer, request, context))
        return AuthorizerTestResult(200, 7, "Execution log\n", principal_id="me", policy="{}")


class RecordingAuthorizer:
    def __init__(self):
        self.checks = []
        self.denied = set()

    async def authorize(self, context, checks):
        self.checks.extend(checks)
        for check in checks:
            if check.action in self.denied:
                raise ServiceError("AccessDeniedException", f"not {check.action}", status=403)


def context_of(account_id=ACCOUNT, region="us-east-1"):
    principal = Principal(account_id, f"arn:aws:iam::{account_id}:root", "Account", account_id)
    return RequestContext(account_id, region, "request", principal, "127.0.0.1", "test", True, 0)


class Api:
    """One REST API with a method to work on."""

    def __init__(self, operations, context, api):
        self.operations = operations
        self.context = context
        self.id = api["id"]
        self.root_id = api["rootResourceId"]
        self.method = {"rest_api_id": self.id, "resource_id": self.root_id, "http_method": "GET"}

    async def call(self, operation, **members):
        return await getattr(self.operations, operation)(self.context, rest_api_id=self.id, **members)

    async def call_method(self, operation, **members):
        return await getattr(self.operations, operation)(self.context, **{**self.method, **members})

    async def put_mock_method(self, **members):
        await self.call_method("put_method", authorization_type="NONE", **members)
        await self.call_method("put_integration", type="MOCK")


@pytest.fixture
def clock():
    return ManualClock(NOW_MS)


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/meta.db")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def store(database, clock):
    return GatewayStore(database, clock)


@pytest.fixture
def authorizer():
    return RecordingAuthorizer()


@pytest.fixture
def invoker():
    return RecordingInvoker()


@pytest.fixture
def usage(database, clock):
    return UsageLedger(database, clock)


class RecordingCaches:
    def __init__(self):
        self.flushed = []

    def flush_data(self, api_id, stage_name):
        self.flushed.append(("data", api_id, stage_name))

    def flush_authorizers(self, api_id, stage_name):
        self.flushed.append(("authorizers", api_id, stage_name))


@pytest.fixture
def caches():
    return RecordingCaches()


class Roles:
    """Every role trusts the gateway, but for those that are called `stranger`."""

    async def assume_for_service(self, role_arn, service, *, account_id, session_name, source_arn):
        if role_arn.endswith("/stranger"):
            raise ServiceError("AccessDenied", f"{service} may not assume {role_arn}")
        return context_of(account_id).principal


def policy_fault(document):
    """The real judgement, of the room whose language it is."""
    try:
        parse_policy(document, "resource")
    except MalformedPolicyError as error:
        return error.message
    return None


@pytest.fixture(scope="session")
def control_plane():
    """Makes a control plane on a database, and the context of its caller, for what is built once for many tests."""

    def make(database):
        clock = ManualClock(NOW_MS)
        operations = ApiGatewayOperations(
            GatewayStore(database, clock),
            test_invoker=RecordingInvoker(),
            usage=UsageLedger(database, clock),
            caches=RecordingCaches(),
            authorizer=RecordingAuthorizer(),
            policy_fault=policy_fault,
            roles=Roles(),
            clock_ms=clock,
            ids=CountingIds(),
        )
        return operations, context_of()

    return make


@pytest.fixture(scope="session")
def world(tmp_path_factory, control_plane):
    """A database with one of everything, built once, and the ids of what is in it by name."""
    path = tmp_path_factory.mktemp("world") / "meta.db"
    database = Database(f"sqlite:///{path}")
    metadata.create_all(database.engine)
    names = asyncio.run(build(*control_plane(database)))
    database.close()
    return path, names


@pytest.fixture
def world_copy(world, tmp_path):
    """A copy of the world, for one test to change."""
    shutil.copy(world[0], tmp_path / "meta.db")
    database = Database(f"sqlite:///{tmp_path}/meta.db")
    yield database
    database.close()


@pytest.fixture
def operations(store, invoker, usage, caches, authorizer, clock):
    return ApiGatewayOperations(
        store,
        test_invoker=invoker,
        usage=usage,
        caches=caches,
        authorizer=authorizer,
        policy_fault=policy_fault,
        roles=Roles(),
        clock_ms=clock,
        ids=CountingIds(),
    )


@pytest.fixture
def context():
    return context_of()


@pytest.fixture
def stranger():
    return context_of(OTHER_ACCOUNT)


@pytest.fixture
async def api(operations, context):
    return Api(operations, context, await operations.create_rest_api(context, name="logs"))
