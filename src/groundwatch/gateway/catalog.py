"""What the runtime needs to know of the control plane: which snapshot answers on a stage, and which key may call it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from groundwatch.gateway.definition import ApiKey, Deployment, RestApi, Stage, UsagePlan


class Canary(msgspec.Struct, frozen=True):
    """The canary of a stage, as its requests see it."""

    stage: Stage
    """With the canary's own values of variables."""
    deployment: Deployment


class DeployedStage(msgspec.Struct, frozen=True):
    """A stage together with the deployment that it points to."""

    api: RestApi
    """The live API record: only `disable_execute_api_endpoint` and identity are read from it, else the snapshot."""
    stage: Stage
    deployment: Deployment
    canary: Canary | None = None


class Catalog(Protocol):
    """Read access for the runtime; implemented by the control plane's store.

    Answers reflect every change that the control plane acknowledged before the call.
    """

    async def find_stage(self, api_id: str, stage_name: str) -> DeployedStage | None:
        """Return the stage with its snapshot, or None when API or stage is unknown."""

    async def find_api_key(self, value: str, api_id: str, stage_name: str) -> ApiKey | None:
        """Return the enabled key with this value that a usage plan admits to the stage, or None.

        Values are compared in constant time. Keys belong to the account and region of the API.
        """

    async def find_usage_plan(self, key: ApiKey, api_id: str, stage_name: str) -> UsagePlan | None:
        """Return the usage plan by which an admitted key may call the stage; its keys and stages are left out."""
