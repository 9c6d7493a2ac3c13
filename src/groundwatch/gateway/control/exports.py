"""GetExport: the definition that a stage serves, as an OpenAPI document."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, not_found
from groundwatch.gateway.openapi.export import EXTENSIONS, Export, Wanted, version_of, wanted_of
from groundwatch.gateway.openapi.export_dialects import WRITERS
from groundwatch.gateway.openapi.text_form import FORMS

_NOT_FOR_FILE_NAMES = re.compile(r"[^A-Za-z0-9._:-]")


class ExportOperations(ControlPlane):
    """Definitions as documents."""

    async def get_export(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        stage_name: str,
        export_type: str,
        parameters: Mapping[str, str] | None = None,
        accepts: str | None = None,
    ) -> dict[str, Any]:
        """Return the definition that a stage serves, with the documentation that it publishes."""
        writer = WRITERS.get(export_type)
        if writer is None:
            raise bad_request(f"Invalid export type specified: {export_type}. Must be one of: {', '.join(WRITERS)}")
        wanted = _wanted(parameters)
        suffix, encode = FORMS[_media_type(accepts)]
        place = place_of(context)
        stage = (await self._store.get_releases(place, rest_api_id)).stages.get(stage_name)
        if stage is None:
            raise not_found("Invalid stage identifier specified")
        deployment = await self._store.get_deployment(place, rest_api_id, stage.deployment_id)
        if deployment is None:
            raise not_found("Invalid Deployment identifier specified")
        published = None
        if stage.documentation_version is not None:
            published = await self._store.documentation.get_snapshot(place, rest_api_id, stage.documentation_version)
        export = Export(deployment.api, stage.name, writer, wanted, published)
        try:
            # A definition of megabytes takes a second as YAML: not on the event loop.
            body = await asyncio.to_thread(lambda: encode(export.document()))
        except RecursionError as error:
            # Single commands may bring what no import takes.
            raise bad_request("The definition is nested too deeply to be exported") from error
        version = _NOT_FOR_FILE_NAMES.sub("_", version_of(deployment.api))[:128]
        return {
            "contentType": "application/octet-stream",
            "contentDisposition": f'attachment; filename="{export_type}_{version}.{suffix}"',
            "body": body,
        }


def _wanted(parameters: Mapping[str, str] | None) -> Wanted:
    names: list[str] = []
    for parameter, value in (parameters or {}).items():
        if parameter != "extensions":
            raise bad_request(f"Invalid export parameter specified: {parameter}={value}")
        names += [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        if name == "postman":
            raise NotImplementedByServer("An export with the extension 'postman'")
        if name not in EXTENSIONS:
            raise bad_request(f"Invalid extension specified: {name}. Must be one of: {', '.join(EXTENSIONS)}")
    return wanted_of(names)


def _media_type(accepts: str | None) -> str:
    """Return the first form that a caller takes; nothing said, and anything, is JSON."""
    given = [part.partition(";")[0].strip().lower() for part in (accepts or "*/*").split(",")]
    for media_type in given:
        if media_type in FORMS:
            return media_type
        if media_type in ("*/*", "application/*"):
            return "application/json"
    raise bad_request(f"Invalid Accept header specified: {accepts}. Must be one of: {', '.join(FORMS)}")
