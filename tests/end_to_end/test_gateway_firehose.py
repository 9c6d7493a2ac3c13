"""The access log of a stage in a Firehose stream, of a peer that no one here wrote: moto's."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from tests.live import moto_client, wait_for

ACCOUNT, REGION = "123456789012", "us-east-1"
NAME = "amazon-apigateway-access"
ARN = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/{NAME}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def deployed(server):
    """An open MOCK method on a stage; the account may log."""
    gateway, iam = server.client("apigateway"), server.client("iam")
    role = iam.create_role(RoleName="firehose-logs", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    gateway.update_account(patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}])
    api = gateway.create_rest_api(name="firehose")
    method = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    gateway.put_method_response(**method, statusCode="200")
    gateway.put_integration_response(**method, statusCode="200")
    gateway.create_deployment(restApiId=api["id"], stageName="prod")
    return gateway, api["id"]


def log_to(gateway, api_id: str, arn: str) -> None:
    values = {"destinationArn": arn, "format": "$context.requestId $context.status"}
    patches = [{"op": "replace", "path": f"/accessLogSettings/{key}", "value": value} for key, value in values.items()]
    gateway.update_stage(restApiId=api_id, stageName="prod", patchOperations=patches)


def test_access_log_lines_arrive_one_a_record(make_server, moto, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "peer")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "peer")
    s3 = moto_client("s3", moto)
    s3.create_bucket(Bucket="access")
    moto_client("firehose", moto).create_delivery_stream(
        DeliveryStreamName=NAME,
        ExtendedS3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/x", "BucketARN": "arn:aws:s3:::access"
        },
    )  # fmt: skip
    server = make_server("--account", ACCOUNT, "--firehose-url", moto).start()
    gateway, api_id = deployed(server)
    log_to(gateway, api_id, ARN)
    answers = [server.get(f"/{api_id}/prod/") for _ in range(3)]

    def lines() -> list[str]:
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket="access").get("Contents", [])]
        return b"".join(s3.get_object(Bucket="access", Key=key)["Body"].read() for key in keys).decode().splitlines()

    assert sorted(wait_for(lambda: len(found := lines()) == 3 and found, "three lines")) == sorted(
        f"{answer.headers['x-amzn-requestid']} 200" for answer in answers
    )


def test_without_an_endpoint_the_stage_says_so(server):
    gateway, api_id = deployed(server)
    with pytest.raises(ClientError, match="no endpoint for it"):
        log_to(gateway, api_id, ARN.replace(ACCOUNT, server.client("sts").get_caller_identity()["Account"]))
