"""Subscription filters: put, describe, delete."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.operations.room import Operations
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.subscriptions.checks import read_wish
from groundwatch.logs.subscriptions.records import SubscriptionFilter
from groundwatch.logs.tokens import seal, unseal

PAGE_FILTERS = 50


class SubscriptionOperations(Operations):
    """Operations on subscription filters."""

    async def put_subscription_filter(
        self,
        context: RequestContext,
        *,
        log_group_name: str,
        filter_name: str,
        filter_pattern: str,
        destination_arn: str,
        role_arn: str | None = None,
        distribution: str = "ByLogStream",
        apply_on_transformed_logs: bool = False,
    ) -> None:
        """Deliver what matches from now on, after a test message has arrived at the destination."""
        if apply_on_transformed_logs:
            raise NotImplementedByServer("PutSubscriptionFilter.applyOnTransformedLogs")
        desk = self._room.subscriptions
        # In the order in which the service is seen to refuse: the function before the group, the stream after it.
        wish = read_wish(destination_arn, role_arn)
        await desk.checks.check_function(context, wish)
        group = await self._standard_group(context, log_group_name)
        parse_pattern(filter_pattern)
        await desk.checks.check_stream(context, wish, group.name)
        await desk.store.put_filter(
            SubscriptionFilter(
                number=0,
                group_number=group.number,
                name=filter_name,
                pattern=filter_pattern,
                destination_arn=destination_arn,
                role_arn=role_arn,
                distribution=distribution,
                created_ms=context.received_ms,
            )
        )
        await desk.changed()

    async def describe_subscription_filters(
        self,
        context: RequestContext,
        *,
        log_group_name: str,
        filter_name_prefix: str = "",
        next_token: str | None = None,
        limit: int = PAGE_FILTERS,
    ) -> dict[str, object]:
        """List the subscription filters of a group, sorted by name."""
        group = await self._standard_group(context, log_group_name)
        request = ["subscription-filters", group.number, filter_name_prefix]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        filters = await self._room.subscriptions.store.filters(
            group, prefix=filter_name_prefix, after=after, limit=limit + 1
        )
        page = filters[:limit]
        answer: dict[str, object] = {"subscriptionFilters": [_described(group, item) for item in page]}
        if len(filters) > limit:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def delete_subscription_filter(
        self, context: RequestContext, *, log_group_name: str, filter_name: str
    ) -> None:
        """Stop deliveries; what waits for this filter is not delivered any more."""
        group = await self._group(context, log_group_name)
        if not await self._room.subscriptions.store.delete_filter(group, filter_name):
            raise ServiceError("ResourceNotFoundException", "The specified subscription filter does not exist.")
        await self._room.subscriptions.changed()


def _described(group: LogGroup, filter_: SubscriptionFilter) -> dict[str, object]:
    described: dict[str, object] = {
        "filterName": filter_.name,
        "logGroupName": group.name,
        "filterPattern": filter_.pattern,
        "destinationArn": filter_.destination_arn,
        "distribution": filter_.distribution,
        "applyOnTransformedLogs": False,
        "creationTime": filter_.created_ms,
    }
    return described | ({"roleArn": filter_.role_arn} if filter_.role_arn else {})
