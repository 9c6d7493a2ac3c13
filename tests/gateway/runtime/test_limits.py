"""Throttles and quotas at the gateway port, in their order."""

from __future__ import annotations

import pytest

from groundwatch.gateway.definition import ApiKey, MethodSetting, Quota, Throttle, UsagePlan
from groundwatch.gateway.usage_sql import UsageKey

VALUE = "k" * 20
HEADERS = {"x-api-key": VALUE}
STAGE = "abcdef1234:v1"
THROTTLED = (429, '{"message":"Too Many Requests"}', "TooManyRequestsException")
EXHAUSTED = (429, '{"message":"Limit Exceeded"}', "LimitExceededException")


@pytest.fixture
def gateway(make_gateway, mock):
    made = make_gateway({"/": mock(), "/pets": mock("/pets", api_key_required=True)})
    made.catalog.keys[VALUE] = ApiKey("key1", VALUE, "k", "123456789012", "eu-west-1", 0, 0, enabled=True)
    return made


def plan(**changes):
    return UsagePlan("plan1", "p", "123456789012", "eu-west-1", **changes)


async def statuses(gateway, path, times, **options):
    return [(await gateway.request(path, headers=HEADERS, **options)).status for _ in range(times)]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        pytest.param({"throttle": Throttle(burst_limit=2, rate_limit=1)}, [200, 200, 429], id="of-the-key"),
        pytest.param({"throttle": Throttle(burst_limit=1)}, [200, 429, 429], id="without-a-rate-the-clock-stands"),
        pytest.param(
            {"method_throttles": {STAGE: {"/pets/GET": Throttle(1, 1)}}}, [200, 429, 429], id="of-the-key's-method"
        ),
        pytest.param(
            {"method_throttles": {STAGE: {"/cats/GET": Throttle(1, 1)}}}, [200, 200, 200], id="of-another-method"
        ),
        pytest.param({"quota": Quota(2, "DAY")}, [200, 200, 429], id="quota"),
        pytest.param({}, [200, 200, 200], id="none"),
    ],
)
async def test_a_plan_limits_its_keys(gateway, limits, expected):
    gateway.catalog.plans["key1"] = plan(**limits)
    assert await statuses(gateway, "/pets", 3) == expected
    assert await statuses(gateway, "/", 3) == [200, 200, 200]


async def test_answers(gateway):
    gateway.catalog.plans["key1"] = plan(throttle=Throttle(0, 0))
    answer = await gateway.request("/pets", headers=HEADERS)
    assert (answer.status, answer.body, answer.headers["x-amzn-errortype"]) == THROTTLED
    assert "Key throttle limit exceeded for Usage Plan ID plan1" in gateway.entries[-1].error_reason
    assert VALUE not in gateway.entries[-1].error_reason
    gateway.catalog.plans["key1"] = plan(quota=Quota(0, "DAY"))
    answer = await gateway.request("/pets", headers=HEADERS)
    assert (answer.status, answer.body, answer.headers["x-amzn-errortype"]) == EXHAUSTED


async def test_time_fills_the_bucket(gateway):
    gateway.catalog.plans["key1"] = plan(throttle=Throttle(burst_limit=1, rate_limit=2))
    assert await statuses(gateway, "/pets", 2) == [200, 429]
    gateway.clock.now_ms += 500
    assert await statuses(gateway, "/pets", 2) == [200, 429]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"*/*": MethodSetting(throttling_burst_limit=1, throttling_rate_limit=1)}, [200, 429]),
        ({"pets/GET": MethodSetting(throttling_burst_limit=1, throttling_rate_limit=1)}, [200, 429]),
        ({"cats/GET": MethodSetting(throttling_burst_limit=1, throttling_rate_limit=1)}, [200, 200]),
        ({"*/*": MethodSetting(throttling_burst_limit=-1, throttling_rate_limit=-1)}, [200, 200]),
        (
            {
                "*/*": MethodSetting(throttling_burst_limit=1, throttling_rate_limit=1),
                "pets/GET": MethodSetting(),
            },
            [200, 200],
        ),
    ],
    ids=["every-method", "this-method", "another-method", "off", "own-before-every"],
)
async def test_a_stage_limits_its_methods(gateway, settings, expected):
    gateway.catalog.set_stage(method_settings=settings)
    assert await statuses(gateway, "/pets", 2) == expected


async def test_each_method_has_its_own_bucket(gateway):
    gateway.catalog.set_stage(method_settings={"*/*": MethodSetting(throttling_burst_limit=1, throttling_rate_limit=0)})
    assert await statuses(gateway, "/pets", 2) == [200, 429]
    assert await statuses(gateway, "/", 2) == [200, 429]


async def test_throttled_requests_do_not_use_up_the_quota(gateway):
    gateway.catalog.plans["key1"] = plan(quota=Quota(5, "DAY"), throttle=Throttle(1, 0))
    await statuses(gateway, "/pets", 3)
    assert gateway.usage.spent[UsageKey("plan1", "key1")] == 1


async def test_methods_without_a_key_do_not_count(gateway):
    gateway.catalog.plans["key1"] = plan(quota=Quota(1, "DAY"))
    assert await statuses(gateway, "/", 2) == [200, 200]
    assert not gateway.usage.spent


async def test_an_account_has_a_limit(gateway):
    found = [status for status in await statuses(gateway, "/", 5002) if status != 200]
    assert found == [429, 429]


async def test_a_changed_limit_holds_for_the_next_request(gateway):
    gateway.catalog.plans["key1"] = plan(throttle=Throttle(burst_limit=10, rate_limit=10))
    assert await statuses(gateway, "/pets", 2) == [200, 200]
    gateway.catalog.plans["key1"] = plan(throttle=Throttle(burst_limit=0, rate_limit=0))
    assert await statuses(gateway, "/pets", 1) == [429]
    del gateway.catalog.plans["key1"]
    assert await statuses(gateway, "/pets", 1) == [200]
