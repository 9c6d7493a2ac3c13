"""Tenants and IAM over the wire: `groundwatch account`, boto3, presigned URLs, and an API whose account is disabled."""

import json
import os
import stat
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.live import SCRIPTS, RunningServer

from groundwatch.credentials_file import AdminCredentials, read_credentials

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ANY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
READ = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]})


class Tenant:
    """An account and clients with its administrator's key."""

    def __init__(self, server: RunningServer, credentials: AdminCredentials) -> None:
        self.server = server
        self.credentials = credentials

    def client(self, service: str, key: dict | None = None):
        key = key or {}
        return boto3.client(
            service,
            endpoint_url=self.server.service_url,
            region_name="us-east-1",
            aws_access_key_id=key.get("AccessKeyId", self.credentials.access_key_id),
            aws_secret_access_key=key.get("SecretAccessKey", self.credentials.secret_access_key),
            aws_session_token=key.get("SessionToken"),
            config=Config(retries={"max_attempts": 1}),
        )


def groundwatch(server: RunningServer, *words: str) -> subprocess.CompletedProcess:
    environment = {"PATH": os.environ["PATH"], "HOME": str(server.data), "GROUNDWATCH_DATA": str(server.data)}
    command = [str(SCRIPTS / "groundwatch"), "account", *words]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def said(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_tenant(server: RunningServer, directory, name: str) -> Tenant:
    output = directory / f"{name}.key"
    said(groundwatch(server, "create", name, "--output", str(output)))
    return Tenant(server, read_credentials(output))


def code_of(call, **arguments) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_account_through_the_command(server, tmp_path):
    output = tmp_path / "acme.key"
    made = said(groundwatch(server, "create", "acme", "--id", "888877776666", "--output", str(output)))
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert read_credentials(output).secret_access_key not in made
    tenant = Tenant(server, read_credentials(output))
    who = tenant.client("sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == ("888877776666", "arn:aws:iam::888877776666:user/administrator")

    tenant.client("logs").create_log_group(logGroupName="/acme")
    assert server.client("logs").describe_log_groups(logGroupNamePrefix="/acme")["logGroups"] == []
    assert code_of(tenant.client("organizations").list_accounts) == "AccessDeniedException"
    assert "888877776666  active    acme\n" in said(groundwatch(server, "list"))

    assert said(groundwatch(server, "disable", "acme")) == "888877776666 is disabled\n"
    assert code_of(tenant.client("logs").describe_log_groups) == "UnrecognizedClientException"
    refused = groundwatch(server, "delete", "--yes", "acme")
    assert (refused.returncode, "still has log groups" in refused.stderr) == (1, True)
    listed = {each["id"]: each for each in json.loads(said(groundwatch(server, "list", "--format", "json")))}
    assert listed["888877776666"] == {"id": "888877776666", "state": "disabled", "name": "acme"}

    assert said(groundwatch(server, "enable", "888877776666")) == "888877776666 is active\n"
    tenant.client("logs").delete_log_group(logGroupName="/acme")
    said(groundwatch(server, "disable", "acme"))
    assert said(groundwatch(server, "delete", "--yes", "acme")) == "888877776666 is deleted\n"
    assert "acme" not in said(groundwatch(server, "list"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("create", "x", "--id", "12"), 2, "'12' is no account number of twelve digits"),
        (("disable", "nobody"), 1, "no account is called 'nobody'; `groundwatch account list` shows them"),
        (("disable", "000000000000"), 1, "The operator's account cannot be closed."),
        (("delete", "--yes", "111111111111"), 1, "There is no account 111111111111."),
        (("create", "x", "--output", "."), 2, "is a directory"),
    ],
)
def test_what_the_command_refuses(server, words, code, message):
    done = groundwatch(server, *words)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
    assert message in done.stderr


def test_a_deletion_that_nobody_confirms_is_no_deletion(server):
    said(groundwatch(server, "create", "kept"))
    done = groundwatch(server, "delete", "kept")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nobody said yes: give --yes" in done.stderr
    assert "kept" in said(groundwatch(server, "list"))


def test_an_account_without_key_file_shows_its_secret_once(server):
    shown = said(groundwatch(server, "create", "shown"))
    values = dict(line.rsplit(None, 1) for line in shown.splitlines())
    credentials = AdminCredentials(values["access key id"], values["secret access key"], server.service_url, "")
    assert Tenant(server, credentials).client("sts").get_caller_identity()["Account"] == values["account"]
    again = groundwatch(server, "create", "shown")
    assert again.returncode == 1
    assert "an account has the address shown@groundwatch.invalid, give another with --email" in again.stderr


def test_an_api_stops_when_its_account_is_disabled(server, tmp_path):
    tenant = make_tenant(server, tmp_path, "with-api")
    iam, api = tenant.client("iam"), tenant.client("apigateway")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/CloudWatchLogsReadOnlyAccess")
    made = api.create_rest_api(name="groups")
    place = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    api.put_method(**place, authorizationType="NONE")
    api.put_method_response(**place, statusCode="200")
    api.put_integration(
        **place,
        type="AWS",
        integrationHttpMethod="POST",
        uri="arn:aws:apigateway:us-east-1:logs:action/DescribeLogGroups",
        credentials=role,
        requestParameters={
            "integration.request.header.X-Amz-Target": "'Logs_20140328.DescribeLogGroups'",
            "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
        },
        requestTemplates={"application/json": "{}"},
    )
    api.put_integration_response(**place, statusCode="200")
    api.create_deployment(restApiId=made["id"], stageName="prod")
    path = f"/{made['id']}/prod/"
    assert (server.get(path).status, server.get(path).json()) == (200, {"logGroups": []})

    said(groundwatch(server, "disable", "with-api"))
    refused = server.get(path)
    assert (refused.status, refused.body) == (403, b'{"message":"Forbidden"}')
    said(groundwatch(server, "enable", "with-api"))
    assert server.get(path).status == 200


def test_presigned_urls(server):
    sts = server.client("sts")
    account = sts.get_caller_identity()["Account"]
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    status, body = fetch(url)
    assert (status, f"<Account>{account}</Account>" in body) == (200, True)
    # The method is part of what is signed.
    assert fetch(url, "POST", b"")[0] == 403
    posted = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60)
    assert fetch(posted, "POST", b"")[0] == 200
    status, body = fetch(url.replace("Version=2011-06-15", "Version=2011-06-15&Extra=1"))
    assert (status, "SignatureDoesNotMatch" in body) == (403, True)
    status, body = fetch(sts.generate_presigned_url("get_caller_identity", ExpiresIn=604801, HttpMethod="GET"))
    assert status in {400, 403}


def test_a_presigned_url_of_a_session_is_bound_by_its_policies(server):
    tenant = Tenant(server, server.credentials)
    session = server.client("sts").get_session_token()["Credentials"]
    url = tenant.client("sts", session).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    assert fetch(url)[0] == 200
    without = "&".join(part for part in url.split("&") if not part.startswith("X-Amz-Security-Token"))
    status, body = fetch(without)
    assert (status, "InvalidClientTokenId" in body) == (403, True)
    listing = tenant.client("iam", session).generate_presigned_url("list_users", HttpMethod="GET")
    status, body = fetch(listing)
    assert (status, "AccessDenied" in body) == (403, True)


def test_iam_through_boto3(server, tmp_path):
    tenant = make_tenant(server, tmp_path, "iam-user")
    iam = tenant.client("iam")
    account = tenant.client("sts").get_caller_identity()["Account"]
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=READ, Tags=[{"Key": "a", "Value": "b"}])["Policy"]
    iam.create_user(UserName="alice", PermissionsBoundary=bound["Arn"])
    iam.create_group(GroupName="all")
    iam.add_user_to_group(GroupName="all", UserName="alice")
    iam.put_group_policy(GroupName="all", PolicyName="any", PolicyDocument=ANY)
    key = iam.create_access_key(UserName="alice")["AccessKey"]

    alice = tenant.client("logs", key)
    alice.create_log_group(logGroupName="/alice")
    denied = code_of(tenant.client("iam", key).list_users)
    iam.create_policy_version(PolicyArn=bound["Arn"], PolicyDocument=ANY, SetAsDefault=True)
    users = tenant.client("iam", key).list_users()["Users"]
    shown = iam.get_user(UserName="alice")["User"]
    simulated = iam.simulate_principal_policy(
        PolicySourceArn=shown["Arn"], ActionNames=["logs:PutLogEvents"], ResourceArns=["*"]
    )["EvaluationResults"][0]
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])

    assert denied == "AccessDenied"
    assert [user["UserName"] for user in users] == ["administrator", "alice"]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == bound["Arn"]
    assert (simulated["EvalDecision"], simulated["MatchedStatements"][0]["SourcePolicyId"]) == (
        "allowed",
        "group_all_any",
    )
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("alice", "iam")
    versions = iam.list_policy_versions(PolicyArn=bound["Arn"])["Versions"]
    assert [(version["VersionId"], version["IsDefaultVersion"]) for version in versions] == [
        ("v2", True),
        ("v1", False),
    ]
    pages = iam.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 2})
    names = [policy["PolicyName"] for page in pages for policy in page["Policies"]]
    assert names == sorted(names, key=str.lower)
    assert {"bound", "AdministratorAccess"} <= set(names)
    assert iam.get_policy_version(PolicyArn=bound["Arn"], VersionId="v1")["PolicyVersion"]["Document"] == json.loads(
        READ
    )
    assert iam.get_account_summary()["SummaryMap"]["Users"] == 2
    assert iam.list_account_aliases()["AccountAliases"] == []
    assert bound["Arn"] == f"arn:aws:iam::{account}:policy/bound"


def test_a_key_is_rotated(server, tmp_path):
    tenant = make_tenant(server, tmp_path, "rotating")
    iam = tenant.client("iam")
    old = tenant.credentials.access_key_id
    new = iam.create_access_key()["AccessKey"]
    assert code_of(iam.create_access_key) == "LimitExceeded"
    rotated = tenant.client("iam", new)
    rotated.update_access_key(AccessKeyId=old, Status="Inactive")
    assert code_of(tenant.client("sts").get_caller_identity) == "InvalidClientTokenId"
    rotated.delete_access_key(AccessKeyId=old)
    assert [key["AccessKeyId"] for key in rotated.list_access_keys()["AccessKeyMetadata"]] == [new["AccessKeyId"]]
