"""Lookup tables: create, update, get, describe, delete."""

from __future__ import annotations

import asyncio
import re

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.lookup_tables import LookupTable, read_table, table_of
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.tokens import seal, unseal

PAGE_TABLES = 50
ENDED = ("Complete", "Cancelled")
TABLE_ARN = re.compile(r"arn:aws[\w-]*:logs:(?P<region>[\w-]+):(?P<account>\d{12}):lookup-table:(?P<name>\w{1,256})")


class LookupTableOperations(Operations):
    """Operations on lookup tables."""

    async def create_lookup_table(
        self,
        context: RequestContext,
        *,
        lookup_table_name: str,
        description: str | None = None,
        table_body: str | None = None,
        query_id: str | None = None,
    ) -> dict[str, object]:
        """Make a table of a text in CSV, or of the rows that a query has found."""
        body = await self._body(context, table_body, query_id)
        made = await _described(context, lookup_table_name, description, body)
        await self._room.lookup_tables.add(made, body)
        return {"lookupTableArn": made.arn, "createdAt": made.created_ms}

    async def update_lookup_table(
        self,
        context: RequestContext,
        *,
        lookup_table_arn: str,
        description: str | None = None,
        table_body: str | None = None,
        query_id: str | None = None,
    ) -> dict[str, object]:
        """Replace a table as a whole: a description that is left out is cleared."""
        name = _name_in(context, lookup_table_arn)
        body = await self._body(context, table_body, query_id)
        changed = await _described(context, name, description, body)
        if not await self._room.lookup_tables.replace(changed, body):
            raise _missing()
        return {"lookupTableArn": changed.arn, "lastUpdatedTime": changed.updated_ms}

    async def get_lookup_table(self, context: RequestContext, *, lookup_table_arn: str) -> dict[str, object]:
        """Return a table with its whole content."""
        found = await self._room.lookup_tables.find(tenant_of(context), _name_in(context, lookup_table_arn))
        if found is None:
            raise _missing()
        table, body = found
        return _told(table) | {"tableBody": body}

    async def describe_lookup_tables(
        self,
        context: RequestContext,
        *,
        lookup_table_name_prefix: str = "",
        max_results: int = PAGE_TABLES,
        next_token: str | None = None,
    ) -> dict[str, object]:
        """List tables by name, without their content."""
        tenant, count = tenant_of(context), max_results if max_results > 0 else PAGE_TABLES
        request = ["lookup-tables", tenant.account_id, tenant.region, lookup_table_name_prefix]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        found = await self._room.lookup_tables.page(
            tenant, prefix=lookup_table_name_prefix, after=after, limit=count + 1
        )
        page = found[:count]
        further = [{"tableFields": table.fields, "recordsCount": table.records} for table in page]
        answer: dict[str, object] = {
            "lookupTables": [_told(table) | more for table, more in zip(page, further, strict=True)]
        }
        if len(found) > count:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def delete_lookup_table(self, context: RequestContext, *, lookup_table_arn: str) -> None:
        """Remove a table; queries that name it fail from then on."""
        if not await self._room.lookup_tables.remove(tenant_of(context), _name_in(context, lookup_table_arn)):
            raise _missing()

    async def _body(self, context: RequestContext, body: str | None, query_id: str | None) -> str:
        if (body is None) == (query_id is None):
            raise _invalid("Exactly one of tableBody and queryId must be specified.")
        if query_id is None:
            return body or ""
        query = await self._room.query_store.find(tenant_of(context), query_id)
        if query.status not in ENDED:
            raise _invalid(f"Query with id {query_id} is in {query.status} status: it must be complete or cancelled.")
        count = int(query.statistics.get("resultCount", 0))
        rows = await self._room.query_store.rows(query_id, 0, count)
        return await asyncio.to_thread(table_of, rows)


async def _described(context: RequestContext, name: str, description: str | None, body: str) -> LookupTable:
    fields, rows = await asyncio.to_thread(read_table, body)
    now_ms, size = context.received_ms, len(body.encode())
    return LookupTable(tenant_of(context), name, description, fields, len(rows), size, now_ms, now_ms)


def _told(table: LookupTable) -> dict[str, object]:
    told: dict[str, object] = {
        "lookupTableArn": table.arn,
        "lookupTableName": table.name,
        "sizeBytes": table.size_bytes,
        "lastUpdatedTime": table.updated_ms,
    }
    return told if table.description is None else told | {"description": table.description}


def _name_in(context: RequestContext, arn: str) -> str:
    parsed = TABLE_ARN.fullmatch(arn)
    if parsed is None:
        raise _invalid(f"Invalid lookup table ARN: {arn}")
    if (parsed["region"], parsed["account"]) != (context.region, context.account_id):
        raise _missing()
    return parsed["name"]


def _missing() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified lookup table does not exist.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
