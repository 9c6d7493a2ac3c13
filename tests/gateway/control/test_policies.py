"""Resource policies of APIs: one that nobody could evaluate is refused, since it would close the whole API."""

import json

import pytest

from groundwatch.aws.errors import ServiceError


def policy(**changes):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **changes}]})


MALFORMED = [
    pytest.param("{", id="no JSON"),
    pytest.param("[]", id="no object"),
    pytest.param("{}", id="no statement"),
    pytest.param(policy(Effect="allow"), id="an effect that is none"),
    pytest.param(policy(Principal={"AWS": "ann"}), id="a principal that is none"),
    pytest.param(policy(Condition={"Nope": {"a": "b"}}), id="an unknown operator"),
    pytest.param(policy().replace('"Principal": "*", ', ""), id="nobody is named"),
    pytest.param(policy().replace('"Effect"', '"Effect": "Deny", "Effect"'), id="a member twice"),
]


@pytest.mark.parametrize("document", MALFORMED)
async def test_a_policy_that_cannot_be_evaluated_is_refused(document, operations, context, api):
    refused = "Invalid policy document. Please check the policy syntax and ensure that Principals are valid."
    with pytest.raises(ServiceError, match=refused):
        await operations.create_rest_api(context, name="a", policy=document)
    with pytest.raises(ServiceError, match=refused):
        patch = {"op": "replace", "path": "/policy", "value": document}
        await operations.update_rest_api(context, rest_api_id=api.id, patch_operations=[patch])


async def test_the_short_form_becomes_the_arn_of_the_api(operations, context):
    made = await operations.create_rest_api(context, name="a", policy=policy())
    kept = json.loads(json.loads(f'"{made["policy"]}"'))
    assert kept["Statement"][0]["Resource"] == f"arn:aws:execute-api:us-east-1:{context.account_id}:{made['id']}/*"


async def test_a_method_that_needs_no_authorizer_any_more_lets_go_of_it(api):
    source = "method.request.header.Auth"
    pool = f"arn:aws:cognito-idp:us-east-1:{api.context.account_id}:userpool/us-east-1_a"
    made = await api.call(
        "create_authorizer", name="a", type="COGNITO_USER_POOLS", provider_arns=[pool], identity_source=source
    )
    await api.call_method("put_method", authorization_type="COGNITO_USER_POOLS", authorizer_id=made["id"])
    patch = {"op": "replace", "path": "/authorizationType", "value": "NONE"}
    patched = await api.call_method("update_method", patch_operations=[patch])
    assert "authorizerId" not in patched
    await api.call("delete_authorizer", authorizer_id=made["id"])
