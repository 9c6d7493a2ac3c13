"""Authorizers in imported documents: what schemes become, and what methods get of them."""

from __future__ import annotations

import json

import pytest

from groundwatch.aws.errors import ServiceError

ACCOUNT = "111122223333"
URI = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:who/invocations"
)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/invoke"
POOL = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_abc"
MOCK = {"x-amazon-apigateway-integration": {"type": "mock"}}
KEY = {"type": "apiKey", "name": "x-api-key", "in": "header"}
IAM = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}


def scheme(authorizer, name="Auth", authtype=None):
    held = {"type": "apiKey", "name": name, "in": "header", "x-amazon-apigateway-authorizer": authorizer}
    return held if authtype is None else {**held, "x-amazon-apigateway-authtype": authtype}


TOKEN = scheme({"type": "token", "authorizerUri": URI, "authorizerResultTtlInSeconds": 60}, authtype="oauth2")
REQUEST = scheme(
    {
        "type": "request",
        "authorizerUri": URI,
        "authorizerCredentials": ROLE,
        "identitySource": "method.request.header.A, method.request.querystring.B",
    },
    name="Unused",
)
POOLS = scheme({"type": "cognito_user_pools", "providerARNs": [POOL]}, authtype="cognito_user_pools")


def document(schemes, *security, **operation):
    held = {**MOCK, **operation}
    if security:
        held["security"] = list(security)
    body = {
        "openapi": "3.0.1",
        "info": {"title": "t"},
        "paths": {"/a": {"get": held}},
        "components": {"securitySchemes": schemes},
    }
    return json.dumps(body).encode()


async def method_of(operations, context, api_id):
    items = (await operations.get_resources(context, rest_api_id=api_id, embed=["methods"]))["items"]
    return next(item for item in items if item["path"] == "/a")["resourceMethods"]["GET"]


SCHEMES = [
    pytest.param(
        TOKEN,
        [],
        {
            "type": "TOKEN",
            "authType": "oauth2",
            "authorizerUri": URI,
            "identitySource": "method.request.header.Auth",
            "authorizerResultTtlInSeconds": 60,
        },
        {"authorizationType": "CUSTOM"},
        id="token: the scheme names the header",
    ),
    pytest.param(
        REQUEST,
        [],
        {
            "type": "REQUEST",
            "authType": "custom",
            "authorizerUri": URI,
            "authorizerCredentials": ROLE,
            "identitySource": "method.request.header.A, method.request.querystring.B",
            "authorizerResultTtlInSeconds": 300,
        },
        {"authorizationType": "CUSTOM"},
        id="request",
    ),
    pytest.param(
        POOLS,
        ["a/read"],
        {
            "type": "COGNITO_USER_POOLS",
            "authType": "cognito_user_pools",
            "providerARNs": [POOL],
            "identitySource": "method.request.header.Auth",
        },
        {"authorizationType": "COGNITO_USER_POOLS", "authorizationScopes": ["a/read"]},
        id="user pools with scopes",
    ),
]


@pytest.mark.parametrize(("held", "scopes", "made_of", "method"), SCHEMES)
async def test_a_scheme_becomes_an_authorizer(held, scopes, made_of, method, operations, context):
    body = document({"who": held, "key": KEY}, {"who": scopes, "key": []})
    api = await operations.import_rest_api(context, body=body, fail_on_warnings=True)
    (made,) = (await operations.get_authorizers(context, rest_api_id=api["id"]))["items"]
    assert made == {"id": made["id"], "name": "who", **made_of}
    kept = await method_of(operations, context, api["id"])
    expected = {"httpMethod": "GET", "apiKeyRequired": True, "authorizerId": made["id"], **method}
    assert {name: kept.get(name) for name in expected} == expected


async def test_alternatives_of_one_scheme_ask_for_any_of_their_scopes(operations, context):
    body = document({"who": POOLS}, {"who": ["a"]}, {"who": ["b"]})
    api = await operations.import_rest_api(context, body=body)
    assert (await method_of(operations, context, api["id"]))["authorizationScopes"] == ["a", "b"]


async def test_a_role_for_an_authorizer_must_be_passed(operations, context, authorizer):
    await operations.import_rest_api(context, body=document({"who": REQUEST}))
    assert [(check.action, check.resource) for check in authorizer.checks] == [("iam:PassRole", ROLE)]


async def test_a_merge_keeps_ids_and_others_an_overwrite_keeps_nothing(operations, context):
    api = await operations.import_rest_api(context, body=document({"who": TOKEN, "other": POOLS}))
    before = {held["name"]: held["id"] for held in await authorizers(operations, context, api)}
    await operations.put_rest_api(context, rest_api_id=api["id"], body=document({"who": REQUEST}), mode="merge")
    after = {held["name"]: (held["id"], held["type"]) for held in await authorizers(operations, context, api)}
    assert after == {"who": (before["who"], "REQUEST"), "other": (before["other"], "COGNITO_USER_POOLS")}
    await operations.put_rest_api(context, rest_api_id=api["id"], body=document({"new": TOKEN}), mode="overwrite")
    assert [held["name"] for held in await authorizers(operations, context, api)] == ["new"]


async def authorizers(operations, context, api):
    return (await operations.get_authorizers(context, rest_api_id=api["id"]))["items"]


REFUSED = [
    pytest.param(
        document({"who": TOKEN, "iam": IAM}, {"who": [], "iam": []}),
        "More than one authorizer on 'GET'",
        id="two ways at once: one would be lost",
    ),
    pytest.param(
        document({"who": TOKEN, "other": POOLS}, {"who": []}, {"other": []}),
        "More than one authorizer on 'GET'",
        id="alternatives",
    ),
    pytest.param(
        document({"who": scheme({"type": "token"})}, {"who": []}),
        "Unable to create authorizer 'who': Invalid Authorizer URI: null",
        id="no function",
    ),
    pytest.param(
        document({"who": scheme({"type": "token", "authorizerUri": URI, "authorizerPayloadFormatVersion": "2.0"})}),
        "unsupported property 'authorizerPayloadFormatVersion'",
        id="a member of another kind of API",
    ),
    pytest.param(
        document({"who": scheme({"type": "token", "authorizerUri": URI, "authorizerResultTtlInSeconds": "5"})}),
        "invalid TTL",
        id="a TTL that is no number",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
async def test_documents_that_would_lose_protection_are_refused(body, message, operations, context):
    with pytest.raises(ServiceError, match=message):
        await operations.import_rest_api(context, body=body)
    assert (await operations.get_rest_apis(context))["items"] == []
