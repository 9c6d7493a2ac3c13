"""The service `groundwatch`: what operators ask a running server for, under the signature of their own account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.service import AccessRule
from groundwatch.upkeep.desk import BackupDesk
from groundwatch.upkeep.examination import Examination

Answer = dict[str, object]


def upkeep_access(operator_account: str) -> AccessRule:
    """Return the rule: principals of the operator's account need a policy that allows, all others are refused."""

    def rule(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:  # noqa: ARG001
        if context.account_id != operator_account:
            raise ServiceError("AccessDeniedException", "You don't have permissions to access this resource.")
        return [AccessCheck(f"groundwatch:{operation}", "*")]

    return rule


class UpkeepOperations:
    """Backups and checks. Permission to call is checked before, by `upkeep_access`."""

    def __init__(self, desk: BackupDesk, examination: Examination) -> None:
        self._desk = desk
        self._examination = examination

    async def start_backup(self, context: RequestContext, *, name: str) -> Answer:  # noqa: ARG002 - an operation
        """Begin a backup and return how far it is, which is nowhere."""
        return {"backup": self._desk.start(name).describe()}

    async def describe_backup(self, context: RequestContext, *, name: str) -> Answer:  # noqa: ARG002 - an operation
        """Return how far a backup is."""
        return {"backup": self._desk.find(name).describe()}

    async def examine(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        next_token: str | None = None,
    ) -> Answer:
        """Check the stores for some seconds and return what was found, with a token when there is more to check."""
        found = await self._examination.run(next_token)
        answer: Answer = {
            "findings": [msgspec.to_builtins(finding) for finding in found.findings],
            "checkedParts": found.checked_parts,
            "parts": found.parts,
        }
        return answer if found.next_token is None else {**answer, "nextToken": found.next_token}
