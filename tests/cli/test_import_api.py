"""`groundwatch import-api`: an export of a real account, running here."""

from __future__ import annotations

import json
import re

import boto3
import pytest

from groundwatch.cli import main
from groundwatch.cli.import_api import localized

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


ARNS = [
    ("arn:aws:iam::111122223333:role/x", "arn:aws:iam::000000000000:role/x"),
    ("arn:aws:iam::aws:policy/x", "arn:aws:iam::aws:policy/x"),
    ("arn:aws:logs:*:111122223333:log-group:*", "arn:aws:logs:*:000000000000:log-group:*"),
    ("111122223333", "111122223333"),
]


@pytest.mark.parametrize(("text", "expected"), ARNS)
def test_local_arns(text, expected):
    assert localized(text, "000000000000") == expected
