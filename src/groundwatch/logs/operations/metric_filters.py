"""Metric filters: put, describe, delete, test."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.metric_filters.checks import check_transformation
from groundwatch.logs.metric_filters.records import MetricFilter, Transformation
from groundwatch.logs.metric_filters.store import ListedFilter, Listing
from groundwatch.logs.metric_filters.tokens import token_reader
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.patterns.predicate import compile_predicate
from groundwatch.logs.tokens import seal, unseal

PAGE_FILTERS = 50


class MetricFilterOperations(Operations):
    """Operations on metric filters."""

    async def put_metric_filter(
        self,
        context: RequestContext,
        *,
        log_group_name: str,
        filter_name: str,
        filter_pattern: str,
        metric_transformations: list[dict[str, Any]],
        apply_on_transformed_logs: bool = False,
        field_selection_criteria: str = "",
        emit_system_field_dimensions: list[str] | None = None,
    ) -> None:
        """Count what matches from now on."""
        if apply_on_transformed_logs:
            raise NotImplementedByServer("PutMetricFilter.applyOnTransformedLogs")
        if field_selection_criteria:
            raise NotImplementedByServer("PutMetricFilter.fieldSelectionCriteria")
        group = await self._standard_group(context, log_group_name)
        transformation = _transformation(metric_transformations[0])
        system_fields = emit_system_field_dimensions or []
        check_transformation(parse_pattern(filter_pattern), transformation, system_fields)
        desk = self._room.subscriptions
        await desk.metric_filters.put(
            MetricFilter(
                number=0,
                group_number=group.number,
                name=filter_name,
                pattern=filter_pattern,
                transformation=transformation,
                system_fields=system_fields,
                created_ms=context.received_ms,
            )
        )
        await desk.changed()

    async def describe_metric_filters(
        self,
        context: RequestContext,
        *,
        log_group_name: str | None = None,
        filter_name_prefix: str = "",
        metric_name: str | None = None,
        metric_namespace: str | None = None,
        next_token: str | None = None,
        limit: int = PAGE_FILTERS,
    ) -> dict[str, object]:
        """List metric filters sorted by name: those of a group, of a metric, or all of the account."""
        if (metric_name is None) != (metric_namespace is None):
            raise _invalid("metricName and metricNamespace must be specified together.")
        group = None if log_group_name is None else await self._group(context, log_group_name)
        wanted = Listing(
            tenant=tenant_of(context),
            group=group,
            # Without a group the service pays no heed to the prefix (DescribeMetricFilters, filterNamePrefix).
            prefix=filter_name_prefix if group is not None else "",
            metric=None if metric_name is None or metric_namespace is None else (metric_namespace, metric_name),
        )
        request = ["metric-filters", context.account_id, context.region, log_group_name, wanted.prefix, wanted.metric]
        after = tuple(map(str, unseal(request, next_token, str, str))) if next_token else ("", "")
        filters = await self._room.subscriptions.metric_filters.listed(
            wanted, after=(after[0], after[1]), limit=limit + 1
        )
        page = filters[:limit]
        answer: dict[str, object] = {"metricFilters": [_described(item) for item in page]}
        if len(filters) > limit:
            answer["nextToken"] = seal(request, [page[-1].filter_.name, page[-1].group_name])
        return answer

    async def delete_metric_filter(self, context: RequestContext, *, log_group_name: str, filter_name: str) -> None:
        """Count no more; what was counted stays."""
        group = await self._group(context, log_group_name)
        if not await self._room.subscriptions.metric_filters.delete(group, filter_name):
            raise ServiceError("ResourceNotFoundException", "The specified metric filter does not exist.")
        await self._room.subscriptions.changed()

    async def test_metric_filter(
        self, _context: RequestContext, *, filter_pattern: str, log_event_messages: list[str]
    ) -> dict[str, object]:
        """Say which messages a pattern matches, counted from one, and the fields that it names in them."""
        pattern = parse_pattern(filter_pattern)
        matches, read = compile_predicate(pattern), token_reader(pattern)
        found = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": read(message)}
            for number, message in enumerate(log_event_messages, 1)
            if matches(message)
        ]
        return {"matches": found}


def _transformation(given: dict[str, Any]) -> Transformation:
    return Transformation(
        metric_name=given["metricName"],
        metric_namespace=given["metricNamespace"],
        metric_value=given["metricValue"],
        default_value=given.get("defaultValue"),
        dimensions=given.get("dimensions") or {},
        unit=given.get("unit", "None"),
    )


def _described(listed: ListedFilter) -> dict[str, object]:
    filter_ = listed.filter_
    described: dict[str, object] = {
        "filterName": filter_.name,
        "filterPattern": filter_.pattern,
        "metricTransformations": [_transformed(filter_.transformation)],
        "creationTime": filter_.created_ms,
        "logGroupName": listed.group_name,
        "applyOnTransformedLogs": False,
    }
    return described | ({"emitSystemFieldDimensions": filter_.system_fields} if filter_.system_fields else {})


def _transformed(transformation: Transformation) -> dict[str, object]:
    shown: dict[str, object] = {
        "metricName": transformation.metric_name,
        "metricNamespace": transformation.metric_namespace,
        "metricValue": transformation.metric_value,
        "unit": transformation.unit,
    }
    if transformation.default_value is not None:
        shown["defaultValue"] = transformation.default_value
    if transformation.dimensions:
        shown["dimensions"] = transformation.dimensions
    return shown


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
