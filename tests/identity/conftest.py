"""A store on a temporary SQLite file, a clock that tests drive, and callers."""

import json

import pytest
from sqlalchemy import Table
from tests.clocks import ManualClock

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.identity.access import PolicyAuthorizer
from groundwatch.identity.bootstrap import ensure_administrator
from groundwatch.identity.iam.operations import IamOperations
from groundwatch.identity.organizations import OrganizationsOperations
from groundwatch.identity.roles import RoleAssumer
from groundwatch.identity.store import IdentityStore
from groundwatch.identity.sts import StsOperations
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import identity

ACCOUNT = "111122223333"
OTHER = "444455556666"
START_MS = 1_767_323_045_000
"""2026-01-02T03:04:05Z."""


class World:
    """Everything of the room, wired as the composition root does."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.clock = clock
        self.database = database
        self.store = IdentityStore(database, clock)
        self.iam = IamOperations(self.store, clock)
        self.sts = StsOperations(self.store, clock)
        self.authorizer = PolicyAuthorizer(self.store)
        self.assumer = RoleAssumer(self.store, clock)
        self.organizations = OrganizationsOperations(self.store, clock, operator_account=ACCOUNT)

    def root(self, account_id: str = ACCOUNT) -> RequestContext:
        return self.context(Principal(account_id, f"arn:aws:iam::{account_id}:root", "Account", account_id))

    def context(self, principal: Principal, **changes) -> RequestContext:
        values = {
            "account_id": principal.account_id,
            "region": "us-east-1",
            "request_id": "r-1",
            "principal": principal,
            "source_ip": "203.0.113.7",
            "user_agent": "test/1.0",
            "secure": True,
            "received_ms": self.clock.now_ms,
        }
        return RequestContext(**(values | changes))

    async def user(self, name: str, *statements: dict, account_id: str = ACCOUNT, path: str = "/") -> RequestContext:
        """Create a user with a key and a policy of these statements; return its context."""
        context = self.root(account_id)
        await self.iam.create_user(context, user_name=name, path=path)
        if statements:
            await self.iam.put_user_policy(
                context, user_name=name, policy_name="test", policy_document=document(*statements)
            )
        key = (await self.iam.create_access_key(context, user_name=name))["AccessKey"]
        return await self.signed(key["AccessKeyId"])

    async def role(self, name: str, trust: dict, *statements: dict, account_id: str = ACCOUNT, **more) -> str:
        """Create a role that this statement of its trust policy opens; return its ARN."""
        context = self.root(account_id)
        answer = await self.iam.create_role(
            context, role_name=name, assume_role_policy_document=document(trust), **more
        )
        if statements:
            await self.iam.put_role_policy(
                context, role_name=name, policy_name="test", policy_document=document(*statements)
            )
        return answer["Role"]["Arn"]

    async def managed(self, name: str, *statements: dict, account_id: str = ACCOUNT, path: str = "/") -> str:
        """Create a managed policy of these statements; return its ARN."""
        answer = await self.iam.create_policy(
            self.root(account_id), policy_name=name, path=path, policy_document=document(*statements)
        )
        return answer["Policy"]["Arn"]

    async def signed(self, access_key_id: str) -> RequestContext:
        """Return the context of a request signed with this key."""
        credential = await self.store.find_credential(access_key_id)
        return self.context(credential.principal)


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def clock():
    return ManualClock(START_MS)


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'metadata.db'}")
    tables = [value for value in vars(identity).values() if isinstance(value, Table)]
    identity.metadata.create_all(opened.engine, tables=tables)
    yield opened
    opened.close()


@pytest.fixture
async def world(database, clock):
    world = World(database, clock)
    await ensure_administrator(world.store, ACCOUNT)
    await ensure_administrator(world.store, OTHER)
    return world


@pytest.fixture
def policy():
    """Make a document of the current version from statements."""
    return document
