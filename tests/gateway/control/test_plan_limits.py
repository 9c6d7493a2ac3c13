"""Throttles, quotas and usage of usage plans, and the import of API keys."""

from __future__ import annotations

import pytest
from tests.gateway.control.patches import patch
from tests.refusals import refusal

from groundwatch.gateway.definition import Quota
from groundwatch.gateway.usage_sql import UsageKey

BAD = "BadRequestException"
TODAY = "2023-11-14"


@pytest.fixture
async def stage(api):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    return f"{api.id}:prod"


@pytest.fixture
async def plan(operations, context, stage):
    api_id, name = stage.split(":")
    made = await operations.create_usage_plan(context, name="p", api_stages=[{"apiId": api_id, "stage": name}])

    async def update(*patches):
        return await operations.update_usage_plan(context, usage_plan_id=made["id"], patch_operations=list(patches))

    update.id = made["id"]
    return update


@pytest.fixture
async def key(operations, context, plan):
    made = await operations.create_api_key(context, name="k", enabled=True)
    await operations.create_usage_plan_key(context, usage_plan_id=plan.id, key_id=made["id"], key_type="API_KEY")
    return made["id"]


async def test_a_plan_is_created_with_its_limits(operations, context, stage):
    api_id, name = stage.split(":")
    throttle, quota = {"burstLimit": 5, "rateLimit": 2.5}, {"limit": 10, "offset": 1, "period": "WEEK"}
    stages = [{"apiId": api_id, "stage": name, "throttle": {"/pets/GET": throttle}}]
    made = await operations.create_usage_plan(context, name="p", api_stages=stages, throttle=throttle, quota=quota)
    assert made["throttle"] == throttle
    assert made["quota"] == quota
    assert made["apiStages"] == stages
    assert await operations.get_usage_plan(context, usage_plan_id=made["id"]) == {**made, "tags": {}}


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        ({"limit": 1, "period": "DAY", "offset": 1}, "Usage Plan quota offset must be zero in the DAY period"),
        (
            {"limit": 1, "period": "WEEK", "offset": 7},
            "Usage Plan quota offset must be between zero and six inclusive in the WEEK period",
        ),
        (
            {"limit": 1, "period": "MONTH", "offset": 28},
            "Usage Plan quota offset must be between zero and 27 inclusive in the MONTH period",
        ),
        ({"limit": 1}, "Usage Plan quota limit and period must be specified"),
        ({"limit": -1, "period": "DAY"}, "Usage Plan quota limit must be a positive number"),
    ],
)
async def test_quotas_that_cannot_be(operations, context, quota, message):
    assert await refusal(operations.create_usage_plan(context, name="p", quota=quota)) == (BAD, message)


async def test_limits_are_patched_and_removed(plan, stage):
    limit = f"/apiStages/{stage}/throttle/~1pets/GET"
    shown = await plan(
        patch("/throttle/rateLimit", "2.5"),
        patch("/throttle/burstLimit", "5", op="add"),
        patch("/quota/limit", "10"),
        patch("/quota/period", "MONTH"),
        patch("/quota/offset", "2"),
        patch("/productCode", "code"),
        patch(f"{limit}/rateLimit", "1"),
        patch(f"{limit}/burstLimit", "2"),
    )
    assert shown["throttle"] == {"burstLimit": 5, "rateLimit": 2.5}
    assert shown["quota"] == {"limit": 10, "offset": 2, "period": "MONTH"}
    assert shown["productCode"] == "code"
    assert shown["apiStages"][0]["throttle"] == {"/pets/GET": {"burstLimit": 2, "rateLimit": 1.0}}
    bare = await plan(patch("/throttle", op="remove"), patch("/quota", op="remove"), patch(limit, op="remove"))
    assert "throttle" not in bare
    assert "quota" not in bare
    assert "throttle" not in bare["apiStages"][0]


async def test_both_spellings_of_a_method_are_one(plan, stage):
    shown = await plan(
        patch(f"/apiStages/{stage}/throttle//pets/GET/rateLimit", "1"),
        patch(f"/apiStages/{stage}/throttle/~1pets~1GET/burstLimit", "2"),
    )
    assert list(shown["apiStages"][0]["throttle"]) == ["/pets/GET"]


async def test_a_stage_takes_its_limits_along(plan, stage):
    await plan(patch(f"/apiStages/{stage}/throttle/~1pets/GET/rateLimit", "1"))
    await plan(patch("/apiStages", stage, op="remove"))
    assert (await plan(patch("/apiStages", stage, op="add")))["apiStages"] == [
        {"apiId": stage.split(":")[0], "stage": "prod"}
    ]


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/throttle/rateLimit", "fast", BAD),
        ("/throttle/rateLimit", "-1", BAD),
        ("/throttle/other", "1", BAD),
        ("/quota/period", "YEAR", BAD),
        ("/quota/other", "1", BAD),
        ("/apiStages/none:prod/throttle/~1pets/GET/rateLimit", "1", "NotFoundException"),
    ],
)
async def test_bad_patches(plan, path, value, code):
    assert (await refusal(plan(patch(path, value))))[0] == code


class TestUsage:
    """GetUsage and UpdateUsage; today is 2023-11-14."""

    async def test_days_show_what_was_used_and_what_is_left(self, operations, context, plan, key, usage):
        await plan(patch("/quota/limit", "10"), patch("/quota/period", "MONTH"))
        for _ in range(3):
            await usage.spend(UsageKey(plan.id, key), Quota(10, "MONTH"))
        shown = await operations.get_usage(
            context, usage_plan_id=plan.id, start_date="2023-11-13", end_date="2023-11-15"
        )
        assert shown == {
            "usagePlanId": plan.id,
            "startDate": "2023-11-13",
            "endDate": "2023-11-15",
            "items": {key: [[0, 10], [3, 7], [0, 7]]},
        }

    async def test_what_is_left_can_be_set(self, operations, context, plan, key, usage):
        await plan(patch("/quota/limit", "1"), patch("/quota/period", "DAY"))
        await usage.spend(UsageKey(plan.id, key), Quota(1, "DAY"))
        shown = await operations.update_usage(
            context, usage_plan_id=plan.id, key_id=key, patch_operations=[patch("/remaining", "5")]
        )
        assert shown["items"] == {key: [[1, 5]]}

    async def test_a_deleted_key_leaves_no_usage(self, operations, context, plan, key, usage):
        await usage.spend(UsageKey(plan.id, key), None)
        await usage.flush()
        await operations.delete_api_key(context, api_key=key)
        assert await usage.days(plan.id, [key], 0, 99_999) == {}

    @pytest.mark.parametrize(
        ("start", "end"),
        [("x", TODAY), (TODAY, "2023-11-13"), ("2023-01-01", TODAY)],
        ids=["no-date", "order", "range"],
    )
    async def test_bad_dates(self, operations, context, plan, start, end):
        call = operations.get_usage(context, usage_plan_id=plan.id, start_date=start, end_date=end)
        assert (await refusal(call))[0] == BAD

    async def test_strangers_see_nothing(self, operations, stranger, plan):
        call = operations.get_usage(stranger, usage_plan_id=plan.id, start_date=TODAY, end_date=TODAY)
        assert await refusal(call) == ("NotFoundException", "Invalid Usage Plan ID specified")

    @pytest.mark.parametrize(
        "given",
        [patch("/remaining", "-1"), patch("/remaining", "x"), patch("/other", "1"), patch("/remaining", op="add")],
    )
    async def test_bad_extensions(self, operations, context, plan, key, given):
        await plan(patch("/quota/limit", "1"))
        call = operations.update_usage(context, usage_plan_id=plan.id, key_id=key, patch_operations=[given])
        assert (await refusal(call))[0] == BAD


class TestImport:
    """ImportApiKeys."""

    async def test_keys_of_a_file(self, operations, context, plan):
        body = (
            "Name,key,description,Enabled,usageplanIds\n"
            f'one,{"a" * 20},first,TRUE,"{plan.id}"\n'
            f"two,{'b' * 20},,false,nope\n"
            "three,short,,,\n"
        )
        answer = await operations.import_api_keys(context, body=body.encode(), format="csv")
        assert len(answer["ids"]) == 2
        assert len(answer["warnings"]) == 2
        one, two = [await operations.get_api_key(context, api_key=found) for found in answer["ids"]]
        assert (one["name"], one["enabled"], one["description"]) == ("one", True, "first")
        assert (two["name"], two["enabled"]) == ("two", False)
        members = await operations.get_usage_plan_keys(context, usage_plan_id=plan.id)
        assert [member["name"] for member in members["items"]] == ["one"]

    async def test_with_fail_on_warnings_nothing_stays(self, operations, context):
        body = f"name,key\none,{'a' * 20}\ntwo,short\n".encode()
        call = operations.import_api_keys(context, body=body, format="csv", fail_on_warnings=True)
        assert (await refusal(call))[0] == BAD
        assert (await operations.get_api_keys(context))["items"] == []

    async def test_columns_in_any_order_and_case_and_quotes_of_both_kinds(self, operations, context, plan):
        second = (await operations.create_usage_plan(context, name="q"))["id"]
        body = f"""Enabled,colour,KEY,UsageplanIds,Name
true,red,{"a" * 20},"{plan.id},{second}",one
TRUE,,{"b" * 20}, '{plan.id},{second}' ,two
,,{"c" * 20},,three
"""
        answer = await operations.import_api_keys(context, body=body.replace("\n", "\r\n").encode(), format="csv")
        assert answer["warnings"] == []
        for plan_id in (plan.id, second):
            members = await operations.get_usage_plan_keys(context, usage_plan_id=plan_id)
            assert {member["name"] for member in members["items"]} == {"one", "two"}
        keys = await operations.get_api_keys(context)
        assert {key["name"]: key["enabled"] for key in keys["items"]} == {"one": True, "two": True, "three": True}

    async def test_a_known_value_is_the_same_key(self, operations, context, stranger, plan, clock):
        value = "a" * 20
        made = await operations.create_api_key(context, name="old", value=value, customer_id="c", tags={"t": "1"})
        await operations.create_usage_plan_key(context, usage_plan_id=plan.id, key_id=made["id"], key_type="API_KEY")
        clock.now_ms += 5000
        file = {"body": f"name,key,enabled\nnew,{value},true\n".encode(), "format": "csv"}
        assert await operations.import_api_keys(context, **file) == {"ids": [made["id"]], "warnings": []}
        found = await operations.get_api_key(context, api_key=made["id"])
        assert (found["name"], found["enabled"], found["customerId"], found["tags"]) == ("new", True, "c", {"t": "1"})
        assert (found["lastUpdatedDate"] - found["createdDate"]) == 5
        assert len((await operations.get_usage_plan_keys(context, usage_plan_id=plan.id))["items"]) == 1
        elsewhere = await operations.import_api_keys(stranger, **file)
        assert elsewhere["ids"] != [made["id"]]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"name\none\n",
            b"name,key,Name\n",
            b"name,key\none\n",
            b"name,key\n1,2,3\n",
            b"\xff\xfe",
            b'name,key\n"x',
        ],
        ids=["empty", "no-key-column", "repeated-column", "too-few", "too-many", "not-utf-8", "open-quote"],
    )
    async def test_bad_files(self, operations, context, body):
        assert (await refusal(operations.import_api_keys(context, body=body, format="csv")))[0] == BAD


async def test_usage_comes_in_pages_of_keys(operations, context, usage, plan, key):
    other = (await operations.create_api_key(context, name="k2"))["id"]
    await operations.create_usage_plan_key(context, usage_plan_id=plan.id, key_id=other, key_type="API_KEY")
    for held in (key, other, other):
        await usage.spend(UsageKey(plan.id, held), None)
    seen, position = {}, None
    for _ in range(2):
        page = await operations.get_usage(
            context, usage_plan_id=plan.id, start_date=TODAY, end_date=TODAY, limit=1, position=position
        )
        assert len(page["items"]) == 1
        seen |= page["items"]
        position = page.get("position")
    assert position is None
    assert seen == {key: [[1, 0]], other: [[2, 0]]}


async def test_plans_of_a_key_and_keys_of_a_customer(operations, context, plan, key):
    await operations.create_usage_plan(context, name="empty")
    assert [held["id"] for held in (await operations.get_usage_plans(context, key_id=key))["items"]] == [plan.id]
    assert (await operations.get_usage_plans(context, key_id="nope"))["items"] == []
    theirs = await operations.create_api_key(context, name="c", customer_id="c1")
    found = await operations.get_api_keys(context, customer_id="c1")
    assert [held["id"] for held in found["items"]] == [theirs["id"]]
