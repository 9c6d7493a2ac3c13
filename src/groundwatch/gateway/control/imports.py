"""ImportRestApi and PutRestApi."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.access import pass_role_checks
from groundwatch.gateway.control import render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.ids import SHORT, IdSource, fresh_id
from groundwatch.gateway.control.rest_apis import new_api, with_endpoint
from groundwatch.gateway.control.rules import check_endpoint_types
from groundwatch.gateway.definition import RestApi
from groundwatch.gateway.documentation.merging import PartDraft, merged, moved, size_fault
from groundwatch.gateway.documentation.parts import Part
from groundwatch.gateway.openapi.described_reader import read_documentation
from groundwatch.gateway.openapi.document import load_document
from groundwatch.gateway.openapi.draft import ApiDraft
from groundwatch.gateway.openapi.findings import INVALID_INPUT, Findings
from groundwatch.gateway.openapi.merge import BasePath, Merge, Mode, base_segments
from groundwatch.gateway.openapi.reader import read_draft


class ImportParameters(msgspec.Struct, frozen=True):
    """The query parameters of an import."""

    base_path: BasePath = "ignore"
    ignore_documentation: bool = False
    endpoint_type: str | None = None


class _Read(msgspec.Struct, frozen=True):
    api: ApiDraft
    documentation: list[PartDraft]


class ImportOperations(ControlPlane):
    """Import of OpenAPI documents."""

    async def import_rest_api(
        self,
        context: RequestContext,
        *,
        body: bytes,
        fail_on_warnings: bool | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Create an API from a document."""
        wanted = _read_parameters(parameters)
        api = new_api(context, self._ids, "", self._clock_ms())
        if wanted.endpoint_type is not None:
            api = with_endpoint(api, {"types": [wanted.endpoint_type]})
            check_endpoint_types(api.endpoint_types)
        read, findings = await self._read(context, body, api.id, wanted)
        if read.api.name is None:
            raise bad_request(f"{INVALID_INPUT} The document has no info.title.")
        merge = Merge(read.api, findings, self._ids, wanted.base_path, self._policy_fault)
        merged = await asyncio.to_thread(merge.into, api, "overwrite")
        parts = imported_parts([], read.documentation, "overwrite", self._ids, findings)
        findings.raise_errors(fail_on_warnings=bool(fail_on_warnings))
        return _answer(render.rest_api(await self._store.create_api(merged, parts)), findings)

    async def put_rest_api(
        self,
        context: RequestContext,
        *,
        rest_api_id: str,
        body: bytes,
        mode: Literal["merge", "overwrite"] | None = None,
        fail_on_warnings: bool | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Merge a document into an API or overwrite the API with it; all of it or nothing."""
        wanted = _read_parameters(parameters)
        if wanted.endpoint_type is not None:
            raise bad_request("endpointConfigurationTypes can only be given when an API is created")
        # An unknown API is reported before any problem of the document.
        await self._store.get_api(place_of(context), rest_api_id)
        read, findings = await self._read(context, body, rest_api_id, wanted)
        outcome = findings
        how = mode or "merge"

        def edit(api: RestApi) -> RestApi:
            nonlocal outcome
            outcome = findings.copy()
            merged = Merge(read.api, outcome, self._ids, wanted.base_path, self._policy_fault).into(api, how)
            outcome.raise_errors(fail_on_warnings=bool(fail_on_warnings))
            return merged

        def document(parts: list[Part]) -> list[Part]:
            imported = imported_parts(parts, read.documentation, how, self._ids, outcome)
            outcome.raise_errors(fail_on_warnings=bool(fail_on_warnings))
            return imported

        place = place_of(context)
        api = await self._store.update_api(
            place.account_id, place.region, rest_api_id, edit, None if wanted.ignore_documentation else document
        )
        return _answer(render.rest_api(api, with_tags=True), outcome)

    async def _read(
        self, context: RequestContext, body: bytes, api_id: str, wanted: ImportParameters
    ) -> tuple[_Read, Findings]:
        findings = Findings()

        def read() -> _Read:
            document = load_document(body, context)
            draft = read_draft(document, api_id, findings)
            if wanted.ignore_documentation:
                return _Read(draft, [])
            base = base_segments(draft.base_path, wanted.base_path)
            return _Read(draft, moved(read_documentation(document, findings), base))

        # Megabytes of YAML take seconds: not on the event loop.
        found = await asyncio.to_thread(read)
        checks = pass_role_checks(found.api.credentials())
        if checks:
            await self._authorizer.authorize(context, checks)
        return found, findings


def imported_parts(
    present: Sequence[Part], drafts: Sequence[PartDraft], mode: Mode, ids: IdSource, findings: Findings
) -> list[Part]:
    """Return the documentation of an API after an import; what exceeds its limits is an error."""
    taken = {part.id for part in present}

    def new_id() -> str:
        made = fresh_id(ids, SHORT, taken)
        taken.add(made)
        return made

    parts = merged(present, drafts, mode, new_id)
    fault = size_fault(parts)
    if fault is not None:
        findings.error(fault)
    return parts


def _read_parameters(parameters: Mapping[str, str] | None) -> ImportParameters:
    wanted = ImportParameters()
    for name, value in (parameters or {}).items():
        if name == "basepath" and value.lower() in ("ignore", "prepend", "split"):
            wanted = replace(wanted, base_path=cast("BasePath", value.lower()))
        elif name == "ignore" and value == "documentation":
            wanted = replace(wanted, ignore_documentation=True)
        elif name == "endpointConfigurationTypes":
            wanted = replace(wanted, endpoint_type=value)
        else:
            raise bad_request(f"Invalid import parameter specified: {name}={value}")
    return wanted


def _answer(rendered: dict[str, Any], findings: Findings) -> dict[str, Any]:
    return {**rendered, "warnings": list(findings.warnings)} if findings.warnings else rendered
