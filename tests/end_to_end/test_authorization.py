"""Who may call deployed methods: real signatures, tokens of a real issuer, functions behind a real endpoint."""

from __future__ import annotations

import http.server
import json
import threading
import time
import urllib.parse

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.live import RunningServer

ACCOUNT, REGION = "000000000000", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:who"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
POOL = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/us-east-1_local"
KEY = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)


class Peers(http.server.BaseHTTPRequestHandler):
    """An issuer of tokens and the Lambda API, in one."""

    def do_GET(self):
        base = f"http://127.0.0.1:{self.server.server_port}/issuer"
        documents = {
            "/issuer/.well-known/openid-configuration": {"issuer": base, "jwks_uri": f"{base}/keys"},
            "/issuer/keys": {"keys": [KEY.as_dict(private=False)]},
        }
        self.answer(documents[self.path])

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.events.append((urllib.parse.unquote(self.path), event))
        if event["authorizationToken"] == "nobody":
            self.answer({"errorMessage": "Unauthorized"}, error="Unhandled")
            return
        effect = {"good": "Allow", "bad": "Deny"}[event["authorizationToken"]]
        statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.answer({"principalId": "ann", "policyDocument": document, "context": {"tenant": "blue"}})

    def answer(self, document, error=None):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if error:
            self.send_header("X-Amz-Function-Error", error)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def peers():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Peers) as server:
        server.events = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def running(peers, tmp_path_factory):
    data = tmp_path_factory.mktemp("authorization") / "data"
    issuers = f"us-east-1_local={peers.url}/issuer"
    server = RunningServer(data, "--lambda-url", peers.url, "--jwt-issuers", issuers).start()
    yield server
    assert server.stop() == 0


class Api:
    """An API whose `/who` shows what is known of the caller."""

    def __init__(self, server: RunningServer, authorizer=None, policy=None, **method) -> None:
        self.server = server
        self.client = server.client("apigateway")
        more = {"policy": json.dumps(policy)} if policy else {}
        self.id = self.client.create_rest_api(name="who", **more)["id"]
        root = self.client.get_resources(restApiId=self.id)["items"][0]["id"]
        resource = self.client.create_resource(restApiId=self.id, parentId=root, pathPart="who")["id"]
        if authorizer:
            self.authorizer = self.client.create_authorizer(restApiId=self.id, name="a", **authorizer)["id"]
            method["authorizerId"] = self.authorizer
        place = {"restApiId": self.id, "resourceId": resource, "httpMethod": "GET"}
        self.client.put_method(**place, **method)
        self.client.put_method_response(**place, statusCode="200")
        self.client.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
        shown = {
            "arn": "$context.identity.userArn",
            "sub": "$context.authorizer.claims.sub",
            "tenant": "$context.authorizer.tenant",
        }
        self.client.put_integration_response(
            **place, statusCode="200", responseTemplates={"application/json": json.dumps(shown)}
        )
        self.client.create_deployment(restApiId=self.id, stageName="v1")
        self.arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{self.id}/v1/GET/who"

    def get(self, **headers):
        return self.server.get(f"/{self.id}/v1/who", headers)

    def signed(self, keys, *, query=False):
        url = f"{self.server.gateway_url}/{self.id}/v1/who"
        request = AWSRequest("GET", url, headers={"Host": self.server.gateway_url.removeprefix("https://")})
        (SigV4QueryAuth if query else SigV4Auth)(Credentials(*keys), "execute-api", REGION).add_auth(request)
        path = request.url.removeprefix(self.server.gateway_url)
        return self.server.get(path, {name: value for name, value in dict(request.headers).items() if name != "Host"})


@pytest.fixture(scope="module")
def ann(running):
    """A user without any policy."""
    iam = running.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def allowing(arn, **more):
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arn, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_signed_calls(running, ann):
    api = Api(running, authorizationType="AWS_IAM")
    unsigned = api.get()
    assert (unsigned.status, unsigned.json()) == (403, {"message": "Missing Authentication Token"})
    refused = api.signed(ann)
    masked = api.arn.replace(ACCOUNT, "********0000")
    text = f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: execute-api:Invoke on resource: "
    assert (refused.status, refused.json()) == (403, {"Message": text + masked})
    assert refused.headers["x-amzn-errortype"] == "AccessDeniedException"
    running.client("iam").put_user_policy(
        UserName="ann", PolicyName="call", PolicyDocument=json.dumps(allowing(api.arn))
    )
    for query in (False, True):
        answer = api.signed(ann, query=query)
        assert (answer.status, answer.json()["arn"]) == (200, f"arn:aws:iam::{ACCOUNT}:user/ann")
    forged = api.signed((ann[0], "not-the-secret"))
    assert (forged.status, forged.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")


def test_a_session_calls(running):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
    }
    iam = running.client("iam")
    role = iam.create_role(RoleName="caller", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    api = Api(running, authorizationType="AWS_IAM")
    iam.put_role_policy(RoleName="caller", PolicyName="call", PolicyDocument=json.dumps(allowing(api.arn)))
    made = running.client("sts").assume_role(RoleArn=role, RoleSessionName="s1")["Credentials"]
    keys = (made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
    assert api.signed(keys).json()["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/s1"
    assert api.signed(keys[:2]).headers["x-amzn-errortype"] == "UnrecognizedClientException"


def test_a_policy_of_the_api(running):
    def open_to(address):
        condition = {"IpAddress": {"aws:SourceIp": address}}
        return allowing("execute-api:/v1/GET/*", Principal="*", Condition=condition)

    inside = Api(running, policy=open_to("127.0.0.0/8"), authorizationType="NONE")
    outside = Api(running, policy=open_to("203.0.113.0/24"), authorizationType="NONE")
    assert inside.get().status == 200
    refused = outside.get()
    assert refused.status == 403
    assert refused.json()["Message"].startswith("User: anonymous is not authorized to perform: execute-api:Invoke on")


def test_tokens_of_an_issuer(running, peers):
    source = "method.request.header.Authorization"
    pools = {"type": "COGNITO_USER_POOLS", "providerARNs": [POOL], "identitySource": source}
    api = Api(running, pools, authorizationType="COGNITO_USER_POOLS")
    claims = {"iss": f"{peers.url}/issuer", "sub": "ann", "aud": "app", "exp": int(time.time()) + 60}

    def token(**changes):
        return jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **changes}, KEY)

    answer = api.get(Authorization=f"Bearer {token()}")
    assert (answer.status, answer.json()["sub"]) == (200, "ann")
    assert api.get().status == 401
    assert api.get(Authorization=token(iss="https://other.example")).status == 401
    expired = api.get(Authorization=token(exp=int(time.time()) - 60))
    assert (expired.status, expired.json()) == (401, {"message": "The incoming token has expired"})
    tested = api.client.test_invoke_authorizer(
        restApiId=api.id, authorizerId=api.authorizer, headers={"Authorization": token()}
    )
    assert (tested["clientStatus"], tested["claims"]["sub"]) == (200, "ann")


def test_functions(running, peers):
    token = {"type": "TOKEN", "authorizerUri": URI, "identitySource": "method.request.header.Auth"}
    api = Api(running, token, authorizationType="CUSTOM")
    peers.events.clear()
    for _ in range(2):
        answer = api.get(Auth="good")
        assert (answer.status, answer.json()["tenant"]) == (200, "blue")
    path, event = peers.events[0]
    assert path == f"/2015-03-31/functions/{FUNCTION}/invocations"
    assert event == {"type": "TOKEN", "methodArn": api.arn, "authorizationToken": "good"}
    assert len(peers.events) == 1, "the verdict is remembered"
    denied = api.get(Auth="bad")
    text = "User is not authorized to access this resource with an explicit deny"
    assert (denied.status, denied.json()) == (403, {"Message": text})
    assert api.get(Auth="nobody").json() == {"message": "Unauthorized"}
    assert api.get().status == 401
    api.client.flush_stage_authorizers_cache(restApiId=api.id, stageName="v1")
    api.get(Auth="good")
    assert [event["authorizationToken"] for _, event in peers.events] == ["good", "bad", "nobody", "good"]
    tested = api.client.test_invoke_authorizer(restApiId=api.id, authorizerId=api.authorizer, headers={"Auth": "good"})
    assert (tested["clientStatus"], tested["principalId"]) == (200, "ann")
    assert json.loads(tested["policy"])["Statement"][0]["Effect"] == "Allow"


def test_an_authorizer_changes_with_the_next_deployment(running):
    token = {"type": "TOKEN", "authorizerUri": URI, "identitySource": "method.request.header.Auth"}
    api = Api(running, token, authorizationType="CUSTOM")
    patch = [{"op": "replace", "path": "/identityValidationExpression", "value": "x-.*"}]
    api.client.update_authorizer(restApiId=api.id, authorizerId=api.authorizer, patchOperations=patch)
    assert api.get(Auth="good").status == 200
    api.client.create_deployment(restApiId=api.id, stageName="v1")
    assert api.get(Auth="good").status == 401
    with pytest.raises(ClientError, match="is referenced in method: /who/GET"):
        api.client.delete_authorizer(restApiId=api.id, authorizerId=api.authorizer)
