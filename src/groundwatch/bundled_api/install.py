"""Makes the bundled API step by step; a step that was done before is passed over, so a crash does no harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Protocol

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError

NAME = "groundwatch-logs"
STAGE = "v1"
ROLE = "groundwatch-logs-api"
ACTIONS = ("logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents")


class BundledApi(msgspec.Struct, frozen=True):
    """Where the bundled API is, and the key that opens it."""

    api_id: str
    stage: str
    key: str


class Iam(Protocol):
    """The operations of IAM that the role needs."""

    async def create_role(
        self, context: RequestContext, *, role_name: str, assume_role_policy_document: str, description: str
    ) -> Mapping[str, Any]:
        """CreateRole."""

    async def put_role_policy(
        self, context: RequestContext, *, role_name: str, policy_name: str, policy_document: str
    ) -> None:
        """PutRolePolicy."""


class ControlPlane(Protocol):
    """The operations of API Gateway that a deployed API with a key needs."""

    async def import_rest_api(
        self, context: RequestContext, *, body: bytes, fail_on_warnings: bool
    ) -> Mapping[str, Any]:
        """ImportRestApi."""

    async def get_rest_apis(self, context: RequestContext, *, limit: int) -> Mapping[str, Any]:
        """GetRestApis."""

    async def get_stages(self, context: RequestContext, *, rest_api_id: str) -> Mapping[str, Any]:
        """GetStages."""

    async def create_deployment(
        self, context: RequestContext, *, rest_api_id: str, stage_name: str
    ) -> Mapping[str, Any]:
        """CreateDeployment."""

    async def create_api_key(self, context: RequestContext, *, name: str, enabled: bool) -> Mapping[str, Any]:
        """CreateApiKey."""

    async def get_api_keys(
        self, context: RequestContext, *, name_query: str, include_values: bool
    ) -> Mapping[str, Any]:
        """GetApiKeys."""

    async def create_usage_plan(
        self, context: RequestContext, *, name: str, api_stages: list[dict[str, Any]]
    ) -> Mapping[str, Any]:
        """CreateUsagePlan."""

    async def create_usage_plan_key(
        self, context: RequestContext, *, usage_plan_id: str, key_id: str, key_type: str
    ) -> Mapping[str, Any]:
        """CreateUsagePlanKey."""


async def install(iam: Iam, gateway: ControlPlane, context: RequestContext) -> None:
    """Make the role, import and deploy the definition, and make a key that a usage plan admits to the stage."""
    await _ensure_role(iam, context)
    api_id = await _find_api(gateway, context)
    if api_id is None:
        definition = files(__package__).joinpath("logs-api.yaml").read_bytes()
        api_id = (await gateway.import_rest_api(context, body=definition, fail_on_warnings=True))["id"]
    stages = (await gateway.get_stages(context, rest_api_id=api_id))["item"]
    if STAGE not in {stage["stageName"] for stage in stages}:
        await gateway.create_deployment(context, rest_api_id=api_id, stage_name=STAGE)
    if await _find_key(gateway, context) is None:
        plan = await gateway.create_usage_plan(context, name=NAME, api_stages=[{"apiId": api_id, "stage": STAGE}])
        key = await gateway.create_api_key(context, name=NAME, enabled=True)
        await gateway.create_usage_plan_key(context, usage_plan_id=plan["id"], key_id=key["id"], key_type="API_KEY")


async def find(gateway: ControlPlane, context: RequestContext) -> BundledApi | None:
    """Return the bundled API while it is there: its owner may have renamed or deleted it."""
    api_id = await _find_api(gateway, context)
    key = await _find_key(gateway, context)
    return None if api_id is None or key is None else BundledApi(api_id, STAGE, key)


async def _ensure_role(iam: Iam, context: RequestContext) -> None:
    trust = _policy(Principal={"Service": "apigateway.amazonaws.com"}, Action="sts:AssumeRole")
    try:
        await iam.create_role(
            context,
            role_name=ROLE,
            assume_role_policy_document=trust,
            description="Lets the bundled API read every log group of this account.",
        )
    except ServiceError as error:
        if error.code not in {"EntityAlreadyExists", "EntityAlreadyExistsException"}:
            raise
    policy = _policy(Action=list(ACTIONS), Resource=f"arn:aws:logs:*:{context.account_id}:log-group:*")
    await iam.put_role_policy(context, role_name=ROLE, policy_name="read-logs", policy_document=policy)


async def _find_api(gateway: ControlPlane, context: RequestContext) -> str | None:
    apis = (await gateway.get_rest_apis(context, limit=500))["items"]
    return next((api["id"] for api in apis if api["name"] == NAME), None)


async def _find_key(gateway: ControlPlane, context: RequestContext) -> str | None:
    keys = (await gateway.get_api_keys(context, name_query=NAME, include_values=True))["items"]
    return next((key["value"] for key in keys if key["name"] == NAME), None)


def _policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
