"""Step 1: host and stage name → deployment: the stage's own, or at random that of its canary."""

from __future__ import annotations

import random
from collections.abc import Callable

from groundwatch.gateway.authorizers.guards import Accounts
from groundwatch.gateway.catalog import Catalog
from groundwatch.gateway.runtime.compiled import DeploymentCache
from groundwatch.gateway.runtime.errors import disabled_account, unknown_stage
from groundwatch.gateway.runtime.stages import Arrived, Located


class Locate:
    """Finds the stage and the compiled form of its deployment."""

    def __init__(
        self, catalog: Catalog, accounts: Accounts, cache: DeploymentCache, draw: Callable[[], float] = random.random
    ) -> None:
        """`draw` gives a number from 0 to below 1 for each request to a stage with a canary."""
        self._catalog = catalog
        self._accounts = accounts
        self._cache = cache
        self._draw = draw

    async def __call__(self, stage: Arrived) -> Located:
        """Raise 403 Forbidden for an unknown API or stage, a disabled default endpoint and a disabled account."""
        target = stage.exchange.target
        found = await self._catalog.find_stage(target.api_id, target.stage_name)
        if found is None or (found.api.disable_execute_api_endpoint and target.base_path is None):
            raise unknown_stage()
        # Methods that need no identity of the account, such as MOCK, would not notice otherwise.
        if not await self._accounts.is_active(found.api.account_id):
            raise disabled_account(found.api.account_id)
        canary, settings = found.canary, found.stage.canary_settings
        if canary is None or settings is None:
            return Located(stage, found.stage, self._cache.get(found.deployment))
        if self._draw() * 100 < settings.percent_traffic:
            return Located(stage, canary.stage, self._cache.get(canary.deployment), is_canary=True)
        return Located(stage, found.stage, self._cache.get(found.deployment), is_canary=False)
