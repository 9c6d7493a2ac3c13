"""The service port from request to answer, with services, keys and policies made for the test."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

import msgspec
import pytest

from groundwatch.aws.authentication import SigV4Authenticator, UnverifiedAuthenticator
from groundwatch.aws.context import AccessCheck, Credential, Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.aws.sigv4 import SigningCredential, sign_headers

NOW_MS = 1_767_323_045_000
TIMESTAMP = "20260102T030405Z"
PRINCIPAL = Principal("123456789012", "arn:aws:iam::123456789012:user/u", "User", "AIDA", access_key_id="AKID")
CREDENTIAL = Credential("AKID", "secret", PRINCIPAL)
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"


class Logs:
    """A few operations that show what reached them."""

    def __init__(self) -> None:
        self.calls: list[tuple[RequestContext, dict[str, Any]]] = []

    async def describe_log_groups(self, context: RequestContext, limit: int = 50) -> Mapping[str, Any]:
        self.calls.append((context, {"limit": limit}))
        return {"logGroups": [{"logGroupName": "g"}], "nextToken": None}

    async def create_log_group(self, context: RequestContext, log_group_name: str) -> None:
        raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")

    async def delete_log_group(self, context: RequestContext, log_group_name: str) -> None:
        raise RuntimeError("a secret detail")

    async def create_export_task(
        self, context: RequestContext, log_group_name: str, from_: int, to: int, destination: str
    ) -> Mapping[str, Any]:
        return {"taskId": f"{from_}-{to}"}


class Sts:
    async def get_caller_identity(self, context: RequestContext) -> Mapping[str, Any]:
        return {"Account": context.account_id, "Arn": context.principal.arn}

    async def assume_role_with_web_identity(
        self, context: RequestContext, role_arn: str, role_session_name: str, web_identity_token: str
    ) -> Mapping[str, Any]:
        return {"Audience": context.principal.kind}


class ApiGateway:
    async def get_rest_api(self, context: RequestContext, rest_api_id: str) -> Mapping[str, Any]:
        return {"id": rest_api_id, "name": context.source_arn or "none"}


class Keys:
    async def find_credential(self, access_key_id: str) -> Credential | None:
        return CREDENTIAL if access_key_id == "AKID" else None


class Policies:
    """Allows everything but one action; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[AccessCheck] = []

    async def authorize(self, context: RequestContext, checks: Sequence[AccessCheck]) -> None:
        self.asked += checks
        if any(check.action == "sts:GetCallerIdentity" and context.region == "denied" for check in checks):
            raise ServiceError("AccessDenied", "User: u is not authorized")


def access(prefix: str):
    def rule(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
        return [AccessCheck(f"{prefix}:{operation}", "*")]

    return rule


class Setting(msgspec.Struct):
    port: ServicePort
    logs: Any
    policies: Any


@pytest.fixture
def setting() -> Setting:
    return build(SigV4Authenticator(Keys(), frozenset(("logs", "sts", "apigateway")), lambda: NOW_MS))


def build(authenticator: Any) -> Setting:
    logs, policies = Logs(), Policies()
    services = [
        Service("logs", logs, access("logs")),
        Service("sts", Sts(), access("sts")),
        Service("apigateway", ApiGateway(), access("apigateway")),
    ]
    port = ServicePort(services, authenticator, policies, default_region="us-east-1", clock_ms=lambda: NOW_MS)
    return Setting(port, logs, policies)


def unsigned(
    body: bytes, operation: str = "", *, method: str = "POST", path: str = "/", query: str = "", **headers: str
) -> WireRequest:
    given = {"host": "localhost:8080", "user-agent": "test", "content-type": JSON if operation else FORM}
    if operation:
        given["x-amz-target"] = f"Logs_20140328.{operation}"
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return WireRequest(method, path, query, tuple(given.items()), body, "192.0.2.1", secure=True)


def signed(wire: WireRequest, service: str = "logs", *, region: str = "eu-west-1") -> WireRequest:
    key = SigningCredential("AKID", "secret")
    added = sign_headers(wire, key, region=region, service=service, timestamp=TIMESTAMP)
    return msgspec.structs.replace(wire, headers=(*wire.headers, *added))


def code(response: WireResponse) -> str:
    if response.body.startswith(b"<"):
        return response.body.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()
    return response.header("x-amzn-errortype") or json.loads(response.body)["__type"]


async def test_a_request_runs_with_its_sender_and_place(setting):
    response = await setting.port.handle(signed(unsigned(b'{"limit":5}', "DescribeLogGroups")))
    assert (response.status, response.body) == (200, b'{"logGroups":[{"logGroupName":"g"}]}')
    [(context, params)] = setting.logs.calls
    assert params == {"limit": 5}
    assert context == RequestContext(
        account_id="123456789012",
        region="eu-west-1",
        request_id=response.header("x-amzn-requestid"),
        principal=PRINCIPAL,
        source_ip="192.0.2.1",
        user_agent="test",
        secure=True,
        received_ms=NOW_MS,
    )
    assert setting.policies.asked == [AccessCheck("logs:DescribeLogGroups", "*")]


@pytest.mark.parametrize(
    ("request_", "status", "expected"),
    [
        pytest.param(
            signed(unsigned(b'{"logGroupName":"g"}', "CreateLogGroup")),
            400,
            "ResourceAlreadyExistsException",
            id="what the operation raises",
        ),
        pytest.param(
            signed(unsigned(b'{"logGroupName":"g"}', "DeleteLogGroup")), 500, "InternalServerException", id="a defect"
        ),
        pytest.param(
            signed(unsigned(b'{"logGroupName":"g"}', "ListTagsLogGroup")), 501, "NotImplementedException", id="missing"
        ),
        pytest.param(
            signed(unsigned(b'{"logGroupNamePrefix":"g"}', "DescribeLogGroups")),
            501,
            "NotImplementedException",
            id="a parameter that the operation does not take",
        ),
        pytest.param(
            signed(unsigned(b'{"logGroupNamePrefix":""}', "DescribeLogGroups")),
            400,
            "InvalidParameterException",
            id="constraints come before what is implemented",
        ),
        pytest.param(
            unsigned(b"{}", "DescribeLogGroups"), 400, "MissingAuthenticationTokenException", id="JSON unsigned"
        ),
        pytest.param(unsigned(b"{}", "Nothing"), 400, "UnknownOperationException", id="JSON unknown, even unsigned"),
        pytest.param(unsigned(b"Action=GetCallerIdentity"), 403, "MissingAuthenticationToken", id="query unsigned"),
        pytest.param(
            unsigned(b"Action=Nothing&Version=2011-06-15"), 403, "MissingAuthenticationToken", id="query, both wrong"
        ),
        pytest.param(signed(unsigned(b"Action=Nothing"), "sts"), 404, "InvalidAction", id="query unknown"),
        pytest.param(
            unsigned(b"", method="GET", path="/restapis/x"), 403, "MissingAuthenticationTokenException", id="REST"
        ),
        pytest.param(
            signed(unsigned(b"", method="GET", path="/nothing"), "apigateway"),
            403,
            "AccessDeniedException",
            id="REST unknown path",
        ),
        pytest.param(
            signed(unsigned(b"Action=GetCallerIdentity"), "sts", region="denied"), 403, "AccessDenied", id="denied"
        ),
        pytest.param(
            signed(unsigned(b"{}", "DescribeLogGroups"), "s3"), 400, "InvalidSignatureException", id="another service"
        ),
        pytest.param(
            msgspec.structs.replace(signed(unsigned(b"{}", "DescribeLogGroups")), body=b'{"limit":1}'),
            400,
            "InvalidSignatureException",
            id="a changed body",
        ),
    ],
)
async def test_failures_are_answered_in_the_services_own_form(setting, request_, status, expected):
    response = await setting.port.handle(request_)
    assert (response.status, code(response)) == (status, expected)
    assert len(response.header("x-amzn-requestid") or "") == 36


async def test_a_defect_is_logged_with_its_request_id_and_not_told(setting, caplog):
    with caplog.at_level(logging.ERROR):
        response = await setting.port.handle(signed(unsigned(b'{"logGroupName":"g"}', "DeleteLogGroup")))
    assert b"secret detail" not in response.body
    [record] = caplog.records
    assert response.header("x-amzn-requestid") in record.getMessage()
    assert record.exc_info is not None


async def test_null_means_absent_even_for_parameters_that_are_not_taken(setting):
    request_ = signed(unsigned(b'{"logGroupNamePrefix":null}', "DescribeLogGroups"))
    assert (await setting.port.handle(request_)).status == 200


async def test_members_named_like_keywords_reach_their_argument(setting):
    body = b'{"logGroupName":"g","from":1,"to":2,"destination":"bucket"}'
    response = await setting.port.handle(signed(unsigned(body, "CreateExportTask")))
    assert response.body == b'{"taskId":"1-2"}'


async def test_operations_without_signature_run_as_nobody(setting):
    body = (
        b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/r"
        b"&RoleSessionName=session&WebIdentityToken=token"
    )
    response = await setting.port.handle(unsigned(body))
    assert b"<Audience>Anonymous</Audience>" in response.body


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(unsigned(b"{}", "DescribeLogGroups"), b"logGroups", id="by target prefix"),
        pytest.param(unsigned(b"Action=GetCallerIdentity&Version=2011-06-15"), b"<Account>", id="by version"),
        pytest.param(unsigned(b"Action=GetCallerIdentity"), b"<Account>", id="by action"),
        pytest.param(unsigned(b"", query="Action=GetCallerIdentity", method="GET"), b"<Account>", id="by query string"),
        pytest.param(unsigned(b"", method="GET", path="/restapis/x"), b'"id":"x"', id="by path"),
        pytest.param(unsigned(b"", method="GET", path="/x", host="sts.us-east-1.example.org"), b"sts", id="by host"),
        pytest.param(
            unsigned(b"", method="GET", path="/x", host="stream-sts.us-east-1.example.org:80"),
            b"sts",
            id="by the host that SDKs make for event streams",
        ),
        pytest.param(
            unsigned(b"", method="GET", path="/x", host="streaming-sts.example.org"),
            b"sts",
            id="by the host that they made before April 2026",
        ),
        pytest.param(unsigned(b""), b"UnknownOperationException", id="by nothing: the first service answers"),
    ],
)
async def test_services_share_one_address(request_, expected):
    port = build(UnverifiedAuthenticator(PRINCIPAL, "us-east-1")).port
    assert expected in (await port.handle(request_)).body


@pytest.mark.parametrize("host", ["stream-localhost:4580", "streaming-logs.example.org", "stream-127.0.0.1:4580"])
async def test_a_signature_covers_the_host_as_the_client_wrote_it(setting, host):
    assert (await setting.port.handle(signed(unsigned(b"{}", "DescribeLogGroups", host=host)))).status == 200


async def test_the_credential_scope_decides_before_anything_else(setting):
    response = await setting.port.handle(signed(unsigned(b"{}", "DescribeLogGroups"), "sts"))
    assert code(response) == "MissingAction"


@pytest.mark.parametrize("claimed", ["sts", "s3"])
async def test_a_signature_for_one_service_is_none_for_another(setting, claimed):
    # The last of repeated parts counts where the signature is verified: the first must not choose the service.
    wire = signed(unsigned(b"Action=GetCallerIdentity&Version=2011-06-15"), "logs")
    twice = f"AWS4-HMAC-SHA256 Credential=AKID/20260102/eu-west-1/{claimed}/aws4_request,"
    added = wire.header("authorization").replace("AWS4-HMAC-SHA256", twice)
    response = await setting.port.handle(
        msgspec.structs.replace(wire, headers=(*wire.headers[:-1], ("authorization", added)))
    )
    assert code(response) == "SignatureDoesNotMatch"
    assert b"Credential should be scoped to correct service: 'sts'." in response.body


@pytest.mark.parametrize(
    ("body", "encoding", "status", "expected"),
    [
        pytest.param(gzip.compress(b'{"limit":5}'), "gzip", 200, None, id="gzip"),
        pytest.param(gzip.compress(b'{"lim') + gzip.compress(b'it":5}'), "gzip", 200, None, id="two members"),
        pytest.param(b'{"limit":5}', "identity", 200, None, id="identity"),
        pytest.param(b'{"limit":5}', "amz-1.0", 200, None, id="no coding, in the words of AWS's examples"),
        pytest.param(gzip.compress(b'{"limit":5}'), "x-gzip", 200, None, id="the old name of gzip"),
        pytest.param(b'{"limit":5}', "gzip", 400, "SerializationException", id="no gzip"),
        pytest.param(gzip.compress(b'{"limit":5}')[:-4], "gzip", 400, "SerializationException", id="cut short"),
        pytest.param(
            gzip.compress(b" " * 9_000_000), "gzip", 413, "RequestEntityTooLargeException", id="a bomb is not inflated"
        ),
        pytest.param(
            gzip.compress(b"") * 100 + gzip.compress(b"{}"),
            "gzip",
            400,
            "SerializationException",
            id="too many members",
        ),
        pytest.param(b"x", "br", 501, "NotImplementedException", id="another encoding"),
    ],
)
async def test_content_encoding_is_undone_after_the_signature_is_verified(setting, body, encoding, status, expected):
    response = await setting.port.handle(signed(unsigned(body, "DescribeLogGroups", content_encoding=encoding)))
    assert response.status == status
    assert expected is None or code(response) == expected


async def test_calls_from_within_need_no_signature_but_permission(setting):
    request_ = unsigned(b"", method="GET", path="/restapis/x")
    arn = "arn:aws:execute-api:us-east-1:123456789012:api/stage/GET/"
    response = await setting.port.call("apigateway", request_, PRINCIPAL, region="us-east-1", source_arn=arn)
    assert json.loads(response.body) == {"id": "x", "name": arn}
    assert setting.policies.asked == [AccessCheck("apigateway:GetRestApi", "*")]


async def test_a_call_from_within_can_be_denied(setting):
    request_ = unsigned(b"Action=GetCallerIdentity")
    response = await setting.port.call("sts", request_, PRINCIPAL, region="denied")
    assert (response.status, code(response)) == (403, "AccessDenied")


class CloudWatch:
    async def list_metrics(self, context: RequestContext) -> Mapping[str, Any]:
        return {"Metrics": [{"MetricName": "m"}]}


@pytest.mark.parametrize(
    ("request_", "content_type"),
    [
        pytest.param(unsigned(b"", query="Action=ListMetrics"), "text/xml", id="query"),
        pytest.param(
            unsigned(
                b"{}",
                x_amz_target="GraniteServiceVersion20100801.ListMetrics",
                content_type="application/x-amz-json-1.0",
            ),
            "application/x-amz-json-1.0",
            id="JSON",
        ),
        pytest.param(
            unsigned(
                b"{}",
                x_amz_target="GraniteServiceVersion20100801.ListMetrics",
                content_type="application/json",
                content_encoding="amz-1.0",
            ),
            "application/x-amz-json-1.0",
            id="JSON as in the examples of the reference",
        ),
        pytest.param(unsigned(b"Operation=ListMetrics"), "text/xml", id="query in its old words"),
    ],
)
async def test_a_service_of_several_protocols_answers_in_the_one_it_is_asked_in(request_, content_type):
    services = [Service("cloudwatch", CloudWatch(), lambda *_: [], "monitoring")]
    keys = UnverifiedAuthenticator(PRINCIPAL, "us-east-1")
    port = ServicePort(services, keys, Policies(), default_region="us-east-1", clock_ms=lambda: NOW_MS)
    # The gateway knows it by its endpoint.
    response = await port.call("monitoring", request_, PRINCIPAL, region="us-east-1")
    assert (response.status, response.header("content-type")) == (200, content_type)
    assert b"MetricName" in response.body


async def test_a_call_to_a_service_that_is_not_offered_is_a_mistake(setting):
    with pytest.raises(LookupError, match="no service called 's3'"):
        await setting.port.call("s3", unsigned(b""), PRINCIPAL, region="us-east-1")


class UnknownParameter:
    async def get_caller_identity(self, context: RequestContext, account: str) -> None: ...


class OptionalWithoutDefault:
    async def assume_role(
        self, context: RequestContext, role_arn: str, role_session_name: str, policy: str
    ) -> None: ...


class Members(TypedDict):
    policy: str


class MembersWithoutDefault:
    async def assume_role(
        self, context: RequestContext, *, role_arn: str, role_session_name: str, **members: Unpack[Members]
    ) -> None: ...


class UnknownMembers:
    async def get_caller_identity(self, context: RequestContext, **members: Unpack[Members]) -> None: ...


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        pytest.param(UnknownMembers(), "no member for the parameter 'policy'", id="a typed member that is none"),
        pytest.param(MembersWithoutDefault(), "Policy is optional in the model", id="a typed member that is demanded"),
        pytest.param(UnknownParameter(), "no member for the parameter 'account'", id="a parameter without member"),
        pytest.param(OptionalWithoutDefault(), "Policy is optional in the model", id="an optional without default"),
    ],
)
def test_signatures_that_do_not_fit_the_model_fail_at_construction(operations, message):
    with pytest.raises(TypeError, match=message):
        ServicePort(
            [Service("sts", operations, access("sts"))],
            UnverifiedAuthenticator(PRINCIPAL, "us-east-1"),
            Policies(),
            default_region="us-east-1",
            clock_ms=lambda: NOW_MS,
        )
