"""Counts what arrives for one metric filter."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from groundwatch.logs.intake import DAY_MS
from groundwatch.logs.metric_filters.counting import Combinations, Place, QuietMinutes, Recipe, points, tally
from groundwatch.logs.subscriptions.parts import StreamEvents
from groundwatch.logs.subscriptions.records import Subscription
from groundwatch.logs.subscriptions.worker import Tools, Worker

log = logging.getLogger(__name__)
MAX_POINT_AGE_MS = 14 * DAY_MS
"""Metrics take no older data points (PutMetricData)."""


class MetricWorker(Worker):
    """Counts matching events into data points. What a failing store refuses is counted again later."""

    def __init__(self, subscription: Subscription, position: int, tools: Tools) -> None:
        super().__init__(subscription, position, tools)
        self._quiet = QuietMinutes()
        self._combinations = Combinations()

    @property
    def _recipe(self) -> Recipe:
        recipe = self.subscription.recipe
        if recipe is None:
            raise TypeError(f"{self.subscription.key} is no metric filter")
        return recipe

    async def _hand_over(self, streams: Sequence[StreamEvents], accepted_ms: int) -> None:  # noqa: ARG002 - never given up
        recipe, sift = self._recipe, self.subscription.sift
        found = await self._tools.outbox.compute(lambda taken: tally(recipe, sift, taken), streams)
        if recipe.filter_.transformation.default_value is not None:
            self._quiet.note(found.minutes, found.matched_minutes)
            # Before the values: what fails comes again as a whole, and defaults know that they were published.
            await self._record_defaults()
        await self._record(recipe, self._admitted(found.values))
        self.delivered_events += found.matched - found.unmeasured
        self._note_success()

    async def _idle(self) -> None:
        """Wait for events, or until a minute without a match is over."""
        due_ms = self._quiet.next_due_ms
        if due_ms is None:
            await super()._idle()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0, due_ms - self._tools.clock_ms()) / 1000):
                await super()._idle()
        await self._record_defaults()

    async def _record_defaults(self) -> None:
        default = self._recipe.filter_.transformation.default_value
        minutes = self._quiet.due(self._tools.clock_ms())
        if default is not None:
            await self._record(self._recipe, {((), minute): {default: 1} for minute in minutes})
        self._quiet.settle(minutes)

    async def _record(self, recipe: Recipe, values: Mapping[Place, Mapping[float, int]]) -> None:
        oldest_ms = self._tools.clock_ms() - MAX_POINT_AGE_MS
        made = [point for point in points(recipe, values) if point.minute_ms >= oldest_ms]
        if made:
            await self._tools.metrics.record(self.subscription.group.tenant, made)

    def _admitted(self, values: Mapping[Place, Counter[float]]) -> Mapping[Place, Mapping[float, int]]:
        kept = self._combinations.admitted(values, self._tools.clock_ms())
        lost = sum(counts.total() for place, counts in values.items() if place not in kept)
        if lost and "dimensions" not in self.lost_events:
            log.error("metric filter %s of %s: too many combinations of dimensions in an hour", self._name, self._group)
        self._lose("dimensions", lost)
        return kept
