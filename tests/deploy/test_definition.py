"""What cannot be deployed is refused with its reason and its line; what differs on AWS is told."""

from __future__ import annotations

import pytest
from tests.deploy.conftest import ACCOUNT, RUNNING

from groundwatch.deploy.assemble import Running, Wanted, stack_of
from groundwatch.deploy.definition import DefinitionError, read_definition
from groundwatch.deploy.differences import differences
from groundwatch.deploy.readers import accesses

HEAD = 'openapi: 3.0.1\ninfo: { title: t, version: "1" }\n'
INTEGRATION = "x-amazon-apigateway-integration"


def refusal(text):
    with pytest.raises(DefinitionError) as refused:
        read_definition(text.encode(), ACCOUNT, "us-east-1", lambda _policy: None)
    return [(fault.line, fault.message) for fault in refused.value.faults]


FAULTS = [
    pytest.param(
        HEAD + "paths:\n  /a:\n    get:\n      " + INTEGRATION + ": { type: nonsense }\n", 5, "GET", id="an integration"
    ),
    pytest.param(
        HEAD + "paths:\n  /a b:\n    get:\n      " + INTEGRATION + ": { type: mock }\n", 4, "path", id="a path part"
    ),
    pytest.param(
        HEAD + 'paths: {}\ncomponents:\n  schemas:\n    "bad name!": { type: object }\n',
        6,
        "model",
        id="a model's name",
    ),
    pytest.param("[1]", None, "Invalid OpenAPI input", id="no document"),
    pytest.param(
        "openapi: 3.1.0\ninfo: { title: t }\npaths: {}\n", None, "Invalid OpenAPI input", id="another version"
    ),
    pytest.param("openapi: 3.0.1\npaths: {}\n", None, "info.title", id="no title"),
]


@pytest.mark.parametrize(("text", "line", "word"), FAULTS)
def test_faults(text, line, word):
    found = refusal(text)
    assert any(at == line and word in message for at, message in found), found


def test_who_can_read_what(rich):
    stack = stack_of(rich, RUNNING, Wanted("live"))
    found = {access.method: access for access in accesses(rich.api, stack)}
    orders, mine = found["GET /orders"], found["GET /mine/events"]
    assert orders.callers == "holders of an API key of a usage plan"
    # The running role's own policies, with the account that the stack is made in.
    assert "arn:aws:logs:*:${AWS::AccountId}:log-group:/svc/orders:*" in orders.allowed
    assert mine.callers == "holders of a token that customers accepts"
    assert mine.groups == ("/customers/*",)


def test_without_a_server_roles_and_keys_are_derived(rich):
    stack = stack_of(rich, Running(), Wanted("v1"))
    assert [(role.name, role.derived) for role in stack.roles] == [("orders", True), ("customers-reader", True)]
    assert [plan.keys for plan in stack.usage_plans] == [["customers & logs"]]
    assert [group.name for group in stack.log_groups] == ["/svc/orders"]


MOCK = "{ type: mock, requestTemplates: { application/json: '{\"statusCode\": 200}' } }"
METHOD = "paths:\n  /a:\n    get:\n      responses: { '200': { description: x } }\n      " + INTEGRATION + ": "
DIFFERENCES = [
    pytest.param(METHOD + MOCK, "whole Internet", False, id="an open method"),
    pytest.param(
        METHOD + "{ type: http, httpMethod: GET, uri: 'http://10.1.2.3/x' }", "VPC link", True, id="a private host"
    ),
    pytest.param(
        METHOD + "{ type: http, httpMethod: GET, uri: 'http://db.internal/x' }", "VPC link", True, id="an internal name"
    ),
]


@pytest.mark.parametrize(("text", "word", "blocking"), DIFFERENCES)
def test_differences(text, word, blocking):
    read = read_definition((HEAD + text).encode(), ACCOUNT, "us-east-1", lambda _policy: None)
    assert any(word in found.what and found.blocking is blocking for found in differences(read.api))


def test_an_issuer_that_aws_does_not_take(rich):
    text = rich.api.authorizers
    assert text, "the fixture has an authorizer"
    assert not [found for found in differences(rich.api) if found.blocking]
