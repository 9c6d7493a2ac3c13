"""Scheduled queries: create, get, update, delete, list, history."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.arns import group_name_of
from groundwatch.logs.insights.languages import parse_in
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.schedules.store import Run, Schedule, State, epoch_ms
from groundwatch.logs.tokens import seal, unseal

PAGE = 1_000
REFUSED_S3_MEMBERS = ("ownerAccountId", "kmsKeyId")
_FIRST_LETTERS = re.compile(r"_([a-z])")
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::[^:]+:role/.+")
LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that dates can be told of."""
MAX_OFFSET_S = 10 * 365 * 86_400


class _Required(TypedDict):
    query_language: str
    query_string: str
    schedule_expression: str
    execution_role_arn: str


class QueryMembers(_Required, total=False):
    """What is said about a scheduled query, when it is made and when it is replaced."""

    description: str
    log_group_identifiers: list[str]
    timezone: str
    start_time_offset: int
    end_time_offset: int
    destination_configuration: dict[str, Any]
    schedule_start_time: int
    schedule_end_time: int


class ScheduledQueryOperations(Operations):
    """Operations on scheduled queries."""

    async def create_scheduled_query(
        self, context: RequestContext, *, name: str, state: State = "ENABLED", **said: Unpack[QueryMembers]
    ) -> dict[str, object]:
        """Have a query run on a schedule, under a role that trusts the service."""
        if name.startswith("arn:"):
            raise _invalid("A name must not begin like an ARN.")
        members = _named(said)
        _check(context, "CreateScheduledQuery", members)
        now_ms = context.received_ms
        schedule = Schedule(str(uuid.uuid4()), tenant_of(context), name, members, state, now_ms, now_ms)
        schedule = msgspec.structs.replace(schedule, next_ms=schedule.next_after(now_ms))
        await self._room.schedules.add(schedule)
        return {"scheduledQueryArn": schedule.arn, "state": schedule.state}

    async def update_scheduled_query(
        self, context: RequestContext, *, identifier: str, state: State = "ENABLED", **said: Unpack[QueryMembers]
    ) -> dict[str, object]:
        """Replace everything but the name; what is left out is cleared."""
        found = await self._room.schedules.find(tenant_of(context), identifier)
        members = _named(said)
        _check(context, "UpdateScheduledQuery", members)
        changed = msgspec.structs.replace(found, members=members, state=state, updated_ms=context.received_ms)
        changed = msgspec.structs.replace(changed, next_ms=changed.next_after(context.received_ms))
        await self._room.schedules.replace(changed)
        return await self._described(changed)

    async def get_scheduled_query(self, context: RequestContext, *, identifier: str) -> dict[str, object]:
        """Return a scheduled query, and how its last run went."""
        return await self._described(await self._room.schedules.find(tenant_of(context), identifier))

    async def delete_scheduled_query(self, context: RequestContext, *, identifier: str) -> dict[str, object]:
        """Forget a scheduled query and its history; a run that is under way ends by itself."""
        await self._room.schedules.remove(await self._room.schedules.find(tenant_of(context), identifier))
        return {}

    async def list_scheduled_queries(
        self,
        context: RequestContext,
        *,
        max_results: int = PAGE,
        next_token: str | None = None,
        state: State | None = None,
        schedule_type: str | None = None,
    ) -> dict[str, object]:
        """List scheduled queries in order of name; all are the customer's own."""
        tenant = tenant_of(context)
        request = ["scheduled-queries", tenant.account_id, tenant.region, state or "", schedule_type or ""]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        wanted = schedule_type != "AWS_MANAGED"
        found = await self._room.schedules.page(
            tenant, after=after, limit=max_results + 1 if wanted else 0, state=state
        )
        page = found[:max_results]
        last = await self._room.schedules.last_runs(page)
        left_out = ("description", "queryLanguage", "queryString", "logGroupIdentifiers", "executionRoleArn")
        listed = [_without(_description(schedule, last.get(schedule.id)), left_out) for schedule in page]
        answer: dict[str, object] = {"scheduledQueries": listed}
        if len(found) > max_results:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def get_scheduled_query_history(
        self,
        context: RequestContext,
        *,
        identifier: str,
        start_time: int,
        end_time: int,
        execution_statuses: list[str] | None = None,
        max_results: int = PAGE,
        next_token: str | None = None,
    ) -> dict[str, object]:
        """List the runs of a scheduled query that were due in a range of time, the newest first."""
        schedule = await self._room.schedules.find(tenant_of(context), identifier)
        request = ["scheduled-runs", schedule.id, start_time, end_time, *(execution_statuses or ())]
        found = await self._room.schedules.history(
            schedule,
            from_ms=epoch_ms(start_time) or 0,
            to_ms=epoch_ms(end_time) or 0,
            statuses=execution_statuses or [],
            before=int(unseal(request, next_token, int)[0]) if next_token else None,
            limit=max_results + 1,
        )
        page = found[:max_results]
        answer: dict[str, object] = {
            "name": schedule.name,
            "scheduledQueryArn": schedule.arn,
            "triggerHistory": [_run_description(run) for run in page],
        }
        if len(found) > max_results:
            answer["nextToken"] = seal(request, [page[-1].triggered_ms])
        return answer

    async def _described(self, schedule: Schedule) -> dict[str, object]:
        return _description(schedule, (await self._room.schedules.last_runs([schedule])).get(schedule.id))


def _named(said: QueryMembers) -> dict[str, Any]:
    """Return members under the model's names, as they are kept and shown."""
    return {_FIRST_LETTERS.sub(lambda found: found[1].upper(), name): value for name, value in said.items()}


def _check(context: RequestContext, operation: str, members: Mapping[str, Any]) -> None:
    """Refuse what cannot be run, or is not implemented, when it is said and not when it is due."""
    destinations = members.get("destinationConfiguration", {})
    if destinations.get("lookupTableConfiguration"):
        raise NotImplementedByServer(f"{operation}.destinationConfiguration.lookupTableConfiguration")
    for member in REFUSED_S3_MEMBERS:
        if member in destinations.get("s3Configuration", {}):
            raise NotImplementedByServer(f"{operation}.destinationConfiguration.s3Configuration.{member}")
    start_s, end_s = members.get("startTimeOffset", 0), members.get("endTimeOffset", 0)
    if not (0 <= start_s <= MAX_OFFSET_S and 0 <= end_s <= MAX_OFFSET_S) or (
        "startTimeOffset" in members and start_s < end_s
    ):
        raise _invalid("The offsets are seconds before the run; the start must not be later than the end.")
    if (epoch_ms(members.get("scheduleStartTime")) or 0) > LAST_MS:
        raise _invalid("The schedule starts beyond the year 9999.")
    if members.get("scheduleStartTime", 0) >= members.get("scheduleEndTime", math.inf):
        raise _invalid("The schedule ends before it starts.")
    for role_arn in (members["executionRoleArn"], destinations.get("s3Configuration", {}).get("roleArn")):
        if role_arn is not None and _ROLE_ARN.fullmatch(role_arn) is None:
            raise _invalid(f"{role_arn} is not the ARN of a role.")
    for identifier in members.get("logGroupIdentifiers", ()):
        group_name_of(identifier, region=context.region, account_id=context.account_id)
    _check_query(members)


def _check_query(members: Mapping[str, Any]) -> None:
    try:
        query = parse_in(members["queryLanguage"], members["queryString"])
    except NotImplementedByServer:
        raise
    except ServiceError as error:
        raise _invalid(f"The query is not valid: {error.message}") from error
    if query.selection is None and not members.get("logGroupIdentifiers"):
        raise _invalid("Log groups must be given, unless the query names them itself.")


def _description(schedule: Schedule, last: Run | None) -> dict[str, object]:
    described = {
        "scheduledQueryArn": schedule.arn,
        "name": schedule.name,
        "state": schedule.state,
        "scheduleType": "CUSTOMER_MANAGED",
        "creationTime": schedule.created_ms,
        "lastUpdatedTime": schedule.updated_ms,
        **schedule.members,
    }
    if last is not None:
        described |= {"lastTriggeredTime": last.triggered_ms, "lastExecutionStatus": last.status}
    return described


def _without(described: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
    # Of the times, a summary has only those of the schedule itself.
    gone = {*names, "startTimeOffset", "endTimeOffset", "scheduleStartTime", "scheduleEndTime"}
    return {name: value for name, value in described.items() if name not in gone}


def _run_description(run: Run) -> dict[str, object]:
    described = {
        "queryId": run.query_id,
        "executionStatus": run.status,
        "triggeredTimestamp": run.triggered_ms,
        "errorMessage": run.message,
        "destinations": [run.destination] if run.destination else None,
    }
    return {name: value for name, value in described.items() if value is not None}


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
