"""Authorizers in the control plane: what is kept, what is refused, and the methods that name them."""

import json

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.access import apigateway_access

ACCOUNT = "111122223333"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:who"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/invoke"
POOL = f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/us-east-1_abc"
SOURCE = "method.request.header.Authorization"
TOKEN = {"name": "who", "type": "TOKEN", "authorizer_uri": URI, "identity_source": SOURCE}
REQUEST = {
    "name": "who",
    "type": "REQUEST",
    "authorizer_uri": URI,
    "identity_source": f"{SOURCE}, method.request.querystring.who,stageVariables.x,context.identity.sourceIp",
}
POOLS = {"name": "who", "type": "COGNITO_USER_POOLS", "provider_arns": [POOL], "identity_source": SOURCE}
ISSUER = {"issuer": "https://login.example.com/", "audiences": ["app"]}
JWT = {
    "name": "who",
    "type": "JWT",
    "identity_source": SOURCE,
    "jwt_configuration": {"issuers": [ISSUER], "defaultAlgorithms": ["RS256"]},
}
NO_AUTHORIZER = (
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid "
    "authorizer."
)
KEPT = [
    pytest.param(
        TOKEN,
        {
            "authType": "custom",
            "authorizerUri": URI,
            "identitySource": SOURCE,
            "authorizerResultTtlInSeconds": 300,
        },
        id="TOKEN, with the defaults of functions",
    ),
    pytest.param(
        {**REQUEST, "authorizer_result_ttl_in_seconds": 0, "identity_source": None, "authorizer_credentials": ROLE},
        {
            "authType": "custom",
            "authorizerUri": URI,
            "authorizerResultTtlInSeconds": 0,
            "authorizerCredentials": ROLE,
        },
        id="REQUEST without a cache needs no source",
    ),
    pytest.param(
        {**POOLS, "auth_type": "mine"},
        {"authType": "mine", "identitySource": SOURCE, "providerARNs": [POOL]},
        id="COGNITO_USER_POOLS",
    ),
    pytest.param(
        JWT,
        {
            "identitySource": SOURCE,
            "jwtConfiguration": {"issuers": [ISSUER], "defaultAlgorithms": ["RS256"]},
        },
        id="JWT",
    ),
]


@pytest.mark.parametrize(("given", "kept"), KEPT)
async def test_an_authorizer_is_kept(given, kept, api):
    created = await api.call("create_authorizer", **given)
    expected = {"id": created["id"], "name": "who", "type": given["type"], **kept}
    assert created == expected
    assert await api.call("get_authorizer", authorizer_id=created["id"]) == expected
    assert (await api.call("get_authorizers"))["items"] == [expected]
    await api.call("delete_authorizer", authorizer_id=created["id"])
    with pytest.raises(ServiceError, match="Invalid Authorizer identifier specified") as refused:
        await api.call("get_authorizer", authorizer_id=created["id"])
    assert refused.value.status == 404


REFUSED = [
    pytest.param({**TOKEN, "authorizer_uri": None}, "Invalid Authorizer URI: null", id="TOKEN without function"),
    pytest.param({**TOKEN, "authorizer_uri": "arn:aws:lambda:x"}, "Invalid Authorizer URI", id="no URI of a function"),
    pytest.param({**TOKEN, "identity_source": None}, "Invalid identity source specified: null", id="TOKEN, no source"),
    pytest.param(
        {**TOKEN, "identity_source": "method.request.querystring.t"}, "Invalid identity source", id="TOKEN in the query"
    ),
    pytest.param(
        {**TOKEN, "authorizer_uri": URI.replace(ACCOUNT, "444455556666")},
        "Cross-account lambda authorizers are not allowed",
        id="another tenant's function",
    ),
    pytest.param(
        {**TOKEN, "authorizer_credentials": ROLE.replace(ACCOUNT, "444455556666")},
        "Cross-account pass role is not allowed",
        id="another tenant's role",
    ),
    pytest.param({**TOKEN, "authorizer_result_ttl_in_seconds": 3601}, "TTL should be between", id="TTL too long"),
    pytest.param({**TOKEN, "identity_validation_expression": "(?=x)"}, "validation expression", id="look-ahead"),
    pytest.param({**TOKEN, "provider_arns": [POOL]}, "Provider ARNs is not supported", id="TOKEN with pools"),
    pytest.param({**TOKEN, "name": "a/b"}, "Authorizer name only allows", id="a slash in the name"),
    pytest.param({**REQUEST, "identity_source": None}, "Identity source is required", id="a cache without key"),
    pytest.param({**REQUEST, "identity_source": "method.request.body"}, "Invalid identity source", id="body as source"),
    pytest.param({**POOLS, "provider_arns": None}, "Provider ARNs must be specified", id="no pool"),
    pytest.param({**POOLS, "provider_arns": ["us-east-1_abc"]}, "Invalid Cognito User Pool ARN", id="a bare pool id"),
    pytest.param({**JWT, "jwt_configuration": None}, "JWT configuration must be specified", id="no issuer"),
    pytest.param(
        {**JWT, "jwt_configuration": {"issuers": [ISSUER], "defaultAlgorithms": ["HS256"]}},
        "Invalid signing algorithm specified: HS256",
        id="a shared secret",
    ),
    pytest.param(
        {
            **JWT,
            "jwt_configuration": {
                "issuers": [{**ISSUER, "issuer": "http://login.example.com"}],
                "defaultAlgorithms": ["RS256"],
            },
        },
        "Invalid issuer specified",
        id="an issuer in plain text",
    ),
    pytest.param(
        {
            **JWT,
            "jwt_configuration": {
                "issuers": [{**ISSUER, "issuer": "https://[::1"}],
                "defaultAlgorithms": ["RS256"],
            },
        },
        "Invalid issuer specified",
        id="an issuer that is no URL",
    ),
    pytest.param(
        {
            **JWT,
            "jwt_configuration": {
                "issuers": [{**ISSUER, "additionalClaims": [{"claimName": "aud", "format": "SINGLE_STRING"}]}],
                "defaultAlgorithms": ["RS256"],
            },
        },
        "Invalid additional claims",
        id="a claim that has its own check",
    ),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
async def test_an_authorizer_that_cannot_work_is_refused(given, message, api):
    with pytest.raises(ServiceError, match=message):
        await api.call("create_authorizer", **given)
    assert (await api.call("get_authorizers"))["items"] == []


async def test_names_are_unique(api):
    await api.call("create_authorizer", **TOKEN)
    with pytest.raises(ServiceError, match="Authorizer who already exists in this RestApi"):
        await api.call("create_authorizer", **POOLS)


async def test_ten_authorizers_are_enough(api):
    for number in range(10):
        await api.call("create_authorizer", **{**TOKEN, "name": f"a{number}"})
    with pytest.raises(ServiceError, match="at most 10 authorizers"):
        await api.call("create_authorizer", **TOKEN)


METHODS = [
    pytest.param(TOKEN, {"authorization_type": "CUSTOM"}, None, id="CUSTOM with a function"),
    pytest.param(REQUEST, {"authorization_type": "CUSTOM"}, None, id="CUSTOM with a function of requests"),
    pytest.param(
        POOLS, {"authorization_type": "COGNITO_USER_POOLS", "authorization_scopes": ["a/b"]}, None, id="with scopes"
    ),
    pytest.param(JWT, {"authorization_type": "JWT"}, None, id="JWT"),
    pytest.param(POOLS, {"authorization_type": "CUSTOM"}, NO_AUTHORIZER, id="CUSTOM with pools"),
    pytest.param(TOKEN, {"authorization_type": "COGNITO_USER_POOLS"}, NO_AUTHORIZER, id="pools that are a function"),
    pytest.param(TOKEN, {"authorization_type": "JWT"}, NO_AUTHORIZER, id="JWT with a function"),
    pytest.param(
        TOKEN,
        {"authorization_type": "CUSTOM", "authorization_scopes": ["a"]},
        "Authorization scopes are not supported for the authorization type CUSTOM",
        id="scopes without tokens",
    ),
]


@pytest.mark.parametrize(("authorizer", "method", "message"), METHODS)
async def test_a_method_needs_an_authorizer_of_its_kind(authorizer, method, message, api):
    made = await api.call("create_authorizer", **authorizer)
    if message is not None:
        with pytest.raises(ServiceError, match=message):
            await api.call_method("put_method", authorizer_id=made["id"], **method)
        return
    put = await api.call_method("put_method", authorizer_id=made["id"], **method)
    assert (put["authorizationType"], put["authorizerId"]) == (method["authorization_type"], made["id"])
    with pytest.raises(ServiceError, match="is referenced in method: /GET") as refused:
        await api.call("delete_authorizer", authorizer_id=made["id"])
    assert refused.value.code == "ConflictException"


def patch(op, path, value=None):
    return {"op": op, "path": path, "value": value}


async def test_patches(api):
    made = await api.call("create_authorizer", **TOKEN)
    patches = [
        patch("replace", "/name", "other"),
        patch("replace", "/authorizerResultTtlInSeconds", "0"),
        patch("replace", "/identityValidationExpression", "^x-[a-z]+"),
        patch("replace", "/type", "REQUEST"),
        patch("replace", "/identityValidationExpression", ""),
    ]
    patched = await api.call("update_authorizer", authorizer_id=made["id"], patch_operations=patches)
    assert patched == {**made, "name": "other", "authorizerResultTtlInSeconds": 0, "type": "REQUEST"}


async def test_pools_are_added_and_removed_by_value(api):
    made = await api.call("create_authorizer", **POOLS)
    patches = [patch("add", "/providerARNs", f"{POOL}2"), patch("remove", "/providerARNs", POOL)]
    patched = await api.call("update_authorizer", authorizer_id=made["id"], patch_operations=patches)
    assert patched["providerARNs"] == [f"{POOL}2"]


NEW_ISSUERS = {
    "issuers": [
        {"issuer": "https://new.example.com", "audiences": ["a", "b"]},
        {
            **ISSUER,
            "additionalClaims": [
                {"claimName": "tenant", "format": "SINGLE_STRING", "required": True, "expectedValues": ["x"]}
            ],
        },
    ],
    "defaultAlgorithms": ["ES256"],
}
TIMES = '{"issuers":[],"defaultAlgorithms":["RS256"]}'
CONFIGURATIONS = [
    pytest.param(json.dumps(NEW_ISSUERS), None, id="a whole configuration"),
    pytest.param(None, "Invalid JWT configuration specified", id="nothing"),
    pytest.param("{", "Invalid JWT configuration specified", id="no JSON"),
    pytest.param("[" * 5000, "Invalid JWT configuration specified", id="too deep"),
    pytest.param("[]", "Invalid JWT configuration specified", id="no object"),
    pytest.param(TIMES, "A JWT configuration needs signing algorithms and unique issuers", id="no issuer"),
    pytest.param(
        json.dumps({**NEW_ISSUERS, "issuers": [{**ISSUER, "jwksUri": "https://x.example/keys"}]}),
        "Invalid JWT configuration specified: .*jwksUri",
        id="the keys are found, not set",
    ),
    pytest.param(
        json.dumps(
            {
                **NEW_ISSUERS,
                "issuers": [{**ISSUER, "additionalClaims": [{"claimName": "a", "format": "LIST"}]}],
            }
        ),
        "Invalid JWT configuration specified: .*format",
        id="claims of another form",
    ),
    pytest.param(
        json.dumps({**NEW_ISSUERS, "defaultAlgorithms": ["HS256"]}), "Invalid signing algorithm", id="a shared secret"
    ),
]


@pytest.mark.parametrize(("value", "message"), CONFIGURATIONS)
async def test_a_jwt_configuration_is_replaced_whole(value, message, api):
    made = await api.call("create_authorizer", **JWT)
    call = {"authorizer_id": made["id"], "patch_operations": [patch("replace", "/jwtConfiguration", value)]}
    if message is not None:
        with pytest.raises(ServiceError, match=message) as refused:
            await api.call("update_authorizer", **call)
        assert refused.value.code == "BadRequestException"
        return
    assert (await api.call("update_authorizer", **call))["jwtConfiguration"] == NEW_ISSUERS


@pytest.mark.parametrize("path", ["/jwtConfiguration/issuers", "/jwtConfiguration/defaultAlgorithms"])
async def test_no_part_of_a_jwt_configuration_is_patched(path, api):
    made = await api.call("create_authorizer", **JWT)
    with pytest.raises(ServiceError, match="Invalid patch path"):
        await api.call("update_authorizer", authorizer_id=made["id"], patch_operations=[patch("replace", path, "[]")])


async def test_scopes_are_added_and_removed_by_value(api):
    made = await api.call("create_authorizer", **JWT)
    await api.call_method(
        "put_method", authorization_type="JWT", authorizer_id=made["id"], authorization_scopes=["a/read"]
    )
    patches = [patch("add", "/authorizationScopes", "a/write"), patch("remove", "/authorizationScopes", "a/read")]
    assert (await api.call_method("update_method", patch_operations=patches))["authorizationScopes"] == ["a/write"]


async def test_the_type_of_an_authorizer_in_use_stays(api):
    made = await api.call("create_authorizer", **TOKEN)
    await api.call_method("put_method", authorization_type="CUSTOM", authorizer_id=made["id"])
    with pytest.raises(ServiceError, match="Cannot change the type of authorizer"):
        await api.call(
            "update_authorizer", authorizer_id=made["id"], patch_operations=[patch("replace", "/type", "REQUEST")]
        )


async def test_a_test_runs_the_authorizer_of_now(api, invoker):
    made = await api.call("create_authorizer", **TOKEN)
    answer = await api.call("test_invoke_authorizer", authorizer_id=made["id"], headers={"Authorization": "t"})
    assert answer == {
        "clientStatus": 200,
        "latency": 7,
        "log": "Execution log\n",
        "principalId": "me",
        "policy": "{}",
    }
    assert invoker.calls[0][1].name == "who"
    assert invoker.calls[0][2].headers == {"Authorization": "t"}


PASSED = [
    pytest.param("CreateAuthorizer", {"authorizerCredentials": ROLE}, id="create"),
    pytest.param(
        "UpdateAuthorizer",
        {"authorizerId": "a", "patchOperations": [patch("replace", "/authorizerCredentials", ROLE)]},
        id="update",
    ),
]


@pytest.mark.parametrize(("operation", "params"), PASSED)
def test_a_role_for_an_authorizer_must_be_passed(operation, params, context):
    checks = apigateway_access(operation, {"restApiId": "abc", **params}, context)
    keys = {"iam:PassedToService": ["apigateway.amazonaws.com"]}
    assert checks[1:] == [AccessCheck("iam:PassRole", ROLE, keys)]
