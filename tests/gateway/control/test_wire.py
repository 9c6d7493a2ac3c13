"""The control plane through an SDK: botocore writes the requests and reads the answers."""

from __future__ import annotations

import asyncio
import json

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from groundwatch.aws.authentication import Authenticated
from groundwatch.aws.http import WireRequest
from groundwatch.aws.port import ServicePort
from groundwatch.aws.service import Service
from groundwatch.gateway.access import apigateway_access

ROLE = "arn:aws:iam::111122223333:role/apigw-logs"
LOGS_URI = "arn:aws:apigateway:us-east-1:logs:action/GetLogEvents"


class Everybody:
    def __init__(self, context):
        self._context = context

    async def authenticate(self, request):
        return Authenticated(self._context.principal, self._context.region, None, None)


class Raw:
    def __init__(self, body):
        self._body = body

    def stream(self, **_):
        yield self._body

    def read(self, *_):
        return self._body


@pytest.fixture
async def client(operations, authorizer, context, clock):
    """A botocore client whose requests go straight to a service port; use it from a worker thread."""
    service = Service("apigateway", operations, apigateway_access)
    port = ServicePort([service], Everybody(context), authorizer, default_region="us-east-1", clock_ms=clock)
    loop = asyncio.get_running_loop()

    def send(request, **_):
        _, _, rest = request.url.partition("://")
        path, _, query = rest.partition("/")[2].partition("?")
        headers = tuple((name.lower(), _text(value)) for name, value in request.headers.items())
        body = request.body if request.body is not None else b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        wire = WireRequest(request.method, f"/{path}", query, headers, body, "127.0.0.1")
        answer = asyncio.run_coroutine_threadsafe(port.handle(wire), loop).result(20)
        return AWSResponse(request.url, answer.status, dict(answer.headers), Raw(answer.body))

    session = botocore.session.get_session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    config = Config(retries={"max_attempts": 0})
    client = session.create_client("apigateway", "us-east-1", endpoint_url="http://localhost", config=config)
    client.meta.events.register("before-send.apigateway", send)
    yield client
    client.close()


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


async def test_the_scenario_through_an_sdk(client, store):
    def build():
        api = client.create_rest_api(name="logs", tags={"team": "a"})
        root = client.get_resources(restApiId=api["id"])["items"][0]
        resource = client.create_resource(restApiId=api["id"], parentId=root["id"], pathPart="events")
        method = {"restApiId": api["id"], "resourceId": resource["id"], "httpMethod": "GET"}
        client.put_method(**method, authorizationType="NONE", apiKeyRequired=True)
        client.put_integration(
            **method,
            type="AWS",
            integrationHttpMethod="POST",
            uri=LOGS_URI,
            credentials=ROLE,
            requestTemplates={"application/json": ""},
        )
        client.put_method_response(**method, statusCode="200")
        client.put_integration_response(**method, statusCode="200")
        client.create_deployment(restApiId=api["id"], stageName="prod", variables={"a": "b"})
        arn = f"arn:aws:apigateway:us-east-1::/restapis/{api['id']}"
        client.tag_resource(resourceArn=arn, tags={"b": "c"})
        shown = client.get_method(**method)
        stage = client.update_stage(
            restApiId=api["id"],
            stageName="prod",
            patchOperations=[{"op": "replace", "path": "/description", "value": "d"}],
        )
        client.get_paginator("get_rest_apis").paginate().build_full_result()
        return api, shown, stage, client.get_tags(resourceArn=arn)["tags"]

    api, shown, stage, tags = await asyncio.to_thread(build)
    assert shown["methodIntegration"]["httpMethod"] == "POST"
    assert shown["methodIntegration"]["integrationResponses"]["200"]["statusCode"] == "200"
    assert api["createdDate"].year == 2023
    assert stage["variables"] == {"a": "b"}
    assert tags == {"team": "a", "b": "c"}
    assert await store.find_stage(api["id"], "prod") is not None


async def test_an_import_through_an_sdk(client, authorizer):
    document = {"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": {"/a/{b}": {"get": {}}}}

    def run():
        body = json.dumps(document).encode()
        parameters = {"endpointConfigurationTypes": "REGIONAL"}
        api = client.import_rest_api(body=body, failOnWarnings=True, parameters=parameters)
        again = client.put_rest_api(
            restApiId=api["id"], mode="overwrite", body=body, parameters={"basepath": "prepend"}
        )
        return api, again, client.get_resources(restApiId=api["id"])["items"]

    api, again, resources = await asyncio.to_thread(run)
    assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert (again["id"], again["tags"]) == (api["id"], {})
    assert sorted(item["path"] for item in resources) == ["/", "/a", "/a/{b}"]
    assert [check.action for check in authorizer.checks] == ["apigateway:POST", "apigateway:PUT", "apigateway:GET"]


@pytest.mark.parametrize(
    ("operation", "members", "code", "status"),
    [
        ("get_rest_api", {"restApiId": "nope"}, "NotFoundException", 404),
        ("create_rest_api", {"name": "a", "minimumCompressionSize": -1}, "BadRequestException", 400),
        ("create_rest_api", {"name": "a", "cloneFrom": "b"}, "NotFoundException", 404),
        ("create_rest_api", {"name": "a", "securityPolicy": "TLS_1_2"}, "NotImplementedException", 501),
        ("get_sdk_types", {}, "NotImplementedException", 501),
    ],
)
async def test_errors_through_an_sdk(client, operation, members, code, status):
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(getattr(client, operation), **members)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
