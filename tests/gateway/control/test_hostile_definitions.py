"""Definitions that are long for their own sake: the control plane is through with them in the time of honest ones."""

from __future__ import annotations

import json
import time

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.models import MAX_SCHEMA_BYTES
from groundwatch.gateway.control.patch import MAX_OPERATIONS

BOUND_S = 8
MANY = [{str(number): number} for number in range(20_000)]
"""Values that no hash tells apart: with every pair compared they take minutes."""
SCHEMAS = [
    pytest.param({"enum": MANY}, None, id="many different values"),
    pytest.param({"type": MANY}, "Invalid model schema specified", id="many types that are none"),
    pytest.param({"dependencies": {"a": MANY}}, "Invalid model schema specified", id="many names that are none"),
    pytest.param(
        {"description": "x" * MAX_SCHEMA_BYTES},
        f"Model schema has more than {MAX_SCHEMA_BYTES} bytes",
        id="a long text",
    ),
]


@pytest.mark.parametrize(("schema", "reason"), SCHEMAS)
async def test_schemas_take_no_more_time_than_they_are_long(schema, reason, api):
    begin = time.process_time()
    members = {"name": "M", "content_type": "application/json", "schema": json.dumps(schema)}
    if reason is None:
        await api.call("create_model", **members)
    else:
        with pytest.raises(ServiceError) as refused:
            await api.call("create_model", **members)
        assert refused.value.code == "BadRequestException"
        assert reason in refused.value.message
    assert time.process_time() - begin < BOUND_S


DOCUMENTS = [
    pytest.param({"components": {"schemas": {f"M{n}": {"type": "object"} for n in range(20_000)}}}, id="models"),
    pytest.param(
        {"x-amazon-apigateway-request-validators": {f"v{n}": {"validateRequestBody": True} for n in range(40_000)}},
        id="validators",
    ),
]


@pytest.mark.parametrize("more", DOCUMENTS)
async def test_imports_take_no_more_time_than_they_are_long(more, operations, context):
    document = {"openapi": "3.0.1", "info": {"title": "long", "version": "1"}, "paths": {}, **more}
    begin = time.process_time()
    made = await operations.import_rest_api(context, body=json.dumps(document).encode())
    assert time.process_time() - begin < BOUND_S
    assert made["name"] == "long"


async def test_a_list_of_patches_has_an_end(api):
    patches = [{"op": "add", "path": f"/binaryMediaTypes/a~1b{n}"} for n in range(MAX_OPERATIONS + 1)]
    with pytest.raises(ServiceError, match=f"At most {MAX_OPERATIONS} patch operations can be specified"):
        await api.call("update_rest_api", patch_operations=patches)
    made = await api.call("update_rest_api", patch_operations=patches[:-1])
    assert len(made["binaryMediaTypes"]) == MAX_OPERATIONS


async def test_many_keys_join_a_plan_at_once(operations, context):
    plan = await operations.create_usage_plan(context, name="p")
    lines = [f"k{number},{number:020d},{plan['id']}" for number in range(500)]
    begin = time.process_time()
    body = "\n".join(["name,key,usageplanIds", *lines, lines[0]]).encode()
    made = await operations.import_api_keys(context, body=body, format="csv")
    assert time.process_time() - begin < BOUND_S
    held = await operations.get_usage_plan_keys(context, usage_plan_id=plan["id"], limit=500)
    assert {item["id"] for item in held["items"]} == set(made["ids"])
    assert len(held["items"]) == 500


async def test_a_line_of_many_columns(operations, context):
    columns = ",".join(["name", "key", *(f"c{number}" for number in range(100_000)), "c1"])
    begin = time.process_time()
    with pytest.raises(ServiceError, match="repeated columns c1"):
        await operations.import_api_keys(context, body=columns.encode(), format="csv")
    assert time.process_time() - begin < BOUND_S
