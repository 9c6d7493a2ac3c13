"""Templates: clean to cfn-lint, made and updated in an AWS that no one here wrote."""

from __future__ import annotations

import copy
import json
from typing import Any

import boto3
import cfnlint
import pytest
from msgspec.structs import replace
from tests.deploy.conftest import HERE, HOSTILE, RUNNING, read

from groundwatch.deploy.assemble import Running, Wanted, stack_of
from groundwatch.deploy.cloudformation import logical_id, template
from groundwatch.deploy.literals import EvaluatedTextError

REGION = "us-east-1"
MOTO_ACCOUNT = "123456789012"
CERTIFICATE = f"arn:aws:acm:{REGION}:{MOTO_ACCOUNT}:certificate/x"


def test_every_template_is_clean(stack):
    found = cfnlint.lint(json.dumps(template(stack)), regions=[REGION])
    assert [str(match) for match in found] == []


def test_a_changed_definition_makes_a_new_deployment(rich):
    first = template(stack_of(rich, Running(), Wanted("v1")))
    again = template(stack_of(rich, RUNNING, Wanted("v1")))
    body = copy.deepcopy(rich.body)
    body["info"]["description"] = "changed"
    changed = template(stack_of(type(rich)(body, rich.api, ()), Running(), Wanted("v1")))
    assert deployment(first) == deployment(again) != deployment(changed)
    for made in (first, changed):
        assert made["Resources"]["Stage"]["Properties"]["DeploymentId"] == {"Ref": deployment(made)}


def deployment(made):
    (name,) = (name for name, held in made["Resources"].items() if held["Type"] == "AWS::ApiGateway::Deployment")
    return name


def test_references_in_the_body(rich):
    made = template(stack_of(rich, Running(), Wanted("v1")))
    paths = made["Resources"]["RestApi"]["Properties"]["Body"]["paths"]
    mine = paths["/mine/events"]["get"]["x-amazon-apigateway-integration"]
    orders = paths["/orders"]["get"]["x-amazon-apigateway-integration"]
    assert mine["credentials"] == {"Fn::GetAtt": ["RoleCustomersReader", "Arn"]}
    assert orders["credentials"] == {"Fn::GetAtt": ["RoleOrders", "Arn"]}
    assert mine["uri"] == {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}:logs:action/FilterLogEvents"}
    # Without a reference of CloudFormation's a text is written as it is.
    assert "${stageVariables.head}" in orders["requestTemplates"]["application/json"]
    pool = made["Resources"]["RestApi"]["Properties"]["Body"]["components"]["securitySchemes"]["customers"]
    assert pool["x-amazon-apigateway-authorizer"]["providerARNs"] == [
        {"Fn::Sub": "arn:aws:cognito-idp:us-east-1:${AWS::AccountId}:userpool/us-east-1_AbCdEf123"}
    ]


def test_settings_of_the_stage(rich):
    properties = template(stack_of(rich, RUNNING, Wanted("live")))["Resources"]["Stage"]["Properties"]
    assert properties["MethodSettings"] == [
        {"ResourcePath": "/*", "HttpMethod": "*", "LoggingLevel": "ERROR", "ThrottlingRateLimit": 5.0},
        {"ResourcePath": "/~1orders", "HttpMethod": "GET", "CachingEnabled": True, "CacheTtlInSeconds": 60},
    ]
    assert properties["CacheClusterSize"] == "0.5"
    assert properties["Variables"] == {"head": "true"}


NAMES = [
    pytest.param(("ApiKey", "acme.com"), "ApiKeyAcmeCom", id="punctuation"),
    pytest.param(("LogGroup", "/svc/ä"), "LogGroupSvc", id="beyond ASCII"),
    pytest.param(("", "…"), "Item", id="nothing left"),
]


@pytest.mark.parametrize(("words", "expected"), NAMES)
def test_logical_ids(words, expected):
    assert logical_id(*words) == expected


def test_names_that_look_alike_have_their_own_ids(rich):
    resources = template(stack_of(rich, RUNNING, Wanted("live")))["Resources"]
    keys = {held["Properties"]["Name"]: name for name, held in resources.items() if held["Type"].endswith("::ApiKey")}
    assert keys == {"acme.com": "ApiKeyAcmeCom", "acme-com": "ApiKeyAcmeCom2"}
    admitted = [held["Properties"]["KeyId"] for held in resources.values() if held["Type"].endswith("::UsagePlanKey")]
    assert admitted == [{"Ref": "ApiKeyAcmeCom"}, {"Ref": "ApiKeyAcmeCom2"}]


def test_no_two_alarms_share_an_id(rich):
    running = replace(RUNNING, alarms=[{"AlarmName": name} for name in ("slow!", "slow?")])
    resources = template(stack_of(rich, running, Wanted("live")))["Resources"]
    assert [held["Properties"] for held in resources.values() if held["Type"].endswith("::Alarm")] == running.alarms


def test_what_users_have_named_is_never_substituted(rich):
    made = template(stack_of(rich, HOSTILE, Wanted("live")))
    for text in substituted(made):
        assert "${file" not in text


def substituted(document):
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        if key == "Fn::Sub":
            yield value
        elif isinstance(value, dict | list):
            yield from substituted(value)


EVALUATED = [
    pytest.param({"x": "a {{resolve:secretsmanager:prod}} b"}, "{{resolve:secretsmanager:", id="a secret"),
    pytest.param(
        {"x": [{"y": "{{resolve:ssm-secure:/prod:1}}"}]}, "{{resolve:ssm-secure:", id="a parameter, deep down"
    ),
    pytest.param({"{{resolve:ssm:x}}": 1}, "{{resolve:ssm:", id="in the name of a member"),
    pytest.param({"x": {"Ref": "RestApi"}}, "Ref", id="a reference"),
    pytest.param({"x": {"Fn::GetAtt": ["A", "Arn"]}}, "Fn::GetAtt", id="a function"),
    pytest.param({"Fn::Transform": {"Name": "AWS::Include"}}, "Fn::Transform", id="a macro"),
    pytest.param({"Fn::Transform": {"Name": "AWS::Include"}, "y": 1}, "Fn::Transform", id="a macro among others"),
]


@pytest.mark.parametrize(("note", "what"), EVALUATED)
def test_what_cloudformation_would_evaluate_is_refused(rich, note, what):
    """It would fill in secrets of whoever makes the stack, and the API would show them."""
    rich.body["x-note"] = note
    with pytest.raises(EvaluatedTextError) as error:
        template(stack_of(rich, Running(), Wanted("v1")))
    assert what in str(error.value)


def test_a_variable_of_the_stage_that_would_be_evaluated(rich):
    running = replace(RUNNING, stage=replace(RUNNING.stage, variables={"a": "{{resolve:ssm:x}}"}))
    with pytest.raises(EvaluatedTextError):
        template(stack_of(rich, running, Wanted("live")))


def test_a_stack_is_made_and_updated(moto):
    """As far as moto goes, whose CloudFormation passes over an API's `Body` and over stages, keys and usage plans.

    So the API itself is imported there before, from the template's body.
    """
    stacks, gateway, iam, logs = (at(moto, name) for name in ("cloudformation", "apigateway", "iam", "logs"))
    api = gateway.import_rest_api(body=json.dumps(resolved(body_of(first()))).encode())["id"]
    words = {
        "StackName": "groundwatch",
        "Capabilities": ["CAPABILITY_IAM"],
        "Parameters": [{"ParameterKey": "CertificateArn", "ParameterValue": CERTIFICATE}],
    }
    stacks.create_stack(TemplateBody=without_api(first(), api), **words)
    assert stacks.describe_stacks(StackName="groundwatch")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    groups = {group["logGroupName"]: group.get("retentionInDays") for group in logs.describe_log_groups()["logGroups"]}
    assert groups == {"/access/customers": 7, "/svc/orders": 14, "/svc/#odd": None}
    role = made_at(stacks, "RoleOrders")
    policy = iam.get_role_policy(RoleName=role, PolicyName="own")["PolicyDocument"]
    # Moto keeps the policies of a stack as Python writes them, not as JSON.
    assert f"'arn:aws:logs:*:{MOTO_ACCOUNT}:log-group:/svc/orders:*'" in policy
    before = {deployment["id"] for deployment in gateway.get_deployments(restApiId=api)["items"]}
    stacks.update_stack(TemplateBody=without_api(changed(), api), **words)
    assert stacks.describe_stacks(StackName="groundwatch")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    assert {deployment["id"] for deployment in gateway.get_deployments(restApiId=api)["items"]} - before
    assert made_at(stacks, "RoleOrders") == role


def made_at(stacks, logical):
    found = stacks.list_stack_resources(StackName="groundwatch")["StackResourceSummaries"]
    return next(held["PhysicalResourceId"] for held in found if held["LogicalResourceId"] == logical)


def first() -> dict[str, Any]:
    return template(stack_of(read(HERE / "rich.yaml"), RUNNING, Wanted("live")))


def changed() -> dict[str, Any]:
    definition = read(HERE / "rich.yaml")
    definition.body["info"]["description"] = "changed"
    return template(stack_of(definition, RUNNING, Wanted("live")))


def body_of(made):
    return made["Resources"]["RestApi"]["Properties"]["Body"]


def without_api(made, api):
    """Return the template's text with the id of an API that is there already."""
    rest = {name: held for name, held in made["Resources"].items() if name != "RestApi"}
    text = json.dumps({**made, "Resources": rest, "Outputs": {}})
    return text.replace('{"Ref": "RestApi"}', json.dumps(api))


def resolved(document):
    """Return a body as CloudFormation would hand it to API Gateway."""
    if isinstance(document, dict):
        if "Fn::GetAtt" in document:
            return f"arn:aws:iam::{MOTO_ACCOUNT}:role/{document['Fn::GetAtt'][0]}"
        if "Fn::Sub" in document:
            text = document["Fn::Sub"]
            return text.replace("${AWS::Region}", REGION).replace("${AWS::AccountId}", MOTO_ACCOUNT)
        return {key: resolved(value) for key, value in document.items()}
    return [resolved(value) for value in document] if isinstance(document, list) else document


def at(url, service):
    return boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
