"""What the groups of operations share: the store, the clock, the ids, and edits of one API."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.aws.context import Authorizer, RequestContext
from groundwatch.gateway.control.errors import not_found
from groundwatch.gateway.control.ids import IdSource
from groundwatch.gateway.control.policies import PolicyFault
from groundwatch.gateway.definition import RestApi
from groundwatch.gateway.integrations.base import RoleSource
from groundwatch.gateway.limits.ledger import UsageLedger
from groundwatch.gateway.operator_rules import OperatorRules
from groundwatch.gateway.store import GatewayStore, Place, UnknownApiError
from groundwatch.gateway.testing import StageCaches, TestInvoker


class ControlPlane:
    """The base of every group of operations.

    `authorizer` answers for what only the operation can see: the roles named inside an imported document;
    `policy_fault` judges the form of resource policies; `roles` knows whom roles trust; `operator` says who may take
    which host name.
    """

    def __init__(  # noqa: PLR0913 - what the operations work with
        self,
        store: GatewayStore,
        *,
        test_invoker: TestInvoker,
        usage: UsageLedger,
        caches: StageCaches,
        authorizer: Authorizer,
        policy_fault: PolicyFault,
        roles: RoleSource,
        clock_ms: Callable[[], int],
        ids: IdSource,
        operator: OperatorRules = OperatorRules(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._test_invoker = test_invoker
        self._usage = usage
        self._caches = caches
        self._authorizer = authorizer
        self._policy_fault = policy_fault
        self._roles = roles
        self._clock_ms = clock_ms
        self._ids = ids
        self._operator = operator

    async def _edit(self, context: RequestContext, api_id: str, edit: Callable[[RestApi], RestApi]) -> RestApi:
        return await self._store.update_api(context.account_id, context.region, api_id, edit)

    async def _edit_tree(self, context: RequestContext, api_id: str, edit: Callable[[RestApi], RestApi]) -> RestApi:
        """Edit below the resources, where an unknown API is reported as an unknown resource."""
        try:
            return await self._edit(context, api_id, edit)
        except UnknownApiError as error:
            raise not_found("Invalid Resource identifier specified") from error

    async def _read_tree(self, context: RequestContext, api_id: str) -> RestApi:
        try:
            return await self._store.get_api(place_of(context), api_id)
        except UnknownApiError as error:
            raise not_found("Invalid Resource identifier specified") from error


def place_of(context: RequestContext) -> Place:
    """Return the tenant and region that a call works in."""
    return Place(context.account_id, context.region)
