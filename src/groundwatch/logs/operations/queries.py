"""Insights queries: start, results, stop, describe."""

from __future__ import annotations

from collections.abc import Sequence

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.arns import log_group_arn
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.insights.classes import check_classes
from groundwatch.logs.insights.commands.lookup import Lookup
from groundwatch.logs.insights.errors import malformed
from groundwatch.logs.insights.languages import parse_in
from groundwatch.logs.insights.nodes import found_in
from groundwatch.logs.insights.parse import Query
from groundwatch.logs.insights.queries import StoredQuery, new_query_id
from groundwatch.logs.insights.results import ResultRow
from groundwatch.logs.insights.rows import DEFAULT_ROWS
from groundwatch.logs.insights.run import QueryWish, expired_before_ms
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.tokens import seal, unseal

MAX_GROUPS = 50
PAGE_ROWS = 10_000
PAGE_QUERIES = 1_000
PAGE_GROUPS = 500


class QueryOperations(Operations):
    """Operations on queries."""

    async def start_query(
        self,
        context: RequestContext,
        *,
        start_time: int,
        end_time: int,
        query_string: str,
        query_language: str = "CWLI",
        log_group_name: str | None = None,
        log_group_names: list[str] | None = None,
        log_group_identifiers: list[str] | None = None,
        limit: int = DEFAULT_ROWS,
    ) -> dict[str, object]:
        """Start a query over log groups, from the second `start_time` to the second `end_time`."""
        query = parse_in(query_language, query_string)
        named = _one_selector(query, log_group_name, log_group_names, log_group_identifiers)
        if start_time > end_time:
            raise ServiceError("InvalidParameterException", "The start time of the query is after its end time.")
        choice = self._room.group_choice
        groups = await choice.of_query(context, query) or await choice.named(context, named)
        chosen = await choice.of_subqueries(context, query)
        check_classes(query_language, query, groups, chosen)
        _check_retention(groups, end_time, context.received_ms)
        stored = StoredQuery(
            id=new_query_id(),
            tenant=tenant_of(context),
            query=query_string,
            group_names=[group.name for group in groups],
            start_s=start_time,
            end_s=end_time,
            identity=context.principal.arn,
            created_ms=context.received_ms,
            language=query_language,
        )
        tables = {lookup.table.text for lookup in found_in(query.stages, Lookup)}
        known = await self._room.lookup_tables.fields(tenant_of(context), tables) if tables else {}
        await self._room.queries.start(QueryWish(stored, groups, limit, chosen, known))
        return {"queryId": stored.id}

    async def get_query_results(
        self,
        context: RequestContext,
        *,
        query_id: str,
        next_token: str | None = None,
        max_items: int = PAGE_ROWS,
    ) -> dict[str, object]:
        """Return the status of a query, its statistics, and a page of its rows once it is complete."""
        query = await self._room.query_store.find(tenant_of(context), query_id)
        if query.status == "Running" and await self._room.query_store.ends_soon(query_id):
            query = await self._room.query_store.find(tenant_of(context), query_id)
        request = ["query-results", query_id]
        first = int(unseal(request, next_token, int)[0]) if next_token else 0
        count = max_items or PAGE_ROWS
        answer: dict[str, object] = {"queryLanguage": query.language, "status": query.status}
        shown = await self._room.queries.shown(query_id) if query.status == "Running" else None
        if shown is not None:
            # What there is so far comes on one page, and may change as a whole.
            return answer | {"results": _pairs(shown.rows[:count]), "statistics": shown.statistics}
        rows = await self._room.query_store.rows(query_id, max(first, 0), count)
        answer |= {"results": _pairs(rows), "statistics": query.statistics or _no_statistics(query)}
        if first + count < query.statistics.get("resultCount", 0):
            answer["nextToken"] = seal(request, [first + count])
        return answer

    async def stop_query(self, context: RequestContext, *, query_id: str) -> dict[str, object]:
        """End a query and the engine's work on it."""
        query = await self._room.query_store.find(tenant_of(context), query_id)
        if not await self._room.queries.cancel(query_id):
            raise ServiceError(
                "InvalidParameterException",
                f"Query with id {query_id} is in {query.status} status and cannot be stopped: it is not running.",
            )
        return {"success": True}

    async def describe_queries(
        self,
        context: RequestContext,
        *,
        log_group_name: str | None = None,
        status: str | None = None,
        query_language: str | None = None,
        max_results: int = PAGE_QUERIES,
        next_token: str | None = None,
    ) -> dict[str, object]:
        """List the queries of the last seven days, the newest first."""
        tenant = tenant_of(context)
        request = [
            "queries",
            tenant.account_id,
            tenant.region,
            log_group_name or "",
            status or "",
            query_language or "",
        ]
        before = None
        if next_token:
            created, number = unseal(request, next_token, int, str)
            before = (int(created), str(number))
        found = await self._room.query_store.page(
            tenant, before=before, limit=max_results + 1, status=status, group=log_group_name, language=query_language
        )
        page = found[:max_results]
        answer: dict[str, object] = {"queries": [_described(query) for query in page]}
        if len(found) > max_results:
            answer["nextToken"] = seal(request, [page[-1].created_ms, page[-1].id])
        return answer

    async def list_log_groups_for_query(
        self,
        context: RequestContext,
        *,
        query_id: str,
        next_token: str | None = None,
        max_results: int = PAGE_GROUPS,
    ) -> dict[str, object]:
        """List the groups that a query reads."""
        query = await self._room.query_store.find(tenant_of(context), query_id)
        request = ["query-groups", query_id]
        first = int(unseal(request, next_token, int)[0]) if next_token else 0
        page = query.group_names[first : first + max_results]
        arns = [log_group_arn(context.region, context.account_id, name) for name in page]
        answer: dict[str, object] = {"logGroupIdentifiers": arns}
        if first + max_results < len(query.group_names):
            answer["nextToken"] = seal(request, [first + max_results])
        return answer


def _one_selector(
    query: Query, name: str | None, names: list[str] | None, identifiers: list[str] | None
) -> Sequence[str]:
    given = [selector for selector in ([name] if name else None, names, identifiers) if selector]
    if query.selection is not None:
        if given:
            raise ServiceError(
                "InvalidParameterException",
                "The query chooses its log groups itself, in SOURCE or FROM: no others can be specified.",
            )
        return ()
    if len(given) != 1:
        raise ServiceError(
            "InvalidParameterException",
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers must be specified.",
        )
    if len(given[0]) > MAX_GROUPS:
        raise ServiceError("InvalidParameterException", f"A query can have up to {MAX_GROUPS} log groups.")
    return given[0]


def _check_retention(groups: Sequence[LogGroup], end_time: int, now_ms: int) -> None:
    expired = [expired_before_ms(group, now_ms) for group in groups]
    if all(before is not None and (end_time + 1) * 1_000 <= before for before in expired):
        raise malformed(
            "Query's end date and time is either before the log groups creation time "
            "or exceeds the log groups log retention settings"
        )


def _pairs(rows: Sequence[ResultRow]) -> list[list[dict[str, str]]]:
    return [[{"field": name, "value": value} for name, value in row] for row in rows]


def _no_statistics(query: StoredQuery) -> dict[str, float]:
    names = ("recordsMatched", "recordsScanned", "estimatedRecordsSkipped", "bytesScanned", "estimatedBytesSkipped")
    return dict.fromkeys(names, 0.0) | {"logGroupsScanned": float(len(query.group_names)), "resultCount": 0.0}


def _described(query: StoredQuery) -> dict[str, object]:
    # A query that chooses its groups itself is told as it is.
    own = query.query.lstrip().lower().startswith("source")
    sources = " | ".join(f'SOURCE "{name}" START={query.start_s}000 END={query.end_s}999' for name in query.group_names)
    described: dict[str, object] = {
        "queryLanguage": query.language,
        "queryId": query.id,
        "queryString": query.query if own else f"{sources} | {query.query}",
        "status": query.status,
        "createTime": query.created_ms,
        "logGroupName": query.group_names[0],
        "userIdentity": query.identity,
    }
    if query.ended_ms is not None:
        described |= {
            "queryDuration": query.ended_ms - query.created_ms,
            "bytesScanned": query.statistics.get("bytesScanned", 0.0),
        }
    return described
