"""A REST API in front of GetLogEvents, built with boto3 as a user would: role, method, mapping, API key, usage plan."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import msgspec

from benchmarks.client import Request
from benchmarks.gateway_calls import STAGE, Client, client
from benchmarks.servers import Server

API_KEY = "benchmark-key-0123456789abcdef"
PARAMETERS = [f"method.request.querystring.{name}" for name in ("group", "stream", "limit")]
INTEGRATION_HEADERS = {
    "integration.request.header.X-Amz-Target": "'Logs_20140328.GetLogEvents'",
    "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
}
REQUEST_TEMPLATE = """{
  "logGroupName": "$util.escapeJavaScript($input.params('group'))",
  "logStreamName": "$util.escapeJavaScript($input.params('stream'))",
  "limit": $input.params('limit')
}"""
RESPONSE_TEMPLATE = """{
  "events": $input.json('$.events'),
  "older": "?page=$util.urlEncode($input.path('$.nextBackwardToken'))",
  "newer": "?page=$util.urlEncode($input.path('$.nextForwardToken'))"
}"""
RESPONSE_HEADERS = {
    "method.response.header.X-Backend-Request": "integration.response.header.x-amzn-RequestId",
    "method.response.header.Cache-Control": "'private'",
}
TRUST_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


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
    role = _create_role(client(server, "iam"), server.key.region)
    gateway = client(server, "apigateway")
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
    client(server, "apigateway").update_stage(restApiId=api.api_id, stageName=STAGE, patchOperations=operations)


def _create_role(iam: Client, region: str) -> str:
    """Return the ARN of a new role that API Gateway may take, and that may read every log group."""
    role = iam.create_role(RoleName="benchmark-gateway", AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))["Role"]
    account = role["Arn"].split(":")[4]
    resource = f"arn:aws:logs:{region}:{account}:log-group:*:*:*"
    statement = {"Effect": "Allow", "Action": "logs:GetLogEvents", "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="read", PolicyDocument=policy)
    return str(role["Arn"])


def _create_method(gateway: Client, method: dict[str, str], region: str, role: str) -> None:
    declared = dict.fromkeys(PARAMETERS, False)
    gateway.put_method(**method, authorizationType="NONE", apiKeyRequired=True, requestParameters=declared)
    gateway.put_integration(
        **method,
        type="AWS",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:{region}:logs:action/GetLogEvents",
        credentials=role,
        requestParameters=INTEGRATION_HEADERS,
        requestTemplates={"application/json": REQUEST_TEMPLATE},
        passthroughBehavior="NEVER",
        cacheKeyParameters=PARAMETERS,
    )
    gateway.put_method_response(**method, statusCode="200", responseParameters=dict.fromkeys(RESPONSE_HEADERS, False))
    gateway.put_integration_response(
        **method,
        statusCode="200",
        responseParameters=RESPONSE_HEADERS,
        responseTemplates={"application/json": RESPONSE_TEMPLATE},
    )


def _create_key(gateway: Client, api_id: str) -> None:
    key = gateway.create_api_key(name="benchmark", enabled=True, value=API_KEY)
    plan = gateway.create_usage_plan(name="benchmark", apiStages=[{"apiId": api_id, "stage": STAGE}])
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
