"""How the bundled API words the errors of the log service, with its own response templates."""

import json
from importlib.resources import files

import pytest
import yaml

from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import IntegrationResponse, MethodResponse

DOCUMENT = yaml.safe_load(files("groundwatch.bundled_api").joinpath("logs-api.yaml").read_bytes())
RESPONSES = DOCUMENT["paths"]["/groups"]["get"]["x-amazon-apigateway-integration"]["responses"]
UNAVAILABLE = {"error": "ServiceUnavailable", "message": "The log service did not answer. Try again."}


@pytest.fixture
def gateway(make_gateway, aws):
    responses = {
        pattern: IntegrationResponse(
            said["statusCode"],
            selection_pattern=None if pattern == "default" else pattern,
            response_templates=said.get("responseTemplates", {}),
        )
        for pattern, said in RESPONSES.items()
    }
    declared = {said["statusCode"]: MethodResponse(said["statusCode"]) for said in RESPONSES.values()}
    return make_gateway({"/": aws(integration={"responses": responses}, responses=declared)})


@pytest.mark.parametrize(
    ("status", "said", "answered", "expected"),
    [
        (400, ("InvalidParameterException", "no"), 400, {"error": "InvalidParameterException", "message": "no"}),
        (400, ("ResourceNotFoundException", "no"), 404, {"error": "ResourceNotFoundException", "message": "no"}),
        (400, ("AccessDeniedException", "no"), 403, {"error": "AccessDeniedException", "message": "no"}),
        (501, ("NotImplementedException", "no"), 501, {"error": "NotImplementedException", "message": "no"}),
        (500, ("InternalFailure", "secret"), 502, UNAVAILABLE),
        (503, ("ServiceUnavailableException", "secret"), 502, UNAVAILABLE),
    ],
)
async def test_errors_have_one_shape(gateway, status, said, answered, expected):
    body = json.dumps({"__type": said[0], "message": said[1]}).encode()
    gateway.backend.answer = WireResponse(status, (("Content-Type", "application/x-amz-json-1.1"),), body)
    answer = await gateway.request()
    assert (answer.status, json.loads(answer.body)) == (answered, expected)
