"""IAM and STS as boto3 sees them: signed requests through the service port, in one process."""

import asyncio
import time
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from groundwatch.aws.authentication import SigV4Authenticator
from groundwatch.aws.http import WireRequest
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.identity.access import iam_access, sts_access
from groundwatch.identity.bootstrap import ensure_administrator

ACCOUNT = "333322221111"


class Body:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_options):
        yield self._data


class Clients:
    """Makes boto3 clients whose requests go straight to the port."""

    def __init__(self, port: ServicePort, loop: asyncio.AbstractEventLoop) -> None:
        self._port = port
        self._loop = loop

    def make(self, service: str, credentials: dict):
        client = boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url="http://localhost:4566",
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
        )
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request, **_more):
        url = urlsplit(request.url)
        headers = {name.lower(): v.decode() if isinstance(v, bytes) else v for name, v in request.headers.items()}
        headers.setdefault("host", url.netloc)
        body = request.body or b""
        wire = WireRequest(
            request.method,
            url.path or "/",
            url.query,
            tuple(headers.items()),
            body.encode() if isinstance(body, str) else body,
            "203.0.113.7",
        )
        answer = asyncio.run_coroutine_threadsafe(self._port.handle(wire), self._loop).result(10)
        return AWSResponse(request.url, answer.status, dict(answer.headers), Body(answer.body))


@pytest.fixture
async def clients(world):
    # botocore signs with the time of the machine.
    world.clock.now_ms = int(time.time() * 1000)
    port = ServicePort(
        [Service("iam", world.iam, iam_access), Service("sts", world.sts, sts_access)],
        SigV4Authenticator(world.store, frozenset({"iam", "sts"}), world.clock),
        world.authorizer,
        default_region="us-east-1",
        clock_ms=world.clock,
    )
    return Clients(port, asyncio.get_running_loop())


@pytest.fixture
async def administrator(world):
    key = await ensure_administrator(world.store, ACCOUNT)
    return {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key}


async def test_from_the_first_key_to_a_session(clients, administrator, policy):
    trust = policy({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    allow = {"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"}

    def work():
        iam = clients.make("iam", administrator)
        user = iam.create_user(UserName="bob", Path="/x/", Tags=[{"Key": "a", "Value": "b"}])["User"]
        role = iam.create_role(RoleName="R", AssumeRolePolicyDocument=trust)["Role"]
        iam.put_role_policy(RoleName="R", PolicyName="p", PolicyDocument=policy(allow))
        shown = iam.get_role_policy(RoleName="R", PolicyName="p")["PolicyDocument"]
        pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 1}))
        answer = clients.make("sts", administrator).assume_role(RoleArn=role["Arn"], RoleSessionName="s1")
        session = answer["Credentials"]
        who = clients.make("sts", session).get_caller_identity()
        got = clients.make("iam", session).get_role(RoleName="R")["Role"]
        with pytest.raises(ClientError) as denied:
            clients.make("iam", session).list_users()
        with pytest.raises(ClientError) as missing:
            iam.get_user(UserName="x")
        return user, role, shown, pages, who, got, denied.value.response, missing.value.response

    user, role, shown, pages, who, got, denied, missing = await asyncio.to_thread(work)

    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/x/bob"
    assert [page["Users"][0]["UserName"] for page in pages] == ["administrator", "bob"]
    assert shown["Statement"] == [allow]
    assert who["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s1"
    assert got["RoleId"] == role["RoleId"]
    assert got["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": ACCOUNT}
    assert denied["Error"] == {
        "Type": "Sender",
        "Code": "AccessDenied",
        "Message": (
            f"User: {who['Arn']} is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::{ACCOUNT}:user/"
            " because no identity-based policy allows the iam:ListUsers action"
        ),
    }
    assert denied["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert (missing["Error"]["Code"], missing["ResponseMetadata"]["HTTPStatusCode"]) == ("NoSuchEntity", 404)


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "status"),
    [
        ("create_user", {"UserName": "administrator"}, "EntityAlreadyExists", 409),
        ("delete_user", {"UserName": "administrator"}, "DeleteConflict", 409),
        ("create_role", {"RoleName": "R", "AssumeRolePolicyDocument": "{}"}, "MalformedPolicyDocument", 400),
        ("list_users", {"Marker": "?"}, "ValidationError", 400),
        ("create_user", {"UserName": "b", "PermissionsBoundary": "arn:aws:iam::aws:policy/x"}, "NoSuchEntity", 404),
        ("create_login_profile", {"UserName": "administrator", "Password": "x"}, "NotImplementedException", 501),
    ],
)
async def test_errors_reach_the_client(clients, administrator, operation, arguments, code, status):
    def work():
        client = clients.make("iam", administrator)
        client.meta.config.retries = {"max_attempts": 1}
        with pytest.raises(ClientError) as error:
            getattr(client, operation)(**arguments)
        return error.value.response

    response = await asyncio.to_thread(work)
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


async def test_a_key_that_was_deactivated_is_refused(clients, administrator):
    def work():
        iam = clients.make("iam", administrator)
        iam.update_access_key(AccessKeyId=administrator["AccessKeyId"], Status="Inactive")
        with pytest.raises(ClientError) as error:
            iam.list_users()
        return error.value.response["Error"]["Code"]

    assert await asyncio.to_thread(work) == "InvalidClientTokenId"
