"""Reading a definition for deployment: with the code that imports it here, so that what AWS refuses is refused.

DefinitionError              the definition cannot be deployed; its faults say why, with their lines
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.deploy.lines import Lines
from groundwatch.deploy.texts import rewritten, with_account_reference
from groundwatch.gateway.control.ids import RandomIds
from groundwatch.gateway.control.rest_apis import new_api
from groundwatch.gateway.definition import RestApi
from groundwatch.gateway.openapi.document import load_document
from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.openapi.merge import Merge
from groundwatch.gateway.openapi.reader import read_draft

_KEPT = RequestContext(
    account_id="${AWS::AccountId}",
    region="${AWS::Region}",
    request_id="",
    principal=Principal("", "", "Anonymous", ""),
    source_ip="",
    user_agent="",
    secure=True,
    received_ms=0,
)
"""A place whose names stand for themselves: pseudo parameters stay in the text."""


class Fault(msgspec.Struct, frozen=True):
    """Something that makes a definition unusable, or that the import would leave out."""

    message: str
    line: int | None

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


class DefinitionError(Exception):
    """The definition cannot be deployed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class Definition(msgspec.Struct, frozen=True):
    """A definition as text and as the API that it makes."""

    body: dict[str, Any]
    """The document; ARNs of the account refer to `${AWS::AccountId}`."""
    api: RestApi
    """The API that an import makes of it, for an account and region."""
    warnings: tuple[Fault, ...]


def load_definition(text: bytes) -> dict[str, Any]:
    """Return the document as it is written, before anything is read into it; raises DefinitionError."""
    try:
        return load_document(text, _KEPT)
    except ServiceError as error:
        raise DefinitionError([Fault(str(error), None)]) from error


def read_definition(text: bytes, account_id: str, region: str, policy_fault: Callable[[str], str | None]) -> Definition:
    """Return a definition, checked like an import of it into `account_id` and `region`.

    `policy_fault` says what is wrong with a resource policy. Raises DefinitionError.
    """
    place = replace(_KEPT, account_id=account_id, region=region)
    findings = Findings()
    tree = load_definition(text)
    try:
        lines = Lines(text.decode("utf-8-sig"))
        draft = read_draft(load_document(text, place), "", findings)
    except ServiceError as error:
        raise DefinitionError([Fault(str(error), None)]) from error
    ids = RandomIds()
    api = new_api(place, ids, draft.name or "", 0)
    api = Merge(draft, findings, ids, "ignore", policy_fault).into(api, "overwrite")
    if draft.name is None:
        findings.error("Invalid OpenAPI input. The document has no info.title.")
    if findings.errors:
        raise DefinitionError([Fault(message, lines.of(message)) for message in findings.errors])
    body = rewritten(tree, lambda each: with_account_reference(each, account_id))
    return Definition(body, api, tuple(Fault(message, lines.of(message)) for message in findings.warnings))
