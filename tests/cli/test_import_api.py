"""`groundwatch import-api`: an export of a real account, running here."""

from __future__ import annotations

import json
import re

import boto3
import pytest

from groundwatch.cli import main
from groundwatch.cli.import_api import localized
from groundwatch.deploy.origin import own_accounts

FOREIGN = "111122223333"
EXPORT = f"""
openapi: "3.0.1"
info: {{ title: "exported", version: "2026-01-01T00:00:00Z" }}
servers:
  - url: "https://abc.execute-api.us-east-1.amazonaws.com/{{basePath}}"
    variables: {{ basePath: {{ default: prod }} }}
paths:
  /orders:
    get:
      security: [ {{ api_key: [] }} ]
      responses: {{ "200": {{ description: "200 response", content: {{}} }} }}
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        uri: "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"
        credentials: "arn:aws:iam::{FOREIGN}:role/service-role/orders-reader"
        passthroughBehavior: never
        requestParameters:
          integration.request.header.X-Amz-Target: "'Logs_20140328.GetLogEvents'"
          integration.request.header.Content-Type: "'application/x-amz-json-1.1'"
        requestTemplates:
          application/json: '{{"logGroupName": "/imported/orders", "logStreamName": "s", "startFromHead": true}}'
        responses: {{ default: {{ statusCode: "200" }} }}
components:
  securitySchemes: {{ api_key: {{ type: apiKey, name: x-api-key, in: header }} }}
"""
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "logs:GetLogEvents",
            "Resource": f"arn:aws:logs:us-east-1:{FOREIGN}:log-group:/imported/orders:*",
        }
    ],
}


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.yaml"
    path.write_text(EXPORT)
    return path


@pytest.fixture
def group(server):
    logs = server.client("logs")
    try:
        logs.create_log_group(logGroupName="/imported/orders")
    except logs.exceptions.ResourceAlreadyExistsException:
        return
    logs.create_log_stream(logGroupName="/imported/orders", logStreamName="s")


@pytest.fixture
def without_role(server):
    """Take the role of another test away."""
    iam = server.client("iam")
    try:
        for policy in iam.list_role_policies(RoleName="orders-reader")["PolicyNames"]:
            iam.delete_role_policy(RoleName="orders-reader", PolicyName=policy)
        iam.delete_role(RoleName="orders-reader")
    except iam.exceptions.NoSuchEntityException:
        return


def import_api(server, *words, code=0):
    assert main(["import-api", *map(str, words), "--data", str(server.data)]) == code


def answer(server, printed):
    api = re.search(r"REST API (\w+)", printed)[1]
    key = re.search(r"API key: (\S+)", printed)[1]
    return server.get(f"/{api}/v1/orders", {"x-api-key": key})


@pytest.mark.usefixtures("group", "without_role")
def test_a_derived_role(server, export, capsys):
    import_api(server, export)
    printed = capsys.readouterr().out
    assert "role orders-reader is made, with imported" in printed
    assert answer(server, printed).json()["events"] == []
    role = server.client("iam").get_role(RoleName="orders-reader")["Role"]
    assert role["Path"] == "/service-role/"


@pytest.mark.usefixtures("group", "without_role")
def test_a_policy_from_a_file(server, export, capsys, tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(POLICY).replace("/imported/orders", "/other"))
    import_api(server, export, "--policy", f"orders-reader={policy}")
    refused = answer(server, capsys.readouterr().out)
    assert refused.json()["__type"] == "AccessDeniedException"


@pytest.fixture
def real_account(moto, monkeypatch, tmp_path):
    """An account with the role, whose credentials are a profile in ~/.aws."""
    words = {"aws_access_key_id": "AKIAREAL", "aws_secret_access_key": "secret"}
    iam = boto3.client("iam", endpoint_url=moto, region_name="us-east-1", **words)
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="orders-reader", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="orders-reader", PolicyName="inline", PolicyDocument=json.dumps(POLICY))
    managed = iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(POLICY))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="orders-reader", PolicyArn=managed)
    file = tmp_path / "credentials"
    file.write_text("[real]\n" + "".join(f"{name} = {value}\n" for name, value in words.items()))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return moto


@pytest.mark.usefixtures("group", "without_role")
def test_policies_of_the_real_account(server, real_account, export, capsys):
    import_api(server, export, "--roles-from", "real", "--roles-endpoint-url", real_account)
    printed = capsys.readouterr().out
    assert "with inline, managed" in printed
    assert answer(server, printed).json()["events"] == []


REFUSALS = [
    pytest.param(["--policy", "orders-reader"], 2, "is not ROLE=FILE", id="no file"),
    pytest.param(["--policy", "orders-reader=/nowhere"], 2, "cannot read /nowhere", id="a file that is not there"),
    pytest.param(["--policy", "nobody={export}"], 2, "no JSON policy document", id="a file that is no policy"),
]


@pytest.mark.parametrize(("words", "code", "message"), REFUSALS)
def test_refusals(server, export, capsys, words, code, message):
    import_api(server, export, *(word.format(export=export) for word in words), code=code)
    assert message in capsys.readouterr().err


def test_a_role_that_the_definition_does_not_name(server, export, capsys, tmp_path):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(POLICY))
    import_api(server, export, "--policy", f"nobody={policy}", code=2)
    assert "the definition names no role nobody" in capsys.readouterr().err


PARTNER = "999988887777"
ARNS = [
    ("arn:aws:iam::111122223333:role/x", "arn:aws:iam::000000000000:role/x"),
    ("arn:aws:iam::aws:policy/x", "arn:aws:iam::aws:policy/x"),
    ("arn:aws:logs:*:111122223333:log-group:*", "arn:aws:logs:*:000000000000:log-group:*"),
    ("111122223333", "111122223333"),
    (f"arn:aws:iam::{PARTNER}:root", f"arn:aws:iam::{PARTNER}:root"),
    (f"arn:aws:execute-api:us-east-1:{FOREIGN}:abcde12345/prod/GET/x", "execute-api:/prod/GET/x"),
    (f"arn:aws:execute-api:*:{FOREIGN}:*/prod/GET/x", "execute-api:/prod/GET/x"),
    (f"arn:aws:execute-api:*:{PARTNER}:abcde12345/*", f"arn:aws:execute-api:*:{PARTNER}:abcde12345/*"),
]


@pytest.mark.parametrize(("text", "expected"), ARNS)
def test_local_arns(text, expected):
    assert localized(text, {FOREIGN}, "000000000000") == expected


ORIGINS = [
    pytest.param({"paths": {"credentials": f"arn:aws:iam::{FOREIGN}:role/x"}}, {FOREIGN}, id="a role"),
    pytest.param({"a": [{"authorizerCredentials": f"arn:aws:iam::{FOREIGN}:role/x"}]}, {FOREIGN}, id="an authorizer's"),
    pytest.param({"credentials": "arn:aws:iam::${AWS::AccountId}:role/x"}, set(), id="a reference"),
    pytest.param({"AWS": f"arn:aws:iam::{PARTNER}:role/x"}, set(), id="a principal"),
    pytest.param({"providerARNs": [f"arn:aws:cognito-idp:us-east-1:{PARTNER}:userpool/x"]}, set(), id="a user pool"),
    pytest.param({"Resource": [f"arn:aws:execute-api:*:{FOREIGN}:abc/*"]}, {FOREIGN}, id="the policy's resource"),
    pytest.param({"uri": f"…/functions/arn:aws:lambda:x:{FOREIGN}:function:f/invocations"}, {FOREIGN}, id="a function"),
    pytest.param(
        {"uri": f"arn:aws:lambda:x:{PARTNER}:function:f", "credentials": f"arn:aws:iam::{FOREIGN}:role/x"},
        {FOREIGN},
        id="a function of someone else's",
    ),
]


@pytest.mark.parametrize(("document", "expected"), ORIGINS)
def test_the_account_that_an_export_comes_from(document, expected):
    assert own_accounts(document) == expected


@pytest.mark.usefixtures("group", "without_role")
def test_a_policy_still_denies_and_admits_nobody_new(server, tmp_path, capsys):
    """Its principals stay what they are, and what it says of the API is said of the one that is made here."""
    resource = f"arn:aws:execute-api:us-east-1:{FOREIGN}:abcde12345/*"
    partner = f"arn:aws:iam::{PARTNER}:root"
    policy = [
        {"Effect": "Allow", "Principal": {"AWS": partner}, "Action": "execute-api:Invoke", "Resource": resource},
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource},
    ]
    export = tmp_path / "export.yaml"
    held = json.dumps({"Version": "2012-10-17", "Statement": policy})
    export.write_text(EXPORT + f"x-amazon-apigateway-policy: {held}\n")
    import_api(server, export)
    printed, remarks = capsys.readouterr()
    assert f"note: ARNs of {PARTNER} stay as they are" in remarks
    assert answer(server, printed).status == 403
    api = re.search(r"REST API (\w+)", printed)[1]
    kept = server.client("apigateway").get_rest_api(restApiId=api)["policy"].replace("\\", "")
    assert partner in kept
    assert f"arn:aws:execute-api:us-east-1:000000000000:{api}/*" in kept


def test_a_file_that_is_no_text(server, tmp_path, capsys):
    export = tmp_path / "export.yaml"
    export.write_bytes(b"\xff\xfe\x00")
    import_api(server, export, code=1)
    assert "Invalid OpenAPI input" in capsys.readouterr().err
