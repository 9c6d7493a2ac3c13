"""Usage plans, throttles, the cache and the logs of stages, on a running server, with boto3."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest
from botocore.exceptions import ClientError

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
VALUE = "stage-test-key-0123456789"
FORMAT = '{"id":"$context.requestId","status":$context.status,"key":"$context.identity.apiKeyId","no":"$context.nope"}'


class Deployed:
    """An API whose GET /pets answers with the request's id, behind an API key."""

    def __init__(self, server):
        self.server = server
        self.gateway = server.client("apigateway")
        self.id = self.gateway.create_rest_api(name="stages")["id"]
        root = self.gateway.get_resources(restApiId=self.id)["items"][0]["id"]
        resource = self.gateway.create_resource(restApiId=self.id, parentId=root, pathPart="pets")["id"]
        method = {"restApiId": self.id, "resourceId": resource, "httpMethod": "GET"}
        self.gateway.put_method(**method, authorizationType="NONE", apiKeyRequired=True)
        self.gateway.put_integration(
            **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'}
        )
        self.gateway.put_method_response(**method, statusCode="200")
        self.gateway.put_integration_response(
            **method, statusCode="200", responseTemplates={"application/json": '{"id":"$context.requestId"}'}
        )
        self.gateway.create_deployment(restApiId=self.id, stageName="prod")
        self.key = self.gateway.create_api_key(name="k", enabled=True, value=f"{VALUE}{self.id}")["id"]
        stages = [{"apiId": self.id, "stage": "prod"}]
        self.plan = self.gateway.create_usage_plan(name="p", apiStages=stages)["id"]
        self.gateway.create_usage_plan_key(usagePlanId=self.plan, keyId=self.key, keyType="API_KEY")

    def get(self, **headers):
        return self.server.get(f"/{self.id}/prod/pets", {"x-api-key": f"{VALUE}{self.id}", **headers})

    def statuses(self, times):
        return [self.get().status for _ in range(times)]

    def patch_stage(self, **values):
        patches = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
        return self.gateway.update_stage(restApiId=self.id, stageName="prod", patchOperations=patches)

    def patch_plan(self, *patches):
        operations = [dict(zip(("op", "path", "value"), patch, strict=False)) for patch in patches]
        return self.gateway.update_usage_plan(usagePlanId=self.plan, patchOperations=operations)

    def usage(self):
        today = dt.datetime.now(dt.UTC).date().isoformat()
        answer = self.gateway.get_usage(usagePlanId=self.plan, startDate=today, endDate=today)
        return answer["items"].get(self.key)


@pytest.fixture(scope="module")
def role(server):
    iam = server.client("iam")
    arn = iam.create_role(RoleName="gateway-logs", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    gateway = server.client("apigateway")
    patches = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}]
    assert gateway.update_account(patchOperations=patches)["cloudwatchRoleArn"] == arn
    return arn


@pytest.fixture
def api(server):
    return Deployed(server)


def test_logging_needs_the_role_of_the_account(make_server):
    api = Deployed(make_server().start())
    with pytest.raises(ClientError, match="CloudWatch Logs role ARN must be set in account settings"):
        api.patch_stage(**{"/*/*/logging/loglevel": "INFO"})


def test_a_quota_holds_is_shown_and_can_be_extended(api):
    api.patch_plan(("replace", "/quota/limit", "2"), ("replace", "/quota/period", "DAY"))
    assert api.statuses(3) == [200, 200, 429]
    assert api.get().json() == {"message": "Limit Exceeded"}
    assert api.usage() == [[2, 0]]
    patches = [{"op": "replace", "path": "/remaining", "value": "1"}]
    api.gateway.update_usage(usagePlanId=api.plan, keyId=api.key, patchOperations=patches)
    assert api.statuses(2) == [200, 429]
    api.patch_plan(("remove", "/quota"))
    assert api.statuses(1) == [200]


def test_throttles_of_the_key_and_of_its_method(api):
    api.patch_plan(("replace", "/throttle/burstLimit", "1"), ("replace", "/throttle/rateLimit", "0"))
    assert api.statuses(2) == [200, 429]
    api.patch_plan(("remove", "/throttle"))
    limit = f"/apiStages/{api.id}:prod/throttle/~1pets/GET"
    shown = api.patch_plan(("replace", f"{limit}/burstLimit", "1"), ("replace", f"{limit}/rateLimit", "0"))
    assert shown["apiStages"][0]["throttle"] == {"/pets/GET": {"burstLimit": 1, "rateLimit": 0.0}}
    assert api.statuses(2) == [200, 429]
    assert api.get().json() == {"message": "Too Many Requests"}


def test_the_cache_of_a_stage(api):
    shown = api.patch_stage(
        **{"/cacheClusterEnabled": "true", "/cacheClusterSize": "0.5", "/*/*/caching/enabled": "true"}
    )
    assert shown["cacheClusterStatus"] == "AVAILABLE"
    first = api.get()
    assert api.get().body == first.body
    assert api.get(**{"Cache-Control": "max-age=0"}).headers["warning"].startswith("199")
    api.gateway.flush_stage_cache(restApiId=api.id, stageName="prod")
    assert api.get().body != first.body


def messages(logs, group, wanted, timeout_s=15):
    """Return the messages of a group as soon as there are so many."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
        except logs.exceptions.ResourceNotFoundException:
            found = []
        if len(found) >= wanted:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.mark.usefixtures("role")
def test_access_and_execution_logs_reach_log_groups(api):
    logs = api.server.client("logs")
    group = f"/gateway/{api.id}"
    logs.create_log_group(logGroupName=group)
    account = api.server.aws_json("sts", "get-caller-identity")["Account"]
    region = api.server.credentials.region
    api.patch_stage(
        **{
            "/accessLogSettings/destinationArn": f"arn:aws:logs:{region}:{account}:log-group:{group}",
            "/accessLogSettings/format": FORMAT,
            "/*/*/logging/loglevel": "INFO",
            "/*/*/logging/dataTrace": "true",
        }
    )
    answer = api.get()
    (line,) = messages(logs, group, 1)
    assert json.loads(line) == {
        "id": answer.headers["x-amzn-requestid"],
        "status": 200,
        "key": api.key,
        "no": "-",
    }
    lines = messages(logs, f"API-Gateway-Execution-Logs_{api.id}/prod", 10)
    prefix = f"({answer.headers['x-amzn-requestid']}) "
    assert all(line.startswith(prefix) for line in lines)
    texts = [line.removeprefix(prefix) for line in lines]
    assert texts[0].startswith("Extended Request Id: ")
    assert texts[-2:] == ["Successfully completed execution", "Method completed with status: 200"]
    assert f"API Key: ***{api.id[-6:]} API Stage: {api.id}/prod" in texts[1]
    assert not any(f"{VALUE}{api.id}" in text for text in texts)


def test_a_restart_keeps_counts(make_server):
    server = make_server().start()
    api = Deployed(server)
    api.patch_plan(("replace", "/quota/limit", "3"), ("replace", "/quota/period", "MONTH"))
    assert api.statuses(2) == [200, 200]
    assert server.stop() == 0
    server.start()
    api.gateway = server.client("apigateway")
    assert api.statuses(2) == [200, 429]
    assert api.usage()[0][0] == 3
