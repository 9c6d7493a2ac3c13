"""What may they? Roles that are not handed over, and policies that are none or cost much."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import botocore.exceptions
import botocore.session
import pytest
from tests.end_to_end.bad_input.hostile import key_of


def test_a_role_cannot_be_had_without_being_handed_over(server, eve):
    iam = server.client("iam")
    allow = {"Effect": "Allow", "Action": "apigateway:*", "Resource": "*"}
    iam.put_user_policy(
        UserName="eve",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow}),
    )
    account = server.client("sts").get_caller_identity()["Account"]
    role = f"arn:aws:iam::{account}:role/groundwatch-logs-api"
    session = botocore.session.get_session()
    places = {"region_name": "us-east-1", "endpoint_url": server.service_url}
    keys = {"aws_access_key_id": eve["AccessKeyId"], "aws_secret_access_key": eve["SecretAccessKey"]}
    apis, sts = (session.create_client(name, **places, **keys) for name in ("apigateway", "sts"))
    api = apis.create_rest_api(name="eve")["id"]
    root = apis.get_resources(restApiId=api)["items"][0]["id"]
    at = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    apis.put_method(**at, authorizationType="NONE")
    uri = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"
    document = {"openapi": "3.0.1", "info": {"title": "e", "version": "1"}}
    integration = {"type": "aws", "httpMethod": "POST", "uri": uri, "credentials": role}
    document["paths"] = {"/": {"get": {"x-amazon-apigateway-integration": integration}}}
    attempts: list[Callable[[], object]] = [
        lambda: apis.put_integration(**at, type="AWS", integrationHttpMethod="POST", uri=uri, credentials=role),
        lambda: apis.put_integration(**at, type="MOCK", credentials=role),
        lambda: apis.import_rest_api(body=json.dumps(document)),
        lambda: apis.put_rest_api(restApiId=api, mode="overwrite", body=json.dumps(document)),
        lambda: sts.assume_role(RoleArn=role, RoleSessionName="eve"),
    ]
    for attempt in attempts:
        with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied.*not authorized to perform"):
            attempt()
    with pytest.raises(botocore.exceptions.ClientError, match="Role ARN must be specified for AWS integrations"):
        apis.put_integration(**at, type="AWS", integrationHttpMethod="POST", uri=uri)


def policy(**changes: object) -> str:
    statement = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"} | changes
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{", "MalformedPolicyDocument", id="no JSON"),
        pytest.param('{"Statement":' + "[" * 30_000, "MalformedPolicyDocument", id="brackets"),
        pytest.param(policy(Action="logs:\ud800"), "MalformedPolicyDocument", id="half of a surrogate pair"),
        pytest.param(policy(Effect="allow"), "MalformedPolicyDocument", id="effect"),
        pytest.param(policy(Condition={"Nope": {"aws:x": "y"}}), "MalformedPolicyDocument", id="unknown operator"),
        pytest.param(policy(Condition={"Bool": {"aws:x": {"y": 1}}}), "MalformedPolicyDocument", id="value"),
        pytest.param(policy(Principal="*"), "MalformedPolicyDocument", id="principal"),
        pytest.param(policy(Resource=["arn:aws:logs:::" + "a" * 100] * 30), "LimitExceeded", id="too large"),
    ],
)
def test_policies_that_are_none(server, eve, document, code):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        server.client("iam").put_user_policy(UserName="eve", PolicyName="bad", PolicyDocument=document)
    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("resource", ["*a" * 900, "*?a" * 600 + "b", "${aws:username}" * 100], ids=["*", "?", "$"])
def test_a_policy_of_wildcards_takes_no_time(caller, server, eve, resource):
    document = policy(Resource="arn:aws:logs:us-east-1:000000000000:" + resource)
    server.client("iam").put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=document)
    started = time.monotonic()
    answer = caller.logs("DescribeLogStreams", {"logGroupName": "a" * 512}, key=key_of(eve))
    assert answer.error[0] == "AccessDeniedException"
    assert time.monotonic() - started < 1
