"""The canary of a stage: made, changed, promoted and refused as recorded from the service in May 2025."""

from __future__ import annotations

import pytest
from tests.refusals import refusal

BAD = "BadRequestException"
INVALID = "Invalid deployment content specified."
COPIES = (
    "Valid copy:path are [/deploymentId, /variables] and valid copy:from are "
    "[/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
)
DEPLOYMENT, VARIABLES = "/canarySettings/deploymentId", "/canarySettings/stageVariableOverrides"
PERCENT = "/canarySettings/percentTraffic"


def patch(op, path, value=None, source=None):
    given = {"op": op, "path": path, "value": value, "from": source}
    return {name: held for name, held in given.items() if held is not None}


def copy(path, source):
    return patch("copy", path, source=source)


class Stage:
    """A stage `dev` with the variable `a`, and a second deployment beside its own."""

    def __init__(self, api, first, second):
        self.api, self.first, self.second = api, first, second

    async def update(self, *patches):
        return await self.api.call("update_stage", stage_name="dev", patch_operations=list(patches))

    async def get(self):
        return await self.api.call("get_stage", stage_name="dev")

    async def release(self, canary, **members):
        return (await self.api.call("create_deployment", canary_settings=canary, **members))["id"]


@pytest.fixture
async def stage(api):
    await api.put_mock_method()
    first = await api.call("create_deployment", stage_name="dev", variables={"a": "1", "b": "2"})
    second = await api.call("create_deployment")
    return Stage(api, first["id"], second["id"])


async def test_a_canary_release_leaves_the_stage_where_it_is(stage):
    made = await stage.release({"percentTraffic": 50.0, "stageVariableOverrides": {"a": "c"}}, stage_name="dev")
    shown = await stage.get()
    assert shown["deploymentId"] == stage.first
    assert shown["canarySettings"] == {
        "deploymentId": made,
        "percentTraffic": 50.0,
        "stageVariableOverrides": {"a": "c"},
        "useStageCache": False,
    }


async def test_a_stage_is_created_with_a_canary(stage):
    canary = {"deploymentId": stage.second, "percentTraffic": 5, "useStageCache": True}
    made = await stage.api.call("create_stage", stage_name="other", deployment_id=stage.first, canary_settings=canary)
    assert made["canarySettings"] == canary
    without = await stage.api.call("create_stage", stage_name="third", deployment_id=stage.first, canary_settings={})
    assert without["canarySettings"] == {"deploymentId": stage.first, "percentTraffic": 0.0, "useStageCache": False}


@pytest.mark.parametrize(
    ("patches", "expected"),
    [
        pytest.param([patch("replace", PERCENT, "50")], {"percentTraffic": 50.0}, id="a-percentage-makes-a-canary"),
        pytest.param([patch("replace", DEPLOYMENT, "SECOND")], {"deploymentId": "SECOND"}, id="so-does-a-deployment"),
        pytest.param([patch("replace", "/canarySettings/useStageCache", "true")], {"useStageCache": True}, id="cache"),
        pytest.param(
            [patch("replace", f"{VARIABLES}/x", "1"), patch("replace", f"{VARIABLES}/y", "2")],
            {"stageVariableOverrides": {"x": "1", "y": "2"}},
            id="overrides",
        ),
        pytest.param(
            [patch("replace", f"{VARIABLES}/x", "1"), patch("remove", f"{VARIABLES}/x")], {}, id="override-removed"
        ),
    ],
)
async def test_patches(stage, patches, expected):
    def named(value):
        return stage.second if value == "SECOND" else value

    shown = await stage.update(*({name: named(held) for name, held in each.items()} for each in patches))
    defaults = {"deploymentId": stage.first, "percentTraffic": 0.0, "useStageCache": False}
    assert shown["canarySettings"] == defaults | {name: named(value) for name, value in expected.items()}
    assert shown["deploymentId"] == stage.first


async def test_promotion_merges_the_variables_and_removal_ends_it(stage):
    made = await stage.release({"percentTraffic": 50, "stageVariableOverrides": {"a": "c"}}, stage_name="dev")
    shown = await stage.update(
        patch("replace", PERCENT, "0.0"), copy("/deploymentId", DEPLOYMENT), copy("/variables", VARIABLES)
    )
    assert (shown["deploymentId"], shown["variables"]) == (made, {"a": "c", "b": "2"})
    assert shown["canarySettings"]["percentTraffic"] == 0.0
    assert "canarySettings" not in await stage.update(patch("remove", "/canarySettings"))


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        pytest.param(
            copy(VARIABLES, "/variables"),
            f"Invalid copy operation with path: {VARIABLES} and from /variables. {COPIES}",
            id="copy-the-wrong-way",
        ),
        pytest.param(
            copy("/variables", DEPLOYMENT),
            f"Invalid copy operation with path: /variables and from {DEPLOYMENT}. {COPIES}",
            id="copy-something-else",
        ),
        pytest.param(copy("/deploymentId", DEPLOYMENT), "Promotion not available. Canary does not exist.", id="none"),
        pytest.param(
            patch("add", DEPLOYMENT, "x"), f"Invalid add operation with path: {DEPLOYMENT}", id="add-is-not-replace"
        ),
        pytest.param(patch("replace", DEPLOYMENT, "nope"), "Deployment id does not exist", id="unknown-deployment"),
        pytest.param(
            patch("remove", VARIABLES),
            "Cannot remove method setting canarySettings/stageVariableOverrides because there is no method setting "
            "for this method ",
            id="all-overrides-at-once",
        ),
        pytest.param(
            patch("remove", "/canarySettings/badPath"),
            "Cannot remove method setting canarySettings/badPath because there is no method setting for this method ",
            id="bad-path-removed",
        ),
        pytest.param(
            patch("replace", PERCENT, "100.5"),
            "Invalid canary percent traffic specified: 100.5. Must be between 0.0 and 100.0",
            id="more-than-all",
        ),
        pytest.param(
            patch("replace", PERCENT, "nan"),
            "Invalid canary percent traffic specified: nan. Must be between 0.0 and 100.0",
            id="no-number",
        ),
        pytest.param(patch("replace", PERCENT, "x"), f"Invalid value 'x' specified for '{PERCENT}'", id="a-word"),
    ],
)
async def test_refused_patches(stage, operation, message):
    assert await refusal(stage.update(operation)) == (BAD, message)


@pytest.mark.parametrize("path", ["/canarySettings/badPath", "/canarySettings"])
async def test_unknown_paths(stage, path):
    code, message = await refusal(stage.update(patch("replace", path, "x")))
    assert (code, message.partition(". ")[0]) == (BAD, f"Invalid method setting path: {path}")


@pytest.mark.parametrize(
    ("stage_name", "message"),
    [
        (
            None,
            "Non null and non empty stageName must be provided for canary deployment. Provided value is null",
        ),
        ("gone", "Stage gone must already be created before making a canary release deployment"),
    ],
)
async def test_a_canary_needs_a_stage(stage, stage_name, message):
    call = stage.release({"percentTraffic": 1}, stage_name=stage_name)
    assert await refusal(call) == (BAD, INVALID + message)


async def test_a_stage_with_a_canary_takes_no_other_release(stage):
    await stage.release({"percentTraffic": 1}, stage_name="dev")
    message = (
        "Non canary deployment not supported on stage dev because Canary is enabled. "
        "Provide CanarySettings in deploymentInput."
    )
    assert await refusal(stage.release(None, stage_name="dev")) == (BAD, INVALID + message)


async def test_the_deployment_of_a_canary_is_in_use(stage):
    await stage.update(patch("replace", DEPLOYMENT, stage.second))
    message = "Active stages pointing to this deployment must be moved or deleted"
    assert await refusal(stage.api.call("delete_deployment", deployment_id=stage.second)) == (BAD, message)


async def test_overrides_are_checked_like_variables(stage):
    code, message = await refusal(stage.update(patch("replace", f"{VARIABLES}/x", "no!")))
    assert code == BAD
    assert message.startswith("Invalid stage variable value: no!.  Please use values")


async def test_the_runtime_sees_every_change(stage, store):
    assert (await store.find_stage(stage.api.id, "dev")).canary is None
    await stage.update(patch("replace", DEPLOYMENT, stage.second), patch("replace", f"{VARIABLES}/a", "c"))
    found = (await store.find_stage(stage.api.id, "dev")).canary
    assert (found.deployment.id, found.stage.variables) == (stage.second, {"a": "c", "b": "2"})
    await stage.update(patch("replace", PERCENT, "10"))
    again = (await store.find_stage(stage.api.id, "dev")).canary
    assert again.deployment is found.deployment
    await stage.update(patch("remove", "/canarySettings"))
    assert (await store.find_stage(stage.api.id, "dev")).canary is None
