"""The canary of a stage: how CreateDeployment, CreateStage and UpdateStage set it, and how it is promoted.

Behaviour and messages: answers recorded from the service, and "Set up an API Gateway canary release deployment" of the
developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.definition import CanarySettings, Stage

CANARY = "/canarySettings"
_OVERRIDE = f"{CANARY}/stageVariableOverrides/"
_COPIES: Mapping[str, str] = {
    "/deploymentId": f"{CANARY}/deploymentId",
    "/variables": f"{CANARY}/stageVariableOverrides",
}
"""What may be copied: path → from."""
_INVALID = "Invalid deployment content specified."


def canary_of(given: Mapping[str, Any], deployment_id: str) -> CanarySettings:
    """Return the canary that a request describes; without a deployment of its own it begins with `deployment_id`."""
    canary = CanarySettings(
        deployment_id=given.get("deploymentId") or deployment_id,
        percent_traffic=float(given.get("percentTraffic") or 0),
        stage_variable_overrides=dict(given.get("stageVariableOverrides") or {}),
        use_stage_cache=bool(given.get("useStageCache")),
    )
    _check_percent(canary.percent_traffic)
    return canary


def deployments_of(stage: Stage) -> set[str]:
    """Return the ids of the deployments that answer on a stage."""
    canary = stage.canary_settings
    return {stage.deployment_id} if canary is None else {stage.deployment_id, canary.deployment_id}


def check_release(stage_name: str | None, stage: Stage | None, *, canary: bool) -> None:
    """Raise when CreateDeployment cannot make this kind of release on a stage; `stage` is None where there is none."""
    if not canary:
        if stage is not None and stage.canary_settings is not None:
            raise bad_request(
                f"{_INVALID}Non canary deployment not supported on stage {stage_name} because Canary is enabled. "
                "Provide CanarySettings in deploymentInput."
            )
        return
    if not stage_name:
        provided = "null" if stage_name is None else stage_name
        raise bad_request(
            f"{_INVALID}Non null and non empty stageName must be provided for canary deployment. "
            f"Provided value is {provided}"
        )
    if stage is None:
        raise bad_request(
            f"{_INVALID}Stage {stage_name} must already be created before making a canary release deployment"
        )


def patch_canary(stage: Stage, operation: Mapping[str, Any]) -> Stage | None:
    """Return the stage after a patch operation on its canary, or None for an operation on something else."""
    op, path, value = operation.get("op"), str(operation.get("path")), operation.get("value")
    if op == "copy":
        return _promoted(stage, path, operation.get("from"))
    if path == CANARY and op == "remove":
        return replace(stage, canary_settings=None)
    if not path.startswith(f"{CANARY}/"):
        return None
    if op == "add":
        raise bad_request(f"Invalid add operation with path: {path}")
    known = stage.canary_settings or CanarySettings(deployment_id=stage.deployment_id)
    changed = None
    if op == "replace":
        changed = _changed(known, path, value)
    elif op == "remove":
        changed = _without(known, path)
    return None if changed is None else replace(stage, canary_settings=changed)


def _changed(canary: CanarySettings, path: str, value: str | None) -> CanarySettings | None:
    if path.startswith(_OVERRIDE):
        name = path.removeprefix(_OVERRIDE)
        overrides = {**canary.stage_variable_overrides, name: value or ""}
        return replace(canary, stage_variable_overrides=overrides)
    match path.removeprefix(f"{CANARY}/"):
        case "deploymentId":
            return replace(canary, deployment_id=value or "")
        case "percentTraffic":
            return replace(canary, percent_traffic=_percent(path, value))
        case "useStageCache":
            return replace(canary, use_stage_cache=(value or "").lower() == "true")
    return None


def _without(canary: CanarySettings, path: str) -> CanarySettings | None:
    name = path.removeprefix(_OVERRIDE)
    if name not in canary.stage_variable_overrides:
        return None
    kept = {key: held for key, held in canary.stage_variable_overrides.items() if key != name}
    return replace(canary, stage_variable_overrides=kept)


def _promoted(stage: Stage, path: str, source: str | None) -> Stage:
    if _COPIES.get(path) is None or _COPIES[path] != source:
        raise bad_request(
            f"Invalid copy operation with path: {path} and from {source}. "
            f"Valid copy:path are [{', '.join(_COPIES)}] and valid copy:from are [{', '.join(_COPIES.values())}]"
        )
    canary = stage.canary_settings
    if canary is None:
        raise bad_request("Promotion not available. Canary does not exist.")
    if path == "/deploymentId":
        return replace(stage, deployment_id=canary.deployment_id)
    # Recorded: variables that the canary does not override stay.
    return replace(stage, variables={**stage.variables, **canary.stage_variable_overrides})


def _percent(path: str, value: str | None) -> float:
    try:
        percent = float(value or "")
    except ValueError as error:
        raise bad_request(f"Invalid value '{value}' specified for '{path}'") from error
    _check_percent(percent)
    return percent


def _check_percent(percent: float) -> None:
    # Also refuses NaN, which compares with nothing.
    if not 0 <= percent <= 100:
        raise bad_request(f"Invalid canary percent traffic specified: {percent}. Must be between 0.0 and 100.0")
