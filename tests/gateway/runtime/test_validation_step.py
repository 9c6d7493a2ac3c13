"""Bodies of requests: decoded, and checked against the models that the method names."""

from __future__ import annotations

import gzip
import json

import pytest

from groundwatch.gateway.definition import GatewayResponse, Model, RequestValidator

VALIDATORS = {"val123": RequestValidator("val123", "v", validate_request_body=True)}
NOTE = json.dumps({"type": "object", "required": ["NoteId"], "properties": {"NoteId": {"type": "string"}}})
MODELS = {
    "Note": Model("m1", "Note", schema=NOTE),
    "Broken": Model("m2", "Broken", schema='{"type":"text"}'),
    "Empty": Model("m3", "Empty", schema="{}"),
}
INVALID = '{"message": "Invalid request body"}'


@pytest.fixture
def make_validated(make_gateway, mock):
    def make(models, **changes):
        integration = {
            "request_templates": {"application/json": '{"statusCode":200}', "text/plain": '{"statusCode":200}'}
        }
        method = mock(verb="POST", request_validator_id="val123", request_models=models, integration=integration)
        return make_gateway({"/": method}, request_validators=VALIDATORS, models=MODELS, **changes)

    return make


BODIES = [
    pytest.param({"application/json": "Note"}, None, {"NoteId": "1"}, 200, id="fits"),
    pytest.param({"application/json": "Note"}, None, {}, 400, id="does not fit"),
    pytest.param({"application/json": "Note"}, "application/json; charset=utf-8", {}, 400, id="with parameters"),
    pytest.param({"application/json": "Note"}, "APPLICATION/JSON", {}, 400, id="in any case"),
    pytest.param({"application/json": "Note"}, "text/plain", {}, 200, id="another type: nothing to check"),
    pytest.param({"$default": "Note"}, "text/plain", {}, 400, id="the default model"),
    pytest.param({"application/json": "Empty", "$default": "Note"}, None, {}, 200, id="the type's own before it"),
    pytest.param({}, None, {}, 200, id="no models"),
    pytest.param({"application/json": "Gone"}, None, {}, 500, id="a model that does not exist"),
    pytest.param({"application/json": "Broken"}, None, {}, 500, id="a model that is no schema"),
]


@pytest.mark.parametrize(("models", "content_type", "body", "status"), BODIES)
async def test_which_model_a_body_is_checked_against(models, content_type, body, status, make_validated):
    headers = {"content-type": content_type} if content_type else {}
    answer = await make_validated(models).request("/", "POST", body=json.dumps(body).encode(), headers=headers)
    assert answer.status == status
    if status == 400:
        assert answer.body == INVALID
        assert answer.headers["x-amzn-errortype"] == "BadRequestException"


async def test_what_is_wrong_is_in_the_context(make_validated):
    template = '{"message":$context.error.messageString,"why":"$context.error.validationErrorString"}'
    responses = {
        "BAD_REQUEST_BODY": GatewayResponse("BAD_REQUEST_BODY", response_templates={"application/json": template})
    }
    gateway = make_validated({"application/json": "Note"}, gateway_responses=responses)
    answer = await gateway.request("/", "POST", body=b"{}")
    assert answer.body == (
        '{"message":"Invalid request body","why":"[object has missing required properties (["NoteId"])]"}'
    )
    answer = await gateway.request("/", "POST", body=b"")
    assert '"why":"[Unknown error parsing request body]"' in answer.body


async def test_what_is_wrong_is_in_the_access_entry(make_validated):
    gateway = make_validated({"application/json": "Note"})
    await gateway.request("/", "POST", body=b"1")
    assert gateway.entries[0].error_reason == (
        "Request body does not match model schema for content type application/json: [instance type (integer) does not "
        'match any allowed primitive type (allowed: ["object"])]'
    )


async def test_large_bodies_are_checked_in_a_thread(make_validated):
    gateway = make_validated({"application/json": "Note"})
    large = json.dumps({"NoteId": "x" * 100_000}).encode()
    assert (await gateway.request("/", "POST", body=large)).status == 200
    assert (await gateway.request("/", "POST", body=large.replace(b"NoteId", b"NodeId"))).status == 400


GZIP = gzip.compress(b'{"NoteId":"1"}')
CODED = [
    pytest.param(0, GZIP, "gzip", 200, id="decoded where the API compresses"),
    pytest.param(None, GZIP, "gzip", 400, id="left as it is elsewhere, and so no JSON"),
    pytest.param(0, b"plain", "gzip", 400, id="not what it says"),
    pytest.param(0, gzip.compress(bytes(11 * 1024 * 1024)), "gzip", 413, id="huge when decoded"),
]


@pytest.mark.parametrize(("minimum", "body", "coding", "status"), CODED)
async def test_coded_bodies(minimum, body, coding, status, make_validated):
    gateway = make_validated({"application/json": "Note"}, minimum_compression_size=minimum)
    assert (await gateway.request("/", "POST", body=body, headers={"content-encoding": coding})).status == status
