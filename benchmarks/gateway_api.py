"""A REST API in front of GetLogEvents, built with boto3 as a user would: role, method, mapping, API key, usage plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlencode

import boto3
import msgspec
from botocore.config import Config

from benchmarks.client import Request
from benchmarks.servers import Server

STAGE = "bench"
API_KEY = "benchmark-key-0123456789abcdef"
INTEGRATION_HEADERS = {
    "integration.request.header.X-Amz-Target": "'Logs_20140328.GetLogEvents'",
    "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
}
REQUEST_TEMPLATE = """{
  "logGroupName": "$util.escapeJavaScript($input.params('group'))",
  "logStreamName": "$util.escapeJavaScript($input.params('stream'))",
  "limit": $input.params('limit')
}"""
TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class _Client(Protocol):
    """A boto3 client: one method an operation, keyword arguments in, members out."""

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]: ...


class GatewayApi(msgspec.Struct, frozen=True):
    """The deployed API."""

    api_id: str

    def page_request(self, authority: str, group: str, stream: str, limit: int) -> Request:
        """Return a GET for the newest `limit` events of a stream."""
        query = urlencode({"group": group, "stream": stream, "limit": limit})
        lines = [f"GET /{self.api_id}/{STAGE}/events?{query} HTTP/1.1", f"Host: {authority}", f"x-api-key: {API_KEY}"]
        return Request("\r\n".join((*lines, "Accept: application/json", "", "")).encode("ascii"))


def build_api(server: Server) -> GatewayApi:
    """Create and deploy the API over the service port."""
    role = _create_role(_client(server, "iam"), server.key.region)
    gateway = _client(server, "apigateway")
    api_id: str = gateway.create_rest_api(name="benchmark")["id"]
    root: str = gateway.get_resources(restApiId=api_id)["items"][0]["id"]
    resource: str = gateway.create_resource(restApiId=api_id, parentId=root, pathPart="events")["id"]
    _create_method(gateway, {"restApiId": api_id, "resourceId": resource, "httpMethod": "GET"}, server.key.region, role)
    gateway.create_deployment(restApiId=api_id, stageName=STAGE)
    _create_key(gateway, api_id)
    return GatewayApi(api_id)


def cache_pages(server: Server, api: GatewayApi) -> None:
    """Let the stage keep its pages; the parameters of a page are its cache key."""
    patches = {"/cacheClusterEnabled": "true", "/cacheClusterSize": "0.5", "/*/*/caching/enabled": "true"}
    operations = [{"op": "replace", "path": path, "value": value} for path, value in patches.items()]
    _client(server, "apigateway").update_stage(restApiId=api.api_id, stageName=STAGE, patchOperations=operations)


def _client(server: Server, service: str) -> _Client:
    client: _Client = boto3.client(
        service,
        endpoint_url=server.service.url,
        region_name=server.key.region,
        aws_access_key_id=server.key.access_key_id,
        aws_secret_access_key=server.key.secret_access_key,
        # A retry would hide the failure that it follows, a proxy would stand between client and server.
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    return client


def _create_role(iam: _Client, region: str) -> str:
    """Return the ARN of a new role that API Gateway may take, and that may read every log group."""
    role = iam.create_role(RoleName="benchmark-gateway", AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))["Role"]
    account = role["Arn"].split(":")[4]
    resource = f"arn:aws:logs:{region}:{account}:log-group:*:*:*"
    statement = {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="read", PolicyDocument=policy)
    return str(role["Arn"])


def _create_method(gateway: _Client, method: dict[str, str], region: str, role: str) -> None:
    gateway.put_method(**method, authorizationType="NONE", apiKeyRequired=True)
    gateway.put_integration(
        **method,
        type="AWS",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{region}:logs:action/GetLogEvents",
        credentials=role,
        requestParameters=INTEGRATION_HEADERS,
        requestTemplates={"application/json": REQUEST_TEMPLATE},
        passthroughBehavior="NEVER",
        cacheKeyParameters=[f"method.request.querystring.{name}" for name in ("group", "stream", "limit")],
    )
    gateway.put_method_response(**method, statusCode="200")
    gateway.put_integration_response(**method, statusCode="200")


def _create_key(gateway: _Client, api_id: str) -> None:
    key = gateway.create_api_key(name="benchmark", enabled=True, value=API_KEY)
    plan = gateway.create_usage_plan(name="benchmark", apiStages=[{"apiId": api_id, "stage": STAGE}])
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
