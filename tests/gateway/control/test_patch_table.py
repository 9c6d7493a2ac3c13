"""Every patch that an Update operation takes, and refuses: `data/patches.json`, one row a patch.

A row is the operation, the path, the value, and what the answer holds (null: a member that it has not) or the error.
Where the table of a real account is not known, the rows say what happens here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groundwatch.aws.errors import ServiceError

TABLE = json.loads((Path(__file__).parent / "data" / "patches.json").read_text())
ROWS = [(kind, *row) for kind, rows in TABLE.items() for row in rows]
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


@pytest.fixture
def database(world_copy):
    return world_copy


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
    if expected.endswith("one of: "):
        # The list of a stage's paths is too long for rows: another test reads it.
        shown = shown[: len(expected)]
    assert shown == expected


def test_every_update_operation_has_rows():
    assert TARGETS.keys() == TABLE.keys()
