"""Saved Insights queries: put, describe, delete."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.query_definitions import QueryDefinition
from groundwatch.logs.tokens import seal, unseal

PAGE_DEFINITIONS = 1_000


class QueryDefinitionOperations(Operations):
    """Operations on saved queries; the query itself is judged when it is run."""

    async def put_query_definition(
        self,
        context: RequestContext,
        *,
        name: str,
        query_string: str,
        query_language: str = "CWLI",
        query_definition_id: str | None = None,
        log_group_names: list[str] | None = None,
        parameters: list[dict[str, str]] | None = None,
        client_token: str | None = None,
    ) -> dict[str, object]:
        """Save a query, or replace the one of that id: what is left out is cleared."""
        _check_parameters(query_language, parameters or [])
        definition = QueryDefinition(
            id=query_definition_id or "",
            name=name,
            language=query_language,
            query=query_string,
            log_group_names=log_group_names or [],
            parameters=parameters or [],
            modified_ms=context.received_ms,
        )
        stored = await self._room.query_definitions.put(tenant_of(context), definition, client_token)
        if stored is None:
            raise _missing()
        return {"queryDefinitionId": stored}

    async def describe_query_definitions(
        self,
        context: RequestContext,
        *,
        query_language: str | None = None,
        query_definition_name_prefix: str = "",
        max_results: int = PAGE_DEFINITIONS,
        next_token: str | None = None,
    ) -> dict[str, object]:
        """List saved queries, sorted by name."""
        tenant = tenant_of(context)
        request = ["query-definitions", *(tenant.account_id, tenant.region), query_definition_name_prefix]
        request.append(query_language or "")
        # Names may repeat, so a page ends at a name and an id.
        name, number = map(str, unseal(request, next_token, str, str)) if next_token else ("", "")
        found = await self._room.query_definitions.page(
            tenant,
            prefix=query_definition_name_prefix,
            language=query_language,
            after=(name, number),
            limit=max_results + 1,
        )
        page = found[:max_results]
        answer: dict[str, object] = {"queryDefinitions": [_described(item) for item in page]}
        if len(found) > max_results:
            answer["nextToken"] = seal(request, [page[-1].name, page[-1].id])
        return answer

    async def delete_query_definition(self, context: RequestContext, *, query_definition_id: str) -> dict[str, object]:
        """Remove a saved query."""
        if not await self._room.query_definitions.remove(tenant_of(context), query_definition_id):
            raise _missing()
        return {"success": True}


def _check_parameters(language: str, parameters: list[dict[str, str]]) -> None:
    if parameters and language != "CWLI":
        # Query parameters are for Insights' own language (User Guide, saved queries with parameters).
        raise _invalid("Query parameters are supported for the query language CWLI only.")
    names = [parameter["name"] for parameter in parameters]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _invalid(f"The query parameter {repeated[0]} is declared more than once.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _missing() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified query definition does not exist.")


def _described(definition: QueryDefinition) -> dict[str, object]:
    described: dict[str, object] = {
        "queryLanguage": definition.language,
        "queryDefinitionId": definition.id,
        "name": definition.name,
        "queryString": definition.query,
        "lastModified": definition.modified_ms,
        "logGroupNames": definition.log_group_names,
    }
    return described | ({"parameters": definition.parameters} if definition.parameters else {})
