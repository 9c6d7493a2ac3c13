"""CreateRestApi from another API, and what is made of models: flat schemas and sample templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from tests.gateway.control.definitions import named

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.access import apigateway_access
from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.values import ContextMap
from groundwatch.gateway.mapping.variables import InputVariable, template_scope
from groundwatch.gateway.store import Place

RICH = Path(__file__).with_name("data") / "rich.yaml"


def rendered(template, body):
    """What the gateway makes of a template."""
    variable = InputVariable(body.decode(), path={}, querystring={}, header={})
    return Template(template).render(template_scope(variable, ContextMap({}), {}), Budget(1_000_000))


# --- clones ---


async def test_a_clone_defines_the_same_under_ids_of_its_own(operations, context, store):
    source = await operations.import_rest_api(context, body=RICH.read_bytes())
    clone = await operations.create_rest_api(context, name="rich", clone_from=source["id"], tags={"a": "b"})
    place = Place(context.account_id, context.region)
    one, other = [await store.get_api(place, made["id"]) for made in (source, clone)]
    assert other.tags == {"a": "b"}
    assert named(other).resources == named(one).resources
    for member in ("models", "authorizers", "request_validators", "gateway_responses", "policy", "version"):
        assert getattr(named(other), member) == getattr(named(one), member)
    assert not set(one.resources) & set(other.resources)
    assert not set(one.authorizers) & set(other.authorizers)
    parts = [await store.documentation.get_parts(place, made["id"]) for made in (source, clone)]
    assert parts[0] == parts[1] != []


async def test_what_is_given_comes_before_the_source(operations, context):
    source = await operations.import_rest_api(context, body=RICH.read_bytes())
    clone = await operations.create_rest_api(
        context,
        name="mine",
        clone_from=source["id"],
        description="own",
        binary_media_types=[],
        disable_execute_api_endpoint=False,
    )
    assert (clone["name"], clone["description"], clone["version"]) == ("mine", "own", "2.7.1")
    assert (clone.get("binaryMediaTypes"), clone["disableExecuteApiEndpoint"]) == (None, False)


async def test_a_clone_needs_leave_to_hand_over_the_roles(operations, context, authorizer):
    source = await operations.import_rest_api(context, body=RICH.read_bytes())
    authorizer.checks.clear()
    authorizer.denied.add("iam:PassRole")
    with pytest.raises(ServiceError, match="not iam:PassRole"):
        await operations.create_rest_api(context, name="c", clone_from=source["id"])
    assert [check.resource.rpartition("/")[2] for check in authorizer.checks] == ["asker", "writer"]


async def test_a_clone_needs_leave_to_read_the_source(context):
    checks = apigateway_access("CreateRestApi", {"name": "c", "cloneFrom": "abc"}, context)
    assert [(check.action, check.resource) for check in checks] == [
        ("apigateway:POST", "arn:aws:apigateway:us-east-1::/restapis"),
        ("apigateway:GET", "arn:aws:apigateway:us-east-1::/restapis/abc"),
    ]


async def test_apis_of_other_tenants_are_not_cloned(operations, stranger, api):
    with pytest.raises(ServiceError, match="Invalid API identifier specified"):
        await operations.create_rest_api(stranger, name="c", clone_from=api.id)


# --- flat schemas ---


def url(api, name):
    return f"https://apigateway.amazonaws.com/restapis/{api.id}/models/{name}"


async def add(api, name, schema):
    await api.call("create_model", name=name, content_type="application/json", schema=json.dumps(schema))


async def flat(api, name):
    return json.loads((await api.call("get_model", model_name=name, flatten=True))["schema"])


async def test_a_flat_schema_stands_alone(api):
    await add(api, "Owner", {"type": "object", "properties": {"pets": {"items": {"$ref": url(api, "Pet")}}}})
    await add(
        api,
        "Pet",
        {
            "type": "object",
            "properties": {
                "name": {"$ref": "#/definitions/Owner"},
                "owner": {"$ref": url(api, "Owner")},
                "owners": {"$ref": url(api, "Owner") + "#/properties/pets"},
            },
            "definitions": {"Owner": {"type": "string"}},
        },
    )
    assert await flat(api, "Pet") == {
        "type": "object",
        "properties": {
            "name": {"$ref": "#/definitions/Owner"},
            "owner": {"$ref": "#/definitions/Owner_"},
            "owners": {"$ref": "#/definitions/Owner_/properties/pets"},
        },
        "definitions": {
            "Owner": {"type": "string"},
            "Owner_": {"type": "object", "properties": {"pets": {"items": {"$ref": "#"}}}},
        },
    }
    schema = await flat(api, "Owner")
    assert schema["definitions"]["Pet"]["properties"]["name"] == {"$ref": "#/definitions/Pet/definitions/Owner"}
    Draft4Validator(schema).validate({"pets": [{"name": "x", "owner": {}}]})
    assert not Draft4Validator(schema).is_valid({"pets": [{"name": 1}]})


async def test_a_model_that_needs_no_other_is_flat(api):
    text = '{ "type" : "object" }'
    await api.call("create_model", name="A", content_type="application/json", schema=text)
    assert (await api.call("get_model", model_name="A", flatten=True))["schema"] == text


# --- sample templates ---


@pytest.mark.parametrize(
    ("schema", "sample"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": "foo"}),
        ({"properties": {"a": {"type": "integer"}, "b": {"type": ["null", "boolean"]}}}, {"a": 42, "b": True}),
        ({"properties": {"a": {"properties": {"b": {"type": "number"}}}}}, {"a": {"b": 42.0}}),
        ({"type": "object", "properties": {"a": {"enum": ["x", "y"]}}}, {"a": "x"}),
        ({"type": "object", "properties": {"a": {"type": "null"}, "b": {}}}, {"a": None, "b": {}}),
        (
            {"allOf": [{"properties": {"a": {"type": "string"}}}], "properties": {"b": {"type": "null"}}},
            {"a": "foo", "b": None},
        ),
        ({"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}}, {"a": "foo"}),
        ({"properties": {"a": {"$ref": "#/definitions/x"}}, "definitions": {"x": {"type": "string"}}}, {"a": "foo"}),
        ({"properties": {"a": {"$ref": "#"}}}, {"a": {}}),
        ({"type": "array", "items": {"type": "string"}}, ["foo", "foo"]),
        ({"type": "array", "items": {"properties": {"a": {"type": "string"}}}}, [{"a": "foo"}, {"a": "foo"}]),
    ],
)
async def test_a_sample_renders_the_form_of_the_model(api, schema, sample):
    await add(api, "M", schema)
    template = (await api.call("get_model_template", model_name="M"))["value"]
    assert template.startswith("#set($inputRoot = $input.path('$'))\n")
    assert json.loads(rendered(template, b"[1, 2]")) == sample
    Draft4Validator(schema).validate(sample)


async def test_samples_follow_other_models(api):
    await add(api, "B", {"type": "object", "properties": {"b": {"type": "string"}}})
    await add(api, "A", {"type": "object", "properties": {"a": {"$ref": url(api, "B")}}})
    template = (await api.call("get_model_template", model_name="A"))["value"]
    assert json.loads(rendered(template, b"{}")) == {"a": {"b": "foo"}}


async def test_samples_that_double_with_every_step_are_refused(api):
    await add(api, "M0", {"type": "string"})
    for step in range(1, 30):
        inner = {"$ref": url(api, f"M{step - 1}")}
        await add(api, f"M{step}", {"type": "object", "properties": {"a": inner, "b": inner}})
    with pytest.raises(ServiceError, match="Model M29 is too large for a sample template"):
        await api.call("get_model_template", model_name="M29")


async def test_samples_that_lead_through_too_many_models_are_refused(api):
    await add(api, "M0", {"type": "string"})
    for step in range(1, 110):
        await add(api, f"M{step}", {"$ref": url(api, f"M{step - 1}")})
    with pytest.raises(ServiceError, match="Model M109 is too large for a sample template"):
        await api.call("get_model_template", model_name="M109")


@pytest.mark.parametrize("operation", ["get_model_template", "get_model"])
async def test_models_that_there_are_not(api, operation):
    with pytest.raises(ServiceError, match="Invalid model name specified: nope"):
        await api.call(operation, model_name="nope")


async def test_schemas_that_are_nested_too_deeply_are_refused(api):
    values = json.loads("[" * 600 + "]" * 600)
    await add(api, "Other", {"type": "object"})
    await add(api, "Deep", {"properties": {"a": {"enum": [values]}, "b": {"$ref": url(api, "Other")}}})
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="s")
    for operation, members in (
        ("get_model", {"model_name": "Deep", "flatten": True}),
        ("get_export", {"stage_name": "s", "export_type": "oas30"}),
        ("get_export", {"stage_name": "s", "export_type": "swagger", "accepts": "application/yaml"}),
    ):
        with pytest.raises(ServiceError, match="nested too deeply"):
            await api.call(operation, **members)
