"""What the operations work with, and how they find the group and stream that a request names."""

from __future__ import annotations

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.arns import group_name_of
from groundwatch.logs.catalog import STANDARD, LogCatalog, LogGroup, Tenant
from groundwatch.logs.exports.desk import Exports
from groundwatch.logs.insights.choice import GroupChoice
from groundwatch.logs.insights.field_census import FieldCensus
from groundwatch.logs.insights.queries import QueryStore
from groundwatch.logs.insights.runner import QueryRunner
from groundwatch.logs.intake import Intake
from groundwatch.logs.live_tail import LiveTail
from groundwatch.logs.lookup_tables import LookupTableStore
from groundwatch.logs.query_definitions import QueryDefinitionStore
from groundwatch.logs.recent import RecentEvents
from groundwatch.logs.reclaim import Reclaimer
from groundwatch.logs.schedules.store import ScheduleStore
from groundwatch.logs.store import EventStore
from groundwatch.logs.subscriptions.desk import SubscriptionDesk


class LogsRoom(msgspec.Struct, frozen=True):
    """The parts of the room, handed to the operations at construction."""

    catalog: LogCatalog
    intake: Intake
    store: EventStore
    recent: RecentEvents
    reclaimer: Reclaimer
    live_tail: LiveTail
    exports: Exports
    subscriptions: SubscriptionDesk
    query_definitions: QueryDefinitionStore
    query_store: QueryStore
    queries: QueryRunner
    group_choice: GroupChoice
    schedules: ScheduleStore
    field_census: FieldCensus
    lookup_tables: LookupTableStore


class Operations:
    """Base of the operation classes."""

    def __init__(self, room: LogsRoom) -> None:
        self._room = room

    async def _group(self, context: RequestContext, name: str | None, identifier: str | None = None) -> LogGroup:
        """Return the group that `logGroupName` or `logGroupIdentifier` names; exactly one of them must be given."""
        if name and identifier:
            raise ServiceError(
                "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."
            )
        named = name or identifier
        if not named:
            raise ServiceError(
                "InvalidParameterException", "Either logGroupName or logGroupIdentifier must be specified."
            )
        if identifier:
            named = group_name_of(identifier, region=context.region, account_id=context.account_id)
        return await self._room.catalog.group(tenant_of(context), named)

    async def _standard_group(self, context: RequestContext, name: str) -> LogGroup:
        """Return a group of the one class that knows filters; `ValidationException` for the cheap ones."""
        group = await self._group(context, name)
        if group.log_group_class != STANDARD:
            raise ServiceError("ValidationException", "This operation is only supported on the Standard log class.")
        return group


def tenant_of(context: RequestContext) -> Tenant:
    """Return whose groups the call is about."""
    return Tenant(context.account_id, context.region)
