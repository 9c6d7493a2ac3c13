"""`AWS_IAM` and resource policies: signatures of the real signer, evaluated by the real policies."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from groundwatch.aws.context import Credential, Principal
from groundwatch.gateway.definition import IntegrationResponse

ACCOUNT, OTHER = "123456789012", "444455556666"
API, REGION = "abcdef1234", "eu-west-1"
KEY, SECRET = "AKIAEXAMPLE", "wJalrXUtnFEMI"
NOW_MS = 1_700_000_000_000
HOST = "localhost:8443"
ARN = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/v1/GET/pets"
MASKED = f"arn:aws:execute-api:{REGION}:********9012:{API}/v1/GET/pets"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"


def statement(effect="Allow", resource="*", **more):
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def everybody(effect="Allow", resource="*", **more):
    return statement(effect, resource, Principal="*", **more)


@pytest.fixture
def signed(monkeypatch):
    """Sign a request for the gateway with botocore, at the time of the tests."""
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now)

    def sign(path="/pets", method="GET", *, key=KEY, secret=SECRET, token=None, query=False, more=None, **scope):
        headers = {"Host": HOST, **(more or {})}
        request = AWSRequest(method, f"https://{HOST}/{API}/v1{path}", headers=headers)
        service, region = scope.get("service", "execute-api"), scope.get("region", REGION)
        signer = SigV4QueryAuth if query else SigV4Auth
        signer(Credentials(key, secret, token), service, region).add_auth(request)
        url = request.url.removeprefix(f"https://{HOST}/{API}/v1")
        return {"path": url, "method": method, "host": HOST, "headers": {**dict(request.headers), "Host": HOST}}

    return sign


async def send(gateway, request):
    headers = {name: value for name, value in request["headers"].items() if name.lower() != "host"}
    return await gateway.request(request["path"], request["method"], host=request["host"], headers=headers)


def with_caller(gateway, *policies, account=ACCOUNT, kind="User"):
    arn = f"arn:aws:iam::{account}:user/ann"
    principal = Principal(account, arn, kind, "AIDAANN", access_key_id=KEY)
    gateway.identities.credentials[KEY] = Credential(KEY, SECRET, principal)
    gateway.identities.policies["AIDAANN"] = policies
    return gateway


@pytest.fixture
def pets(make_gateway, mock):
    def make(*policies, policy=None, kind="AWS_IAM", account=ACCOUNT, path="/pets"):
        gateway = make_gateway({"/": mock(), path: mock(path, authorization_type=kind)}, policy=policy)
        return with_caller(gateway, *policies, account=account)

    return make


ALLOW = document(statement())
DENY = document(statement(), statement("Deny", ARN))
SILENT = document(statement(resource=f"{ARN}/other"))
OPEN = document(everybody())
CLOSED = document(everybody(), everybody("Deny", ARN))
MUTE = document(everybody(resource=f"{ARN}/other"))
EXPLICIT = " with an explicit deny"
TABLE = [
    # caller's policies, the API's policy, same account, other account (None: allowed)
    pytest.param(ALLOW, OPEN, None, None, id="allow, allow"),
    pytest.param(ALLOW, MUTE, None, "", id="allow, silent"),
    pytest.param(ALLOW, None, None, "", id="allow, no policy"),
    pytest.param(SILENT, OPEN, None, "", id="silent, allow"),
    pytest.param(SILENT, MUTE, "", "", id="silent, silent"),
    pytest.param(SILENT, None, "", "", id="silent, no policy"),
    pytest.param(ALLOW, CLOSED, EXPLICIT, EXPLICIT, id="allow, deny"),
    pytest.param(DENY, OPEN, EXPLICIT, EXPLICIT, id="deny, allow"),
    pytest.param(DENY, None, EXPLICIT, EXPLICIT, id="deny, no policy"),
]


@pytest.mark.parametrize("account", [ACCOUNT, OTHER])
@pytest.mark.parametrize(("identity", "resource", "same", "other"), TABLE)
async def test_policies_of_caller_and_api(  # noqa: PLR0917 - the columns of the table
    identity, resource, same, other, account, pets, signed
):
    answer = await send(pets(identity, policy=resource, account=account), signed())
    refused = same if account == ACCOUNT else other
    if refused is None:
        assert answer.status == 200
        return
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    who = f"arn:aws:iam::{account}:user/ann"
    text = f"User: {who} is not authorized to perform: execute-api:Invoke on resource: {MASKED}{refused}"
    assert json.loads(answer.body) == {"Message": text}


OPEN_METHODS = [
    pytest.param(None, None, id="no policy lets everybody in"),
    pytest.param(OPEN, None, id="the policy allows"),
    pytest.param(MUTE, "", id="a policy that is silent closes"),
    pytest.param(CLOSED, EXPLICIT, id="the policy denies"),
    pytest.param(document(statement(Principal={"AWS": ACCOUNT})), "", id="the account is not everybody"),
    pytest.param(document(everybody(Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}})), None, id="address"),
    pytest.param(
        document(everybody(), everybody("Deny", Condition={"NotIpAddress": {"aws:SourceIp": "198.51.100.0/24"}})),
        EXPLICIT,
        id="another address",
    ),
    pytest.param(document(everybody(Condition={"StringEquals": {"aws:Referer": "x"}})), "", id="no referer"),
]


@pytest.mark.parametrize(("policy", "refused"), OPEN_METHODS)
async def test_open_methods_of_an_api_with_a_policy(policy, refused, pets):
    answer = await pets(policy=policy, kind="NONE").request("/pets")
    if refused is None:
        assert answer.status == 200
        return
    text = f"User: anonymous is not authorized to perform: execute-api:Invoke on resource: {MASKED}{refused}"
    assert (answer.status, json.loads(answer.body)) == (403, {"Message": text})


PATHS = [
    pytest.param("/pets", "GET/pets", id="as the resource is written"),
    pytest.param("/pets/", "GET/pets", id="a slash at the end"),
    pytest.param("//pets", "GET/pets", id="two slashes"),
    pytest.param("/%70ets", "GET/pets", id="a needless escape"),
    pytest.param("/a/b", "GET/a/b", id="below a greedy parameter"),
    pytest.param("/a//b", "GET/a/b", id="an empty segment"),
    pytest.param("/a%2Fb", "GET/a%2Fb", id="an escaped slash is no slash"),
    pytest.param("/%E4%B8%AD", "GET/%E4%B8%AD", id="beyond ASCII"),
    pytest.param("/", "GET/", id="the root"),
]


@pytest.mark.parametrize(("path", "asked"), PATHS)
async def test_policies_are_asked_about_the_path_in_one_form(path, asked, make_gateway, mock):
    methods = {place: mock(place) for place in ("/", "/pets", "/{proxy+}")}
    deny = everybody("Deny", f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{API}/v1/{asked}")
    gateway = make_gateway(methods, policy=document(everybody(), deny))
    answer = await gateway.request(path)
    assert answer.status == 403
    assert answer.body.endswith(f'/v1/{asked} with an explicit deny"}}')


async def test_a_signature_in_the_query(pets, signed):
    assert (await send(pets(ALLOW), signed("/pets?x=1", query=True))).status == 200


async def test_a_session_with_its_token(pets, signed):
    gateway = pets(ALLOW)
    owner = gateway.identities.credentials[KEY].principal
    gateway.identities.credentials["ASIA1"] = Credential("ASIA1", SECRET, owner, "token", NOW_MS + 1000)
    request = signed(key="ASIA1", token="token")
    assert (await send(gateway, request)).status == 200
    gateway.clock.now_ms += 1000
    answer = await send(gateway, request)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "ExpiredTokenException")
    assert json.loads(answer.body) == {"message": "The security token included in the request is expired"}


INVALID = "InvalidSignatureException"
FAULTS = [
    pytest.param({}, {"authorization": None}, "MissingAuthenticationTokenException", "Missing Authentication Token",
                 id="no signature"),
    pytest.param({}, {"authorization": "Bearer x"}, "IncompleteSignatureException", "Invalid key=value pair",
                 id="another scheme"),
    pytest.param({}, {"authorization": "AWS4-HMAC-SHA256 Credential=x"}, "IncompleteSignatureException",
                 "Authorization header requires 'Signature' parameter.", id="half a signature"),
    pytest.param({"secret": "other"}, {}, INVALID, "The request signature we calculated does not match",
                 id="another secret"),
    pytest.param({"key": "AKIAUNKNOWN"}, {}, "UnrecognizedClientException", "The security token included in the request"
                 " is invalid.", id="an unknown key"),
    pytest.param({"token": "x"}, {}, "UnrecognizedClientException", "is invalid", id="a token for a long-term key"),
    pytest.param({"service": "logs"}, {}, INVALID, "Credential should be scoped to correct service: 'execute-api'.",
                 id="signed for another service"),
    pytest.param({"region": "us-east-1"}, {}, INVALID,
                 "Credential should be scoped to a valid region, not 'us-east-1'.", id="signed for another region"),
]  # fmt: skip


@pytest.mark.parametrize(("how", "headers", "error_type", "message"), FAULTS)
async def test_faults_of_signatures(how, headers, error_type, message, pets, signed):
    request = signed(**how)
    kept = {name: value for name, value in request["headers"].items() if name.lower() not in headers}
    request["headers"] = {**kept, **{name: value for name, value in headers.items() if value is not None}}
    answer = await send(pets(ALLOW), request)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, error_type)
    assert message in json.loads(answer.body)["message"]


async def test_an_old_signature(pets, signed):
    gateway = pets(ALLOW)
    gateway.clock.now_ms += 16 * 60_000
    answer = await send(gateway, signed())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, INVALID)
    assert json.loads(answer.body)["message"].startswith("Signature expired: 20231114T221320Z is now earlier than")


async def test_a_signature_does_not_open_another_path(pets, signed):
    request = signed("/pets")
    request["path"] = "/"
    gateway = pets(ALLOW)
    gateway.catalog.deployed.api.resources["res0"].methods["GET"] = gateway.catalog.deployed.api.resources[
        "res1"
    ].methods["GET"]
    assert (await send(gateway, request)).status == 403


DETOURS = [
    pytest.param("/pets", {"X-HTTP-Method-Override": "DELETE"}, 403, id="another verb"),
    pytest.param("/pets", {"X-HTTP-Method-Override": "GET"}, 200, id="the same verb"),
    pytest.param("/a/../pets", {}, 403, id="a path that was signed as another"),
    pytest.param("/./pets", {}, 403, id="a dot"),
]


@pytest.mark.parametrize(("path", "headers", "status"), DETOURS)
@pytest.mark.parametrize("query", [False, True])
async def test_a_signature_is_for_one_call(path, headers, status, query, make_gateway, mock, signed):  # noqa: PLR0917
    methods = [mock(verb=verb, authorization_type="AWS_IAM") for verb in ("GET", "DELETE")]
    gateway = with_caller(make_gateway({"/pets": methods, "/{proxy+}": methods}), ALLOW)
    request = signed("/pets", query=query)
    request["path"] = path + request["path"].removeprefix("/pets")
    request["headers"] |= headers
    assert (await send(gateway, request)).status == status


async def test_a_signed_header_may_replace_the_verb(make_gateway, mock, signed):
    methods = [mock(verb=verb, authorization_type="AWS_IAM") for verb in ("GET", "DELETE")]
    gateway = with_caller(make_gateway({"/pets": methods}), ALLOW)
    request = signed(more={"X-HTTP-Method-Override": "DELETE"})
    assert json.loads((await send(gateway, request)).body) == {"at": "DELETE /"}


async def test_the_context_of_a_caller(make_gateway, mock, signed):
    template = (
        '{"a":"$context.identity.accountId","c":"$context.identity.caller","u":"$context.identity.user",'
        '"arn":"$context.identity.userArn","k":"$context.identity.accessKey"}'
    )
    response = IntegrationResponse("200", response_templates={"application/json": template})
    method = mock(authorization_type="AWS_IAM", integration={"responses": {"200": response}})
    gateway = with_caller(make_gateway({"/pets": method}), ALLOW)
    answer = await send(gateway, signed())
    assert gateway.entries[0].caller_arn == USER
    assert json.loads(answer.body) == {"a": ACCOUNT, "c": "AIDAANN", "u": "AIDAANN", "arn": USER, "k": KEY}


async def test_calls_with_the_callers_own_credentials(make_gateway, aws, signed):
    own = {"credentials": "arn:aws:iam::*:user/*"}
    gateway = with_caller(make_gateway({"/pets": aws(authorization_type="AWS_IAM", integration=own)}), ALLOW)
    assert (await send(gateway, signed())).status == 200
    assert gateway.backend.calls[0][2].arn == USER
    assert gateway.roles.assumed == []


async def test_nobody_has_credentials_on_an_open_method(make_gateway, aws, caplog):
    own = {"credentials": "arn:aws:iam::*:user/*"}
    gateway = make_gateway({"/pets": aws(integration=own)})
    assert (await gateway.request("/pets")).status == 500
    assert "AWS_IAM" in caplog.text
    assert gateway.backend.calls == []
