"""Operations on deployments and stages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control import patch_tables, render, tree
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.canaries import canary_of, check_release, deployments_of
from groundwatch.gateway.control.errors import bad_request, conflict, limit_exceeded, not_found, require
from groundwatch.gateway.control.ids import SHORT, fresh_id
from groundwatch.gateway.control.paging import page_of
from groundwatch.gateway.control.patch import Operations, apply_patch
from groundwatch.gateway.control.stage_patches import LoggingRules, check_stage
from groundwatch.gateway.control.tag_rules import with_tags
from groundwatch.gateway.definition import RestApi, Stage
from groundwatch.gateway.store import DeploymentInfo, Releases

_STAGE_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
# The documentation has no blank, but the service's message names it and takes it.
_VARIABLE_VALUE = re.compile(r"[A-Za-z0-9\-._~:/?#&=, ]{1,512}")
MAX_VARIABLES = 100
MAX_STAGES = 10


class ReleaseOperations(ControlPlane):
    """Deployments and stages."""

    # --- deployments ---

    async def create_deployment(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        stage_name: str | None = None,
        stage_description: str | None = None,
        description: str | None = None,
        cache_cluster_enabled: bool | None = None,
        cache_cluster_size: str | None = None,
        variables: Mapping[str, str] | None = None,
        canary_settings: Mapping[str, Any] | None = None,
        tracing_enabled: bool | None = None,
    ) -> dict[str, Any]:
        """Freeze the API as it is; with `stage_name` also create that stage, or point it or its canary here."""
        _refuse_features(tracingEnabled=tracing_enabled)
        now_ms = self._clock_ms()

        def edit(releases: Releases) -> Releases:
            _check_deployable(releases.api)
            is_canary = canary_settings is not None
            check_release(stage_name, releases.stages.get(stage_name or ""), canary=is_canary)
            info = DeploymentInfo(fresh_id(self._ids, SHORT, releases.deployments), now_ms, description)
            deployed = replace(releases, deployments={**releases.deployments, info.id: info})
            if not stage_name:
                return deployed
            known = releases.stages.get(stage_name) or Stage(stage_name, info.id, now_ms, now_ms)
            stage = replace(
                known,
                deployment_id=known.deployment_id if is_canary else info.id,
                canary_settings=None if canary_settings is None else canary_of(canary_settings, info.id),
                updated_ms=now_ms,
                description=stage_description or known.description,
                variables=dict(variables) if variables is not None else known.variables,
                cache_cluster_enabled=known.cache_cluster_enabled
                if cache_cluster_enabled is None
                else cache_cluster_enabled,
                cache_cluster_size=cache_cluster_size or known.cache_cluster_size,
            )
            return _with_stage(deployed, stage)

        releases = await self._store.update_releases(place_of(context), rest_api_id, edit)
        return render.deployment(list(releases.deployments.values())[-1])

    async def get_deployment(
        self, context: RequestContext, *, rest_api_id: str, deployment_id: str, embed: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return a deployment; `embed=apisummary` adds the methods of its snapshot."""
        place = place_of(context)
        if not embed:
            return render.deployment(_deployment_of(await self._store.get_releases(place, rest_api_id), deployment_id))
        if list(embed) != ["apisummary"]:
            raise bad_request(f"Invalid embed specified: {', '.join(embed)}")
        found = await self._store.get_deployment(place, rest_api_id, deployment_id)
        if found is None:
            raise not_found("Invalid Deployment identifier specified")
        info = DeploymentInfo(found.id, found.created_ms, found.description)
        return {**render.deployment(info), "apiSummary": render.api_summary(found.api)}

    async def get_deployments(
        self, context: RequestContext, *, rest_api_id: str, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the deployments of an API in order of their ids."""
        releases = await self._store.get_releases(place_of(context), rest_api_id)
        infos = releases.deployments.values()
        return page_of(infos, position, limit, render=render.deployment)

    async def update_deployment(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        deployment_id: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch the description of a deployment; its snapshot never changes."""

        def edit(releases: Releases) -> Releases:
            info = _deployment_of(releases, deployment_id)
            patched = apply_patch(patch_tables.DEPLOYMENT, info, patch_operations)
            return replace(releases, deployments={**releases.deployments, info.id: patched})

        releases = await self._store.update_releases(place_of(context), rest_api_id, edit)
        return render.deployment(releases.deployments[deployment_id])

    async def delete_deployment(self, context: RequestContext, *, rest_api_id: str, deployment_id: str) -> None:
        """Remove a deployment that no stage points to."""

        def edit(releases: Releases) -> Releases:
            _deployment_of(releases, deployment_id)
            if any(deployment_id in deployments_of(stage) for stage in releases.stages.values()):
                raise bad_request("Active stages pointing to this deployment must be moved or deleted")
            return replace(releases, deployments=tree.without(releases.deployments, deployment_id))

        await self._store.update_releases(place_of(context), rest_api_id, edit)

    # --- stages ---

    async def create_stage(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        stage_name: str,
        deployment_id: str,
        description: str | None = None,
        cache_cluster_enabled: bool | None = None,
        cache_cluster_size: str | None = None,
        variables: Mapping[str, str] | None = None,
        documentation_version: str | None = None,
        canary_settings: Mapping[str, Any] | None = None,
        tracing_enabled: bool | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Make a deployment reachable under a name."""
        _refuse_features(tracingEnabled=tracing_enabled)
        await self._require_documentation(context, rest_api_id, documentation_version)
        now_ms = self._clock_ms()
        stage = Stage(
            name=stage_name,
            deployment_id=deployment_id,
            created_ms=now_ms,
            updated_ms=now_ms,
            description=description,
            variables=dict(variables or {}),
            tags=with_tags({}, tags),
            cache_cluster_enabled=bool(cache_cluster_enabled),
            cache_cluster_size=cache_cluster_size,
            canary_settings=None if canary_settings is None else canary_of(canary_settings, deployment_id),
            documentation_version=documentation_version or None,
        )

        def edit(releases: Releases) -> Releases:
            if stage_name in releases.stages:
                raise conflict("Stage already exists")
            return _with_stage(releases, stage)

        releases = await self._store.update_releases(place_of(context), rest_api_id, edit)
        return render.stage(releases.stages[stage_name])

    async def get_stage(self, context: RequestContext, *, rest_api_id: str, stage_name: str) -> dict[str, Any]:
        """Return a stage."""
        return render.stage(stage_of(await self._store.get_releases(place_of(context), rest_api_id), stage_name))

    async def get_stages(
        self, context: RequestContext, *, rest_api_id: str, deployment_id: str | None = None
    ) -> dict[str, Any]:
        """List the stages of an API, or those of one deployment."""
        releases = await self._store.get_releases(place_of(context), rest_api_id)
        shown = (stage for stage in releases.stages.values() if deployment_id in (None, stage.deployment_id))
        return {"item": [render.stage(stage) for stage in shown]}

    async def update_stage(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        stage_name: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Patch a stage; live at once."""
        now_ms = self._clock_ms()
        account = await self._store.get_account(place_of(context))
        logging = LoggingRules(account.cloudwatch_role_arn, self._operator.firehose)
        for operation in patch_operations or ():
            if operation.get("path") == "/documentationVersion":
                await self._require_documentation(context, rest_api_id, operation.get("value"))
            if operation.get("path") == "/clientCertificateId" and operation.get("value"):
                await self._store.connections.certificates.get(place_of(context), str(operation["value"]))

        def edit(releases: Releases) -> Releases:
            patched = apply_patch(patch_tables.STAGE, stage_of(releases, stage_name), patch_operations)
            return _with_stage(releases, replace(patched, updated_ms=now_ms), logging)

        releases = await self._store.update_releases(place_of(context), rest_api_id, edit)
        return render.stage(releases.stages[stage_name])

    async def delete_stage(self, context: RequestContext, *, rest_api_id: str, stage_name: str) -> None:
        """Remove a stage; its deployment stays."""

        def edit(releases: Releases) -> Releases:
            stage_of(releases, stage_name)
            return replace(releases, stages=tree.without(releases.stages, stage_name))

        await self._store.update_releases(place_of(context), rest_api_id, edit)
        self._caches.flush_data(rest_api_id, stage_name)

    async def flush_stage_cache(self, context: RequestContext, *, rest_api_id: str, stage_name: str) -> None:
        """Forget the cached responses of a stage."""
        stage_of(await self._store.get_releases(place_of(context), rest_api_id), stage_name)
        self._caches.flush_data(rest_api_id, stage_name)

    async def flush_stage_authorizers_cache(
        self, context: RequestContext, *, rest_api_id: str, stage_name: str
    ) -> None:
        """Forget the results of authorizers that are kept for a stage."""
        stage_of(await self._store.get_releases(place_of(context), rest_api_id), stage_name)
        self._caches.flush_authorizers(rest_api_id, stage_name)

    async def _require_documentation(self, context: RequestContext, api_id: str, version: str | None) -> None:
        place = place_of(context)
        if version and await self._store.documentation.get_version(place, api_id, version) is None:
            raise bad_request("Invalid Documentation version specified")


def _check_deployable(api: RestApi) -> None:
    methods = [method for resource in api.resources.values() for method in resource.methods.values()]
    if not methods:
        raise bad_request("The REST API doesn't contain any methods")
    if any(method.integration is None for method in methods):
        raise bad_request("No integration defined for method")


def _with_stage(releases: Releases, stage: Stage, logging: LoggingRules = LoggingRules()) -> Releases:  # noqa: B008 - frozen
    if not _STAGE_NAME.fullmatch(stage.name):
        raise bad_request("Stage name only allows a-zA-Z0-9_-")
    if stage.name not in releases.stages and len(releases.stages) >= MAX_STAGES:
        raise limit_exceeded("Maximum number of Stages for this API has been reached.")
    if not deployments_of(stage) <= releases.deployments.keys():
        raise bad_request("Deployment id does not exist")
    _check_variables(stage.variables)
    if stage.canary_settings is not None:
        _check_variables(stage.canary_settings.stage_variable_overrides)
    api = releases.api
    stage = check_stage(
        releases.stages.get(stage.name),
        stage,
        account_id=api.account_id,
        region=api.region,
        logging=logging,
    )
    return replace(releases, stages={**releases.stages, stage.name: stage})


def _check_variables(variables: Mapping[str, str]) -> None:
    if len(variables) > MAX_VARIABLES:
        raise bad_request(f"A stage can have at most {MAX_VARIABLES} stage variables")
    for name, value in variables.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise bad_request(f"Invalid stage variable name: {name}.  Please use names with only word characters.")
        if not _VARIABLE_VALUE.fullmatch(value):
            message = (
                f"Invalid stage variable value: {value}.  Please use values with alphanumeric characters and the "
                "symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )
            raise bad_request(message)


def _deployment_of(releases: Releases, deployment_id: str) -> DeploymentInfo:
    return require(releases.deployments.get(deployment_id), "Invalid Deployment identifier specified")


def stage_of(releases: Releases, stage_name: str) -> Stage:
    """Return a stage; raises NotFoundException."""
    return require(releases.stages.get(stage_name), "Invalid stage identifier specified")


def _refuse_features(**wanted: bool | None) -> None:
    # Terraform always sends these as false, so only a true one is refused.
    for name, value in wanted.items():
        if value:
            raise NotImplementedByServer(name)
