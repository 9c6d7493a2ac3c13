"""Log groups: create, delete, describe, retention."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.arns import log_group_arn
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.tokens import seal, unseal

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What PutRetentionPolicy allows; the service model does not say it, its documentation does."""
PAGE_GROUPS = 50
CHEAP_CLASSES = ("INFREQUENT_ACCESS", "ESSENTIALS")


class GroupOperations(Operations):
    """Operations on log groups."""

    async def create_log_group(
        self,
        context: RequestContext,
        *,
        log_group_name: str,
        tags: dict[str, str] | None = None,
        log_group_class: str = "STANDARD",
        deletion_protection_enabled: bool = False,
    ) -> None:
        """Make an empty log group whose events never expire."""
        if log_group_name.lower().startswith("aws/"):
            raise ServiceError("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")
        await self._room.catalog.create_group(
            tenant_of(context),
            log_group_name,
            log_group_class=log_group_class,
            deletion_protection=deletion_protection_enabled,
            tags=tags,
        )

    async def delete_log_group(self, context: RequestContext, *, log_group_name: str) -> None:
        """Remove a group with its streams and events; their space is reclaimed in the background."""
        group = await self._group(context, log_group_name)
        if group.deletion_protection:
            raise ServiceError(
                "ValidationException", "The log group cannot be deleted because deletion protection is enabled."
            )
        await self._room.catalog.delete_group(group)
        self._room.reclaimer.wake()

    async def describe_log_groups(
        self,
        context: RequestContext,
        *,
        log_group_name_prefix: str = "",
        log_group_name_pattern: str = "",
        log_group_class: str | None = None,
        next_token: str | None = None,
        limit: int = PAGE_GROUPS,
    ) -> dict[str, object]:
        """List groups sorted by name."""
        if log_group_name_prefix and log_group_name_pattern:
            raise ServiceError(
                "InvalidParameterException",
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            )
        request = [context.account_id, context.region, log_group_name_prefix, log_group_name_pattern, log_group_class]
        after = str(unseal(request, next_token)[0]) if next_token else ""
        groups = await self._room.catalog.groups(
            tenant_of(context),
            after=after,
            limit=limit + 1,
            prefix=log_group_name_prefix,
            part=log_group_name_pattern,
            classes=_classes(log_group_class),
        )
        page = groups[:limit]
        stored = await self._room.store.stored_bytes([group.number for group in page]) if page else {}
        answer: dict[str, object] = {"logGroups": [_described(group, stored.get(group.number, 0)) for group in page]}
        if len(groups) > limit:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def put_retention_policy(
        self, context: RequestContext, *, log_group_name: str, retention_in_days: int
    ) -> None:
        """Let events expire after so many days; expired events are never shown."""
        if retention_in_days not in RETENTION_DAYS:
            valid = ", ".join(map(str, RETENTION_DAYS))
            raise ServiceError("InvalidParameterException", f"Invalid retention value. Valid values are: [{valid}]")
        group = await self._group(context, log_group_name)
        await self._room.catalog.change_group(group, retention_in_days=retention_in_days)

    async def delete_retention_policy(self, context: RequestContext, *, log_group_name: str) -> None:
        """Let events never expire; also succeeds where no retention was set."""
        group = await self._group(context, log_group_name)
        await self._room.catalog.change_group(group, retention_in_days=None)


def _classes(log_group_class: str | None) -> tuple[str, ...]:
    """The service answers either of the two cheap classes with groups of both (DescribeLogGroups, logGroupClass)."""
    if log_group_class is None:
        return ()
    return CHEAP_CLASSES if log_group_class in CHEAP_CLASSES else (log_group_class,)


def _described(group: LogGroup, stored_bytes: int) -> dict[str, object]:
    arn = log_group_arn(group.tenant.region, group.tenant.account_id, group.name)
    described: dict[str, object] = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "storedBytes": stored_bytes,
        "logGroupClass": group.log_group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.deletion_protection,
    }
    if group.retention_in_days is not None:
        described["retentionInDays"] = group.retention_in_days
    return described
