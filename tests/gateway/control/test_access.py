"""Which policies an operation asks for."""

from __future__ import annotations

import botocore.session
import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.gateway.access import apigateway_access

ROLE = "arn:aws:iam::111122223333:role/r"
PASS = AccessCheck("iam:PassRole", ROLE, {"iam:PassedToService": ["apigateway.amazonaws.com"]})
METHOD = {"restApiId": "api", "resourceId": "res", "httpMethod": "GET"}
METHOD_PATH = "/restapis/api/resources/res/methods/GET"


@pytest.mark.parametrize(
    ("operation", "params", "action", "path"),
    [
        ("GetRestApis", {}, "GET", "/restapis"),
        ("ImportRestApi", {"body": b""}, "POST", "/restapis"),
        ("PutRestApi", {"restApiId": "api"}, "PUT", "/restapis/api"),
        ("CreateResource", {"restApiId": "api", "parentId": "p", "pathPart": "x"}, "POST", "/restapis/api/resources/p"),
        ("UpdateStage", {"restApiId": "api", "stageName": "prod"}, "PATCH", "/restapis/api/stages/prod"),
        ("DeleteApiKey", {"apiKey": "k"}, "DELETE", "/apikeys/k"),
        ("GetStage", {"restApiId": "a/../b", "stageName": "s"}, "GET", "/restapis/a%2F..%2Fb/stages/s"),
        ("GetTags", {"resourceArn": "a:b/c"}, "GET", "/tags/a%3Ab%2Fc"),
    ],
)
def test_the_action_is_the_verb_and_the_resource_the_path(context, operation, params, action, path):
    expected = AccessCheck(f"apigateway:{action}", f"arn:aws:apigateway:us-east-1::{path}")
    assert apigateway_access(operation, params, context) == [expected]


@pytest.mark.parametrize(
    ("operation", "params", "passes"),
    [
        ("PutIntegration", {"credentials": ROLE}, [PASS]),
        ("PutIntegration", {"credentials": "arn:aws:iam::*:user/*"}, []),
        ("PutIntegration", {}, []),
        ("UpdateIntegration", {"patchOperations": [{"op": "replace", "path": "/credentials", "value": ROLE}]}, [PASS]),
        ("UpdateIntegration", {"patchOperations": [{"op": "replace", "path": "/uri", "value": ROLE}]}, []),
    ],
)
def test_handing_over_a_role_needs_pass_role(context, operation, params, passes):
    assert list(apigateway_access(operation, {**METHOD, **params}, context))[1:] == passes


def test_tags_in_a_request_are_condition_keys(context):
    (check,) = apigateway_access("CreateRestApi", {"name": "a", "tags": {"team": "x"}}, context)
    assert check.keys == {"aws:RequestTag/team": ["x"], "aws:TagKeys": ["team"]}


def test_every_operation_of_the_model_has_a_resource(context):
    model = botocore.session.get_session().get_service_model("apigateway")
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        labels = shape.required_members if shape is not None else ()
        params = dict.fromkeys(labels, "x")
        assert "{" not in apigateway_access(name, params, context)[0].resource
