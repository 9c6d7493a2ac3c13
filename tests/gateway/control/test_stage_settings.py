"""Method settings, the cache cluster and access logs of a stage, and the account setting that logging needs."""

from __future__ import annotations

import pytest
from tests.gateway.control.patches import patch
from tests.refusals import refusal

from groundwatch.gateway.operator_rules import OperatorRules

ROLE = "arn:aws:iam::111122223333:role/apigw-logs"
GROUP = "arn:aws:logs:us-east-1:111122223333:log-group:/gateway/access"
STREAM = "arn:aws:firehose:us-east-1:111122223333:deliverystream/amazon-apigateway-x"
BAD = "BadRequestException"
NO_ROLE = "CloudWatch Logs role ARN must be set in account settings to enable logging"
UNTRUSTED = (
    "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and add "
    "the required role policy."
)
TTL = "Invalid time-to-live setting, must be an integer no greater than 3600"
LOG_PATHS = "[/accessLogSettings/destinationArn, /accessLogSettings/format]"
DEFAULTS = {
    "metricsEnabled": False,
    "dataTraceEnabled": False,
    "throttlingBurstLimit": 5000,
    "throttlingRateLimit": 10000.0,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


@pytest.fixture
async def stage(api):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")

    async def update(*patches):
        return await api.call("update_stage", stage_name="prod", patch_operations=list(patches))

    return update


@pytest.fixture
async def role(operations, context):
    patches = [patch("/cloudwatchRoleArn", ROLE)]
    return await operations.update_account(context, patch_operations=patches)


@pytest.mark.parametrize(
    ("path", "value", "key", "expected"),
    [
        pytest.param("/*/*/metrics/enabled", "true", "*/*", {"metricsEnabled": True}, id="every-method"),
        pytest.param(
            "/~1pets/GET/caching/ttlInSeconds", "60", "pets/GET", {"cacheTtlInSeconds": 60}, id="escaped-path"
        ),
        pytest.param(
            "/pets/GET/caching/enabled", "true", "pets/GET", {"cachingEnabled": True}, id="as-terraform-writes"
        ),
        pytest.param("/~1a~1b/GET/caching/enabled", "true", "a/b/GET", {"cachingEnabled": True}, id="deeper-path"),
        pytest.param("/a/b/GET/caching/enabled", "true", "a/b/GET", {"cachingEnabled": True}, id="deeper-unescaped"),
        pytest.param("/~1/GET/metrics/enabled", "true", "/GET", {"metricsEnabled": True}, id="the-root"),
        pytest.param("/*/*/throttling/rateLimit", "12.5", "*/*", {"throttlingRateLimit": 12.5}, id="rate"),
        pytest.param("/*/*/throttling/burstLimit", "-1", "*/*", {"throttlingBurstLimit": -1}, id="burst-off"),
        pytest.param("/*/*/caching/dataEncrypted", "yes", "*/*", {}, id="only-true-is-true"),
        pytest.param(
            "/*/*/caching/unauthorizedCacheControlHeaderStrategy",
            "FAIL_WITH_403",
            "*/*",
            {"unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403"},
            id="strategy",
        ),
        pytest.param("/*/*/logging/loglevel", "OFF", "*/*", {"loggingLevel": "OFF"}, id="off-needs-no-role"),
    ],
)
async def test_a_setting_begins_with_the_defaults(stage, path, value, key, expected):
    assert (await stage(patch(path, value)))["methodSettings"] == {key: {**DEFAULTS, **expected}}


@pytest.mark.parametrize(
    ("patches", "key", "shown"),
    [
        pytest.param([patch("/*/*/metrics/enabled", "true")], "*/*", True, id="all"),
        pytest.param([patch("/pets/GET/metrics/enabled", "true")], "pets/GET", True, id="get"),
        pytest.param([patch("/pets/POST/metrics/enabled", "true")], "pets/POST", False, id="others"),
        pytest.param([patch("/pets/GET/caching/enabled", "false")], "pets/GET", False, id="switched-off"),
        pytest.param(
            [patch("/*/*/caching/enabled", "false"), patch("/pets/GET/metrics/enabled", "true")],
            "pets/GET",
            False,
            id="switched-off-for-all",
        ),
    ],
)
async def test_a_stage_with_a_cache_shows_what_is_cached(stage, patches, key, shown):
    answer = await stage(patch("/cacheClusterEnabled", "true"), *patches)
    assert answer["methodSettings"][key]["cachingEnabled"] is shown


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("/*/*/throttling/rateLimit", "fast", "Invalid value 'fast' specified for '/*/*/throttling/rateLimit'"),
        ("/*/*/throttling/rateLimit", "nan", "Invalid value 'nan' specified for '/*/*/throttling/rateLimit'"),
        ("/*/*/throttling/burstLimit", "1.5", "Invalid value '1.5' specified for '/*/*/throttling/burstLimit'"),
        ("/*/*/caching/ttlInSeconds", "3601", TTL),
        ("/*/*/logging/loglevel", "DEBUG", "Invalid logging level DEBUG. Valid levels are OFF, ERROR, INFO"),
        ("/*/*/logging/loglevel", "INFO", NO_ROLE),
        ("/*/*/logging/dataTrace", "true", NO_ROLE),
        ("/accessLogSettings/destinationArn", GROUP, NO_ROLE),
        ("/accessLogSettings/format", "", "Access Log value must not be empty"),
        (
            "/accessLogSettings/nope",
            "x",
            "Invalid accessLogSettings path. Must be one of : " + LOG_PATHS,
        ),
    ],
)
async def test_bad_settings(stage, path, value, message):
    assert await refusal(stage(patch(path, value))) == (BAD, message)


@pytest.mark.usefixtures("role")
@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        ("destinationArn", GROUP.replace("111122223333", "444455556666"), "of this account and region"),
        ("destinationArn", GROUP.replace("us-east-1", "eu-west-1"), "of this account and region"),
        ("destinationArn", STREAM, "this server has no endpoint for it (firehose_url)"),
        ("destinationArn", STREAM.replace("amazon-apigateway-", ""), "Invalid ARN"),
        ("destinationArn", STREAM.replace("111122223333", "444455556666"), "of this account and region"),
        ("format", "$context.status", "must contain at least $context.requestId"),
        ("format", "$context.requestIdentity", "must contain at least $context.requestId"),
        ("format", "$context.requestId\n$context.status", "a single line"),
        ("format", "$context.requestId $input.body", "only $context variables"),
        ("format", "$context.requestId" + "x" * 3000, "at most 3000 characters"),
    ],
)
async def test_bad_access_logs(stage, path, value, part):
    code, message = await refusal(stage(patch(f"/accessLogSettings/{path}", value)))
    assert code == BAD
    assert part in message


@pytest.mark.usefixtures("role")
async def test_a_stream_where_the_operator_has_an_endpoint(stage, operations):
    operations._operator = OperatorRules(firehose=True)
    members = {"destinationArn": STREAM, "format": "$context.requestId"}
    patches = [patch(f"/accessLogSettings/{name}", value) for name, value in members.items()]
    assert (await stage(*patches))["accessLogSettings"] == members


@pytest.mark.usefixtures("role")
async def test_access_logs_are_set_and_removed(stage):
    members = {"destinationArn": GROUP, "format": "$context.requestId $context.status"}
    patches = [patch(f"/accessLogSettings/{name}", value) for name, value in members.items()]
    assert (await stage(*patches))["accessLogSettings"] == members
    assert "accessLogSettings" not in await stage(patch("/accessLogSettings", op="remove"))


async def test_settings_are_removed(stage):
    await stage(patch("/*/*/metrics/enabled", "true"), patch("/pets/GET/metrics/enabled", "true"))
    assert list((await stage(patch("/*/*", op="remove")))["methodSettings"]) == ["pets/GET"]
    message = "Cannot remove method setting */* because there is no method setting for this method "
    assert await refusal(stage(patch("/*/*", op="remove"))) == (BAD, message)
    assert (await stage(patch("/~1pets/GET", op="remove")))["methodSettings"] == {}


async def test_the_cache_cluster(stage, api, caches):
    shown = await stage(patch("/cacheClusterEnabled", "true"))
    assert (shown["cacheClusterEnabled"], shown["cacheClusterStatus"], shown["cacheClusterSize"]) == (
        True,
        "AVAILABLE",
        "0.5",
    )
    assert (await refusal(stage(patch("/cacheClusterSize", "7"))))[0] == BAD
    await api.call("flush_stage_cache", stage_name="prod")
    await api.call("flush_stage_authorizers_cache", stage_name="prod")
    assert caches.flushed == [("data", api.id, "prod"), ("authorizers", api.id, "prod")]
    assert (await refusal(api.call("flush_stage_cache", stage_name="no")))[0] == "NotFoundException"


async def test_an_account(operations, context, stranger, role):
    assert role == {
        "cloudwatchRoleArn": ROLE,
        "throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0},
        "features": ["UsagePlans"],
        "apiKeyVersion": "4",
    }
    assert await operations.get_account(context) == role
    assert "cloudwatchRoleArn" not in await operations.get_account(stranger)
    assert "cloudwatchRoleArn" not in await operations.update_account(
        context, patch_operations=[patch("/cloudwatchRoleArn", "")]
    )


@pytest.mark.parametrize(
    ("arn", "code"),
    [("role", BAD), ("arn:aws:iam::444455556666:role/x", "AccessDeniedException")],
)
async def test_only_an_own_role_can_be_set(operations, context, arn, code):
    patches = [patch("/cloudwatchRoleArn", arn)]
    assert (await refusal(operations.update_account(context, patch_operations=patches)))[0] == code


async def test_a_role_for_logs_must_trust_the_gateway(operations, context, role):
    patches = [patch("/cloudwatchRoleArn", ROLE.replace("apigw-logs", "stranger"))]
    assert await refusal(operations.update_account(context, patch_operations=patches)) == (BAD, UNTRUSTED)
    assert await operations.get_account(context) == role
