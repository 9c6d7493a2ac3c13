"""Every patch that an Update operation takes, and refuses: `data/patches.json`, one row a patch.

A row is the operation, the path, the value, and what the answer holds (null: a member that it has not) or the error.
Where the table of a real account is not known, the rows say what happens here.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.storage.sql import Database
from groundwatch.storage.tables import metadata

TABLE = json.loads((Path(__file__).parent / "data" / "patches.json").read_text())
ROWS = [(kind, *row) for kind, rows in TABLE.items() for row in rows]
FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:111122223333:function:f/invocations"
)
ROLE = "arn:aws:iam::111122223333:role/apigw-logs"
POOL = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/a"
TARGETS = {
    "rest-api": ("update_rest_api", ("rest_api_id=api",)),
    "resource": ("update_resource", ("rest_api_id=api", "resource_id=pets")),
    "root": ("update_resource", ("rest_api_id=api", "resource_id=root")),
    "method": ("update_method", ("rest_api_id=api", "resource_id=item", "http_method=GET")),
    "guarded-method": ("update_method", ("rest_api_id=api", "resource_id=item", "http_method=POST")),
    "method-response": (
        "update_method_response",
        ("rest_api_id=api", "resource_id=item", "http_method=GET", "status_code=200"),
    ),
    "integration": ("update_integration", ("rest_api_id=api", "resource_id=item", "http_method=GET")),
    "integration-response": (
        "update_integration_response",
        ("rest_api_id=api", "resource_id=item", "http_method=GET", "status_code=200"),
    ),
    "model": ("update_model", ("rest_api_id=api", "model_name=Pet")),
    "validator": ("update_request_validator", ("rest_api_id=api", "request_validator_id=validator")),
    "authorizer": ("update_authorizer", ("rest_api_id=api", "authorizer_id=authorizer")),
    "pool": ("update_authorizer", ("rest_api_id=api", "authorizer_id=pool")),
    "gateway-response": ("update_gateway_response", ("rest_api_id=api", "response_type=THROTTLED")),
    "deployment": ("update_deployment", ("rest_api_id=api", "deployment_id=first")),
    "stage": ("update_stage", ("rest_api_id=api", "stage_name=prod")),
    "api-key": ("update_api_key", ("api_key=key",)),
    "usage-plan": ("update_usage_plan", ("usage_plan_id=plan",)),
    "usage": ("update_usage", ("usage_plan_id=plan", "key_id=key")),
    "account": ("update_account", ()),
}


async def build(operations, context):
    """One of everything; returns the ids by the names that the rows use."""

    async def call(operation, **members):
        return await getattr(operations, operation)(context, **members)

    made = await call("create_rest_api", name="api", binary_media_types=["image/png", "text/csv"])
    api = {"rest_api_id": made["id"]}
    names = {"api": made["id"], "root": made["rootResourceId"]}
    for name, parent, part in (("pets", "root", "pets"), ("item", "pets", "{id}"), ("other", "root", "other")):
        names[name] = (await call("create_resource", **api, parent_id=names[parent], path_part=part))["id"]
    await call("create_model", **api, name="Pet", content_type="application/json", schema='{"type":"object"}')
    names["validator"] = (await call("create_request_validator", **api, name="all"))["id"]
    names["authorizer"] = (
        await call(
            "create_authorizer",
            **api,
            name="token",
            type="TOKEN",
            authorizer_uri=FUNCTION,
            identity_source="method.request.header.A",
        )
    )["id"]
    names["pool"] = (
        await call(
            "create_authorizer",
            **api,
            name="pool",
            type="COGNITO_USER_POOLS",
            provider_arns=[POOL],
            identity_source="method.request.header.A",
        )
    )["id"]
    await build_methods(call, api, names)
    await build_release(call, api, names)
    return names


async def build_methods(call, api, names):
    get = {**api, "resource_id": names["item"], "http_method": "GET"}
    await call(
        "put_method",
        **get,
        authorization_type="NONE",
        request_parameters={"method.request.path.id": True, "method.request.querystring.q": False},
        request_models={"application/json": "Pet"},
    )
    await call(
        "put_method_response",
        **get,
        status_code="200",
        response_parameters={"method.response.header.X": False},
        response_models={"application/json": "Pet"},
    )
    await call(
        "put_integration",
        **get,
        type="HTTP",
        integration_http_method="GET",
        uri="https://example.com/{id}",
        request_parameters={"integration.request.path.id": "method.request.path.id"},
        request_templates={"application/json": "{}"},
        cache_key_parameters=["method.request.querystring.q"],
    )
    await call("put_integration_response", **get, status_code="200", response_templates={"application/json": "{}"})
    post = {**get, "http_method": "POST"}
    await call(
        "put_method",
        **post,
        authorization_type="COGNITO_USER_POOLS",
        authorizer_id=names["pool"],
        authorization_scopes=["read"],
    )
    await call("put_integration", **post, type="MOCK")


async def build_release(call, api, names):
    await call(
        "put_gateway_response",
        **api,
        response_type="THROTTLED",
        response_parameters={"gatewayresponse.header.A": "'a'"},
        response_templates={"application/json": "{}"},
    )
    role = {"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}
    await call("update_account", patch_operations=[role])
    first = await call("create_deployment", **api, stage_name="prod", variables={"a": "1"})
    names["first"], names["second"] = first["id"], (await call("create_deployment", **api))["id"]
    names["key"] = (await call("create_api_key", name="k"))["id"]
    stage = {"apiId": names["api"], "stage": "prod", "throttle": {"/pets/GET": {"rateLimit": 1.0}}}
    names["plan"] = (
        await call(
            "create_usage_plan",
            name="p",
            api_stages=[stage],
            throttle={"rateLimit": 2.0, "burstLimit": 5},
            quota={"limit": 100, "offset": 1, "period": "WEEK"},
        )
    )["id"]
    await call("create_usage_plan_key", usage_plan_id=names["plan"], key_id=names["key"], key_type="API_KEY")


@pytest.fixture(scope="module")
def world(tmp_path_factory, control_plane):
    """The database with one of everything, built once, and its names."""
    path = tmp_path_factory.mktemp("world") / "meta.db"
    database = Database(f"sqlite:///{path}")
    metadata.create_all(database.engine)
    names = asyncio.run(build(*control_plane(database)))
    database.close()
    return path, names


@pytest.fixture
def database(world, tmp_path):
    """A copy of the world, for one row to change."""
    shutil.copy(world[0], tmp_path / "meta.db")
    database = Database(f"sqlite:///{tmp_path}/meta.db")
    yield database
    database.close()


def filled(value, names):
    text = json.dumps(value)
    for name, identifier in names.items():
        text = text.replace(f"{{{name}}}", identifier)
    return json.loads(text)


@pytest.mark.parametrize(
    ("kind", "row"), [pytest.param(row[0], row[1:], id=" ".join(map(str, row[:4]))) for row in ROWS]
)
async def test_a_patch(world, operations, context, kind, row):
    (_, names), (op, path, value, expected) = world, row
    patch = {"op": op, "path": path, "value": filled(value, names)}
    patch = {member: filled(held, names) for member, held in patch.items() if held is not None}
    operation, members = TARGETS[kind]
    pairs = (member.split("=") for member in members)
    given = {member: names.get(name, name) for member, name in pairs}
    call = getattr(operations, operation)(context, **given, patch_operations=[patch])
    expected = filled(expected, names)
    if isinstance(expected, dict):
        answer = await call
        assert {member: answer.get(member) for member in expected} == expected
        return
    with pytest.raises(ServiceError) as caught:
        await call
    shown = f"{caught.value.code}: {caught.value.message}"
    # The list of a stage's paths is too long for rows: another test reads it.
    assert shown.startswith(expected) if expected.endswith("one of: ") else shown == expected


def test_every_update_operation_has_rows():
    assert TARGETS.keys() == TABLE.keys()
