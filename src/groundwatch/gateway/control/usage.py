"""Operations on what API keys have used of their plans' quotas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request, not_found, require
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import REPLACE, Operations, Rule, Table, check_path
from groundwatch.gateway.definition import Quota, UsagePlan
from groundwatch.gateway.limits.periods import format_day, parse_day, period_start
from groundwatch.gateway.usage_sql import DayUsage, UsageKey

MAX_DAYS = 90
_PATHS = Table((Rule("/remaining", "", REPLACE, lambda _, step: step.value),))
_UNKNOWN_KEY = "Invalid Key identifier specified"


class UsageOperations(ControlPlane):
    """GetUsage and UpdateUsage."""

    async def get_usage(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        usage_plan_id: str,
        start_date: str,
        end_date: str,
        key_id: str | None = None,
        position: str | None = None,
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return `[used, remaining]` for every day and key; without a quota `remaining` is 0."""
        first_day, last_day = _days(start_date, end_date)
        plan = await self._plan(context, usage_plan_id)
        # Keys that left the plan are not shown, though their counts are kept for when they come back.
        wanted = [held for held in sorted(plan.key_ids) if key_id in (None, held)]
        if key_id is not None and not wanted:
            raise not_found(_UNKNOWN_KEY)

        async def fetch(after: str | None, count: int) -> list[str]:
            return [held for held in wanted if after is None or held > after][:count]

        page = await fetch_page(position, limit, fetch, key=str, render=lambda held: {"key": held})
        shown = [item["key"] for item in page.pop("items")]
        # A period may have begun before the first day that is shown.
        since = first_day if plan.quota is None else period_start(plan.quota.period, plan.quota.offset, first_day)
        days = await self._usage.days(plan.id, shown, since, last_day)
        values = {held: _logs(days.get(held, ()), plan.quota, first_day, last_day) for held in shown}
        return {
            "usagePlanId": plan.id,
            "startDate": format_day(first_day),
            "endDate": format_day(last_day),
            "items": {held: log for held, log in values.items() if held in days or key_id is not None},
            **page,
        }

    async def update_usage(
        self,
        context: RequestContext,
        *,
        usage_plan_id: str,
        key_id: str,
        patch_operations: Operations | None = None,
    ) -> dict[str, Any]:
        """Let a key make `/remaining` more requests in the present period."""
        plan = await self._plan(context, usage_plan_id)
        if key_id not in plan.key_ids:
            raise not_found(_UNKNOWN_KEY)
        if plan.quota is None:
            raise bad_request("Usage Plan does not have a quota")
        for operation in patch_operations or ():
            await self._usage.set_remaining(UsageKey(plan.id, key_id), plan.quota, _remaining(operation))
        today = format_day(self._clock_ms() // 86_400_000)
        return await self.get_usage(
            context, usage_plan_id=usage_plan_id, start_date=today, end_date=today, key_id=key_id
        )

    async def _plan(self, context: RequestContext, plan_id: str) -> UsagePlan:
        return require(await self._store.get_plan(place_of(context), plan_id), "Invalid Usage Plan ID specified")


def _remaining(operation: Any) -> int:  # noqa: ANN401 - a patch operation
    check_path(_PATHS, operation)
    value = str(operation.get("value"))
    if not (value.isascii() and value.isdigit() and len(value) < 20 and int(value) < 2**31):
        raise bad_request(f"Invalid value '{value}' specified for '/remaining'. Must be an integer")
    return int(value)


def _days(start: str, end: str) -> tuple[int, int]:
    try:
        first, last = parse_day(start), parse_day(end)
    except ValueError as error:
        raise bad_request("Invalid date specified. Dates must be in the format yyyy-MM-dd") from error
    if last < first:
        raise bad_request("Invalid date range specified. The start date must not be after the end date")
    if last - first >= MAX_DAYS:
        raise bad_request(f"Invalid date range specified. At most {MAX_DAYS} days can be queried at once")
    return first, last


def _logs(used: Sequence[DayUsage], quota: Quota | None, first_day: int, last_day: int) -> list[list[int]]:
    """Return `[used, remaining]` for each day; what is left counts the days of the period up to that day."""
    by_day = {day.day: day for day in used}
    log: list[list[int]] = []
    for day in range(first_day, last_day + 1):
        today = by_day.get(day)
        log.append([today.used if today is not None else 0, _left(by_day, quota, day)])
    return log


def _left(by_day: dict[int, DayUsage], quota: Quota | None, day: int) -> int:
    if quota is None:
        return 0
    first = period_start(quota.period, quota.offset, day)
    period = [by_day[past] for past in range(first, day + 1) if past in by_day]
    return max(0, quota.limit + sum(past.granted - past.used for past in period))
