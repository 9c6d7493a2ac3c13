"""Bodies against models: what is wrong, in the service's words, and what a hostile schema or body can do."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from groundwatch.gateway.definition import Model, RestApi
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.validation.keywords import BudgetError
from groundwatch.gateway.validation.schemas import (
    ApiSchemas,
    ModelSchema,
    foreign_references,
    model_prefix,
    read_schema,
)

HERE = model_prefix("abcdef1234")


def api(**models: object) -> RestApi:
    listed = {name: Model(name, name, schema=json.dumps(schema)) for name, schema in models.items()}
    return RestApi("abcdef1234", "test", "123456789012", "eu-west-1", "root", 0, models=listed)


def compiled(schema: object, **others: object) -> ModelSchema:
    return ApiSchemas(api(Main=schema, **others)).get("Main")


def problems(schema: object, body: object, **others: object) -> list[str]:
    return compiled(schema, **others).problems(json.dumps(body).encode())


MESSAGES = [
    pytest.param({"required": ["NoteId"]}, {}, 'object has missing required properties (["NoteId"])', id="required"),
    pytest.param(
        {"required": ["a", "b", "c"]}, {"b": 1}, 'object has missing required properties (["a","c"])', id="several"
    ),
    pytest.param(
        {"type": "string"},
        1,
        'instance type (integer) does not match any allowed primitive type (allowed: ["string"])',
        id="type",
    ),
    pytest.param(
        {"type": ["string", "null"]},
        1.5,
        'instance type (number) does not match any allowed primitive type (allowed: ["null","string"])',
        id="types",
    ),
    pytest.param(
        {"type": "integer"},
        True,
        'instance type (boolean) does not match any allowed primitive type (allowed: ["integer"])',
        id="a boolean is no integer",
    ),
    pytest.param(
        {"enum": ["a", 1]}, "b", 'instance value ("b") not found in enum (possible values: ["a",1])', id="enum"
    ),
    pytest.param(
        {"minimum": 3},
        1,
        "numeric instance is lower than the required minimum (minimum: 3, found: 1)",
        id="minimum",
    ),
    pytest.param(
        {"minimum": 3, "exclusiveMinimum": True},
        3,
        "numeric instance is not strictly greater than the required minimum 3",
        id="exclusive minimum",
    ),
    pytest.param(
        {"maximum": 3},
        4,
        "numeric instance is greater than the required maximum (maximum: 3, found: 4)",
        id="maximum",
    ),
    pytest.param(
        {"maximum": 3, "exclusiveMaximum": True},
        3,
        "numeric instance is not strictly lower than the required maximum 3",
        id="exclusive maximum",
    ),
    pytest.param({"multipleOf": 2}, 5, "remainder of division is not zero (5 / 2)", id="multiple"),
    pytest.param(
        {"minLength": 2}, "a", 'string "a" is too short (length: 1, required minimum: 2)', id="minimal length"
    ),
    pytest.param(
        {"maxLength": 1}, "ab", 'string "ab" is too long (length: 2, maximum allowed: 1)', id="maximal length"
    ),
    pytest.param({"pattern": "^a$"}, "b", 'ECMA 262 regex "^a$" does not match input string "b"', id="pattern"),
    pytest.param(
        {"minItems": 2}, [1], "array is too short: must have at least 2 elements but instance has 1 elements", id="few"
    ),
    pytest.param(
        {"maxItems": 1},
        [1, 2],
        "array is too long: must have at most 1 elements but instance has 2 elements",
        id="many items",
    ),
    pytest.param({"uniqueItems": True}, [1, 1.0], "array must not contain duplicate elements", id="equal numbers"),
    pytest.param(
        {"uniqueItems": True},
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}],
        "array must not contain duplicate elements",
        id="order",
    ),
    pytest.param(
        {"minProperties": 1}, {}, "object has too few properties (found 0 but schema requires at least 1)", id="empty"
    ),
    pytest.param(
        {"maxProperties": 0},
        {"a": 1},
        "object has too many properties (found 1 but schema requires at most 0)",
        id="many properties",
    ),
    pytest.param(
        {"properties": {"a": {}}, "patternProperties": {"^x-": {}}, "additionalProperties": False},
        {"a": 1, "x-b": 1, "c": 1},
        'object instance has properties which are not allowed by the schema: ["c"]',
        id="additional properties",
    ),
    pytest.param(
        {"dependencies": {"a": ["b"]}},
        {"a": 1},
        'property "a" of object has missing property dependencies (schema requires ["b"]; missing: ["b"])',
        id="dependencies",
    ),
    pytest.param(
        {"anyOf": [{"type": "null"}, {"type": "array"}]},
        1,
        "instance failed to match at least one required schema among 2",
        id="any of",
    ),
    pytest.param(
        {"allOf": [{"type": "integer"}, {"type": "array"}]},
        1,
        "instance failed to match all required schemas (matched only 1 out of 2)",
        id="all of",
    ),
    pytest.param(
        {"oneOf": [{"minimum": 0}, {"maximum": 9}]},
        1,
        "instance failed to match exactly one schema (matched 2 out of 2)",
        id="one of",
    ),
    pytest.param({"not": {"type": "integer"}}, 1, "instance matched a schema which it should not have", id="not"),
]


@pytest.mark.parametrize(("schema", "body", "message"), MESSAGES)
def test_messages(schema, body, message):
    assert problems(schema, body) == [message]


UNREADABLE = [
    pytest.param(b"", id="empty"),
    pytest.param(b'{"a":', id="cut off"),
    pytest.param(b'"\xff"', id="not UTF-8"),
    pytest.param(b"[" * 100_000, id="too deep"),
]


@pytest.mark.parametrize("body", UNREADABLE)
def test_what_is_no_json(body):
    assert compiled({}).problems(body) == ["Unknown error parsing request body"]


FORMATS = [
    pytest.param("date-time", "2024-02-29T10:00:00Z", True, id="date"),
    pytest.param("date-time", "2023-02-29T10:00:00Z", False, id="no such day"),
    pytest.param("date-time", "2024-02-29", False, id="a day alone"),
    pytest.param("email", "a@b", True, id="address"),
    pytest.param("email", "a", False, id="no address"),
    pytest.param("ipv4", "1.2.3.4", True, id="IPv4"),
    pytest.param("ipv4", "1.2.3", False, id="no IPv4"),
    pytest.param("ipv6", "::1", True, id="IPv6"),
    pytest.param("hostname", "a.b-c.example", True, id="host"),
    pytest.param("hostname", "-a", False, id="no host"),
    pytest.param("uri", "https://x.example/a", True, id="URI"),
    pytest.param("uri", "a b", False, id="no URI"),
    pytest.param("anything", "x", True, id="an unknown format does not matter"),
]


@pytest.mark.parametrize(("name", "text", "fits"), FORMATS)
def test_formats(name, text, fits):
    assert (problems({"format": name}, text) == []) is fits


REFERENCES = [
    pytest.param({"$ref": f"{HERE}Other"}, {}, id="a model of the API"),
    pytest.param({"$ref": "#/definitions/x", "definitions": {"x": {"type": "string"}}}, {}, id="inside the model"),
    pytest.param({"$ref": f"{HERE}Other#/definitions/x"}, {}, id="inside another model"),
]


@pytest.mark.parametrize(("schema", "others"), REFERENCES)
def test_references(schema, others):
    other = {"type": "string", "definitions": {"x": {"type": "string"}}}
    assert problems(schema, "a", Other=other) == []
    assert problems(schema, 1, Other=other) != []


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("http://127.0.0.1:1/schema.json", id="a URL"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param(f"{HERE}Missing", id="a model that is not there"),
        pytest.param("https://apigateway.amazonaws.com/restapis/another/models/Main", id="another API's model"),
        pytest.param("#/definitions/missing", id="a part that is not there"),
        pytest.param("http://json-schema.org/draft-04/schema#x", id="a public schema"),
    ],
)
def test_nothing_else_is_referred_to(reference):
    with pytest.raises(MappingError, match="refers to"):
        problems({"$ref": reference}, 1)


def test_which_references_are_foreign():
    schema = {"items": {"$ref": "http://x.example/"}, "properties": {"a": {"$ref": "#/b"}, "b": {"$ref": f"{HERE}M"}}}
    assert foreign_references(schema) == ["http://x.example/"]


UNUSABLE = [
    pytest.param({"type": "text"}, "no valid schema", id="no such type"),
    pytest.param({"required": "a"}, "no valid schema", id="a keyword of another type"),
    pytest.param({"pattern": "(?=a)"}, "cannot be used", id="look-ahead"),
    pytest.param({"patternProperties": {"(a": {}}}, "cannot be used", id="no regular expression"),
]


@pytest.mark.parametrize(("schema", "reason"), UNUSABLE)
def test_unusable_models(schema, reason):
    schemas = ApiSchemas(api(Main=schema, Good={"type": "object"}))
    with pytest.raises(MappingError, match=reason):
        schemas.get("Main")
    assert schemas.get("Good").problems(b"{}") == []


def test_a_model_that_does_not_exist():
    with pytest.raises(MappingError, match="does not exist"):
        ApiSchemas(api()).get("Main")


def test_a_schema_is_an_object():
    with pytest.raises(MappingError, match="no valid schema"):
        read_schema(Model("m", "M", schema="[]"))


HOSTILE = [
    pytest.param({"pattern": "^(a+)+$"}, "a" * 5000 + "b", id="a pattern that takes for ever elsewhere"),
    pytest.param({"allOf": [{"$ref": "#"}]}, 1, id="a schema that is itself"),
    pytest.param({"uniqueItems": True, "maxItems": 1}, [[i] for i in range(5000)], id="lists that cannot be sorted"),
]


@pytest.mark.parametrize(("schema", "body"), HOSTILE)
def test_hostile_schemas_end(schema, body):
    assert problems(schema, body) != []


def at_depth(frames, work):
    return at_depth(frames - 1, work) if frames else work()


@pytest.mark.parametrize("frames", range(24))
def test_the_end_of_the_stack_may_be_anywhere(frames):
    found = at_depth(frames, lambda: problems({"allOf": [{"$ref": "#"}]}, 1))
    assert found == ["request body is too complex to be validated"]


def test_what_branches_at_every_level_is_given_up():
    body: object = 1
    for _ in range(60):
        body = {"a": body}
    schema = compiled({"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}}})
    with pytest.raises(BudgetError):
        schema.problems(json.dumps(body).encode(), max_steps=10_000)


def test_messages_and_their_number_are_bounded():
    found = problems({"items": {"maxLength": 1}}, ["x" * 100_000] * 100)
    assert len(found) == 20
    assert max(map(len, found)) < 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0]) | st.sampled_from(["", "a", "ab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "x-c"]), inner, max_size=3),
    max_leaves=6,
)
SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"]),
            "required": st.lists(st.sampled_from(["a", "b"]), min_size=1, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=2, unique_by=lambda value: json.dumps(value, sort_keys=True)),
            "minimum": st.integers(-2, 2),
            "maxLength": st.integers(0, 1),
            "pattern": st.sampled_from(["a", "^b?$"]),
            "uniqueItems": st.booleans(),
            "minProperties": st.integers(0, 2),
            "dependencies": st.just({"a": ["b"], "b": {"required": ["x-c"]}}),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["^x-", "b"]), inner, max_size=2),
            "additionalProperties": st.booleans() | inner,
            "items": inner | st.lists(inner, min_size=1, max_size=2),
            "additionalItems": st.booleans(),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(schema=SCHEMAS, body=VALUES)
def test_the_outcome_is_that_of_the_plain_validator(schema, body):
    assert (problems(schema, body) == []) is Draft4Validator(schema).is_valid(body)
