"""Finds the log groups that queries name or choose with SOURCE, each only if the caller may query it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groundwatch.aws.context import AccessCheck, Authorizer, RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.arns import group_name_of, log_stream_arn
from groundwatch.logs.catalog import LogCatalog, LogGroup, Tenant
from groundwatch.logs.insights.errors import malformed, placing
from groundwatch.logs.insights.parse import Query
from groundwatch.logs.insights.selection import MAX_SELECTED, GroupFilter, Selection
from groundwatch.logs.name_pattern import NamePattern

ACTION = "logs:StartQuery"


class GroupChoice:
    """Finds and authorizes log groups."""

    def __init__(self, catalog: LogCatalog, authorizer: Authorizer) -> None:
        self._catalog = catalog
        self._authorizer = authorizer

    async def named(self, context: RequestContext, identifiers: Sequence[str]) -> list[LogGroup]:
        """Return groups by name or ARN; `ResourceNotFoundException` in StartQuery's own words when one is missing."""
        return [await self._named(context, identifier) for identifier in dict.fromkeys(identifiers)]

    async def of_query(self, context: RequestContext, query: Query) -> list[LogGroup]:
        """Return the groups that the query itself chooses, none when it chooses none.

        Raises `AccessDeniedException` if the caller may not query one of them, and `MalformedQueryException` with the
        place of a SOURCE that chooses none, or too many.
        """
        return [] if query.selection is None else await self._selected(context, query, query.selection)

    async def of_subqueries(self, context: RequestContext, query: Query) -> Mapping[Selection, list[LogGroup]]:
        """Return the groups of each SOURCE within the query; raises as `of_query` does."""
        return {inner: await self._selected(context, query, inner) for inner in query.inner}

    async def _selected(self, context: RequestContext, query: Query, selection: Selection) -> list[LogGroup]:
        if selection.filter is None:
            await self._authorize(context, [_name(context, name) for name in selection.names])
            return await self.named(context, selection.names)
        with placing(query.text):
            return await self._filtered(context, selection, selection.filter)

    async def _filtered(self, context: RequestContext, selection: Selection, chosen: GroupFilter) -> list[LogGroup]:
        foreign = [account for account in chosen.accounts if account != context.account_id]
        if foreign:
            raise malformed(f"the account {foreign[0]} is not linked with this one", selection.span)
        found = await self._catalog.groups(
            Tenant(context.account_id, context.region),
            after="",
            limit=MAX_SELECTED + 1,
            pattern=NamePattern(prefixes=chosen.prefixes),
            classes=chosen.classes,
        )
        # Who may query nothing learns nothing of which groups there are.
        await self._authorize(context, [group.name for group in found] or [f"{p}*" for p in chosen.prefixes or ("",)])
        if not found:
            raise malformed("SOURCE chooses no log group: none has such a name and class", selection.span)
        if len(found) > MAX_SELECTED:
            said = f"SOURCE chooses more than {MAX_SELECTED} log groups: use longer prefixes"
            raise malformed(said, selection.span)
        return found

    async def _authorize(self, context: RequestContext, names: Sequence[str]) -> None:
        arns = [log_stream_arn(context.region, context.account_id, name, "") for name in dict.fromkeys(names)]
        await self._authorizer.authorize(context, [AccessCheck(ACTION, arn) for arn in arns])

    async def _named(self, context: RequestContext, identifier: str) -> LogGroup:
        name = _name(context, identifier)
        try:
            return await self._catalog.group(Tenant(context.account_id, context.region), name)
        except ServiceError as error:
            # This operation is seen to answer in words of its own.
            said = f"Log group '{name}' does not exist for account ID '{context.account_id}'"
            suffix = f"Error Code: {error.code}; Request ID: {context.request_id}; Proxy: null"
            raise ServiceError(error.code, f"{said} (Service: AWSLogs; Status Code: 400; {suffix})") from error


def _name(context: RequestContext, identifier: str) -> str:
    return group_name_of(identifier, region=context.region, account_id=context.account_id)
