"""Log groups: create, delete, describe, retention."""

from __future__ import annotations

from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.arns import group_name_of, log_group_arn
from groundwatch.logs.catalog import LogGroup
from groundwatch.logs.name_pattern import EVERY_NAME, NamePattern, TagFilter, matches_tags, parse_name_pattern
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.tags import check_tag_keys
from groundwatch.logs.tokens import seal, unseal

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What PutRetentionPolicy allows; the service model does not say it, its documentation does."""
PAGE_GROUPS = 50
TAG_PORTION = 1_000
"""How many groups are read at a time when they are chosen by tags."""
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
        check_tag_keys(tags)
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
        await self._room.catalog.delete_group(group)
        self._room.reclaimer.wake()

    async def describe_log_groups(
        self,
        context: RequestContext,
        *,
        log_group_name_prefix: str = "",
        log_group_name_pattern: str = "",
        log_group_class: str | None = None,
        log_group_identifiers: list[str] | None = None,
        account_identifiers: list[str] | None = None,
        include_linked_accounts: bool = False,  # noqa: ARG002 - no account here is linked to another
        next_token: str | None = None,
        limit: int = PAGE_GROUPS,
    ) -> dict[str, object]:
        """List groups with their settings, sorted by name."""
        _refuse_other_accounts("DescribeLogGroups", context, account_identifiers)
        if log_group_name_prefix and log_group_name_pattern:
            raise ServiceError(
                "InvalidParameterException",
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
            )
        chosen = (log_group_name_prefix, log_group_name_pattern, log_group_class)
        if log_group_identifiers and any(chosen):
            raise ServiceError(
                "InvalidParameterException", "logGroupIdentifiers cannot be combined with other parameters."
            )
        request = [context.account_id, context.region, *chosen, log_group_identifiers]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        groups = await self._room.catalog.groups(
            tenant_of(context),
            after=after,
            limit=limit + 1,
            pattern=NamePattern(
                parts=(log_group_name_pattern,) if log_group_name_pattern else (),
                prefixes=(log_group_name_prefix,) if log_group_name_prefix else (),
            ),
            classes=_classes(log_group_class),
            names=_names(context, log_group_identifiers),
        )
        page = groups[:limit]
        stored = await self._room.store.stored_bytes([group.number for group in page]) if page else {}
        filters = await self._room.subscriptions.metric_filters.counts([group.number for group in page])
        described = [_described(group, stored.get(group.number, 0), filters.get(group.number, 0)) for group in page]
        answer: dict[str, object] = {"logGroups": described}
        if len(groups) > limit:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def list_log_groups(
        self,
        context: RequestContext,
        *,
        log_group_name_pattern: str = "",
        log_group_class: str | None = None,
        log_group_tags: list[dict[str, Any]] | None = None,
        account_identifiers: list[str] | None = None,
        include_linked_accounts: bool = False,  # noqa: ARG002 - no account here is linked to another
        next_token: str | None = None,
        limit: int = PAGE_GROUPS,
    ) -> dict[str, object]:
        """List the names of groups, sorted, by pattern, class and tags."""
        _refuse_other_accounts("ListLogGroups", context, account_identifiers)
        request = [context.account_id, context.region, log_group_name_pattern, log_group_class, log_group_tags]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        tags = [TagFilter(wanted["key"], tuple(wanted.get("values") or ())) for wanted in log_group_tags or ()]
        found: list[LogGroup] = []
        # Tags are looked at here, not in SQL: a page of one group should not mean a query a group.
        portion = max(limit + 1, TAG_PORTION) if tags else limit + 1
        while len(found) <= limit:
            groups = await self._room.catalog.groups(
                tenant_of(context),
                after=after,
                limit=portion,
                pattern=parse_name_pattern(log_group_name_pattern) if log_group_name_pattern else EVERY_NAME,
                classes=_classes(log_group_class),
            )
            found += [group for group in groups if matches_tags(group.tags, tags)]
            if len(groups) < portion:
                break
            after = groups[-1].name
        answer: dict[str, object] = {"logGroups": [_listed(group) for group in found[:limit]]}
        if len(found) > limit:
            answer["nextToken"] = seal(request, [found[limit - 1].name])
        return answer

    async def put_log_group_deletion_protection(
        self, context: RequestContext, *, log_group_identifier: str, deletion_protection_enabled: bool
    ) -> None:
        """Protect a group, its streams and events from deletion, or lift the protection."""
        group = await self._group(context, None, log_group_identifier)
        await self._room.catalog.change_group(group, deletion_protection=deletion_protection_enabled)

    async def put_retention_policy(
        self, context: RequestContext, *, log_group_name: str, retention_in_days: int
    ) -> None:
        """Let events expire after so many days; expired events are never shown."""
        # The model takes any integer, so the list is checked here, in words that the service was seen to use.
        if retention_in_days not in RETENTION_DAYS:
            valid = ", ".join(map(str, RETENTION_DAYS))
            raise ServiceError("InvalidParameterException", f"Invalid retention value. Valid values are: [{valid}]")
        group = await self._group(context, log_group_name)
        await self._room.catalog.change_group(group, retention_in_days=retention_in_days)
        # What has expired under the new retention is hidden at once; its space need not wait for the hourly run.
        self._room.reclaimer.wake()

    async def delete_retention_policy(self, context: RequestContext, *, log_group_name: str) -> None:
        """Let events never expire; also succeeds where no retention was set."""
        group = await self._group(context, log_group_name)
        await self._room.catalog.change_group(group, retention_in_days=None)


def _refuse_other_accounts(operation: str, context: RequestContext, account_ids: list[str] | None) -> None:
    if set(account_ids or ()) - {context.account_id}:
        raise NotImplementedByServer(f"{operation} for other accounts")


def _classes(log_group_class: str | None) -> tuple[str, ...]:
    """The service answers either of the two cheap classes with groups of both (DescribeLogGroups, logGroupClass)."""
    if log_group_class is None:
        return ()
    return CHEAP_CLASSES if log_group_class in CHEAP_CLASSES else (log_group_class,)


def _names(context: RequestContext, identifiers: list[str] | None) -> list[str] | None:
    if identifiers is None:
        return None
    return [group_name_of(item, region=context.region, account_id=context.account_id) for item in identifiers]


def _listed(group: LogGroup) -> dict[str, object]:
    arn = log_group_arn(group.tenant.region, group.tenant.account_id, group.name)
    return {"logGroupName": group.name, "logGroupArn": arn, "logGroupClass": group.log_group_class}


def _described(group: LogGroup, stored_bytes: int, metric_filters: int) -> dict[str, object]:
    arn = log_group_arn(group.tenant.region, group.tenant.account_id, group.name)
    described: dict[str, object] = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": metric_filters,
        "arn": f"{arn}:*",
        "storedBytes": stored_bytes,
        "logGroupClass": group.log_group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.deletion_protection,
    }
    if group.retention_in_days is not None:
        described["retentionInDays"] = group.retention_in_days
    return described
