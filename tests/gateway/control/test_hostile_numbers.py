"""Numbers of any length, in patches and positions: refused as what they are."""

from __future__ import annotations

import base64

import pytest

from groundwatch.aws.errors import ServiceError

LONG = "9" * 5000
"""More digits than Python reads into a number."""
NUMBERS = [LONG, "9" * 30, "\u00b2", "\uff11\uff12", "1e999", "inf", "nan", "-1", "+ 5", "1_000", "0x10", "", "\0"]


async def refused(call, message: str) -> None:
    with pytest.raises(ServiceError) as caught:
        await call
    assert (caught.value.code, caught.value.status) == ("BadRequestException", 400)
    assert message in caught.value.message


@pytest.fixture
async def stage(api):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="s")
    return api


@pytest.mark.parametrize("value", NUMBERS)
async def test_settings_of_stages(stage, value):
    patch = {"op": "replace", "path": "/*/*/caching/ttlInSeconds", "value": value}
    call = stage.call("update_stage", stage_name="s", patch_operations=[patch])
    await refused(call, "Invalid time-to-live setting")


@pytest.fixture
async def plan(operations, context):
    return await operations.create_usage_plan(context, name="p", quota={"limit": 10, "period": "DAY", "offset": 0})


@pytest.mark.parametrize("value", NUMBERS)
async def test_what_remains_of_a_quota(operations, context, plan, value):
    key = await operations.create_api_key(context, name="k", enabled=True)
    await operations.create_usage_plan_key(context, usage_plan_id=plan["id"], key_id=key["id"], key_type="API_KEY")
    patch = {"op": "replace", "path": "/remaining", "value": value}
    call = operations.update_usage(context, usage_plan_id=plan["id"], key_id=key["id"], patch_operations=[patch])
    await refused(call, "/remaining")


POSITIONS = [f"{LONG}:x", f"{'9' * 30}:x", "-1:x", "1.5:x", "\u00b2:x", ":", "x"]


@pytest.mark.parametrize("position", POSITIONS)
async def test_positions(operations, context, position):
    coded = base64.urlsafe_b64encode(position.encode()).decode()
    await refused(operations.get_api_keys(context, position=coded), "position")
