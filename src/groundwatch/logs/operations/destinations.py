"""Logical destinations: put, describe, delete, their access policies and tags."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.operations.room import tenant_of
from groundwatch.logs.operations.tags import TagOperations
from groundwatch.logs.subscriptions.records import Destination
from groundwatch.logs.subscriptions.vendors import LOGS, parse_target
from groundwatch.logs.tags import adding, check_tag_keys, removing
from groundwatch.logs.tokens import seal, unseal

PAGE_DESTINATIONS = 50
MAX_POLICY_BYTES = 5_120


class DestinationOperations(TagOperations):
    """Operations on destinations; the TagResource family takes their ARNs beside those of log groups."""

    async def put_destination(
        self,
        context: RequestContext,
        *,
        destination_name: str,
        target_arn: str,
        role_arn: str,
        tags: dict[str, str] | None = None,
    ) -> dict[str, object]:
        """Make a destination, or give the one of that name another target, after a test message has arrived there."""
        check_tag_keys(tags)
        wanted = Destination(
            tenant=tenant_of(context),
            name=destination_name,
            target_arn=target_arn,
            role_arn=role_arn,
            access_policy=None,
            tags=tags or {},
            created_ms=context.received_ms,
        )
        await self._room.subscriptions.checks.check_target(wanted)
        stored = await self._room.subscriptions.store.put_destination(wanted)
        await self._room.subscriptions.changed()
        return {"destination": _described(stored)}

    async def put_destination_policy(
        self,
        context: RequestContext,
        *,
        destination_name: str,
        access_policy: str,
        force_update: bool = False,  # noqa: ARG002 - a policy is replaced here whoever subscribes already
    ) -> None:
        """Say which accounts may subscribe their log groups to a destination."""
        if len(access_policy.encode()) > MAX_POLICY_BYTES:
            raise ServiceError("InvalidParameterException", f"accessPolicy is larger than {MAX_POLICY_BYTES} bytes.")
        desk = self._room.subscriptions
        desk.check_policy(access_policy)
        if not await desk.store.change_destination(tenant_of(context), destination_name, access_policy=access_policy):
            raise _missing()

    async def describe_destinations(
        self,
        context: RequestContext,
        *,
        destination_name_prefix: str = "",
        next_token: str | None = None,
        limit: int = PAGE_DESTINATIONS,
    ) -> dict[str, object]:
        """List the caller's destinations, sorted by name."""
        request = ["destinations", context.account_id, context.region, destination_name_prefix]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        found = await self._room.subscriptions.store.destinations(
            tenant_of(context), prefix=destination_name_prefix, after=after, limit=limit + 1
        )
        page = found[:limit]
        answer: dict[str, object] = {"destinations": [_described(item) for item in page]}
        if len(found) > limit:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def delete_destination(self, context: RequestContext, *, destination_name: str) -> None:
        """Remove a destination; filters that name it stay, and deliver nothing."""
        if not await self._room.subscriptions.store.delete_destination(tenant_of(context), destination_name):
            raise _missing()
        await self._room.subscriptions.changed()

    async def tag_resource(self, context: RequestContext, *, resource_arn: str, tags: dict[str, str]) -> None:
        """Add tags to a group or destination; a tag that is there gets the new value."""
        if not _is_destination(resource_arn):
            await super().tag_resource(context, resource_arn=resource_arn, tags=tags)
            return
        destination = await self._destination(context, resource_arn)
        change = adding(tags, destination.name)
        await self._room.subscriptions.store.change_tags(destination.tenant, destination.name, change)

    async def untag_resource(self, context: RequestContext, *, resource_arn: str, tag_keys: list[str]) -> None:
        """Take tags off a group or destination; keys that it does not have are passed over."""
        if not _is_destination(resource_arn):
            await super().untag_resource(context, resource_arn=resource_arn, tag_keys=tag_keys)
            return
        destination = await self._destination(context, resource_arn)
        change = removing(tag_keys)
        await self._room.subscriptions.store.change_tags(destination.tenant, destination.name, change)

    async def list_tags_for_resource(self, context: RequestContext, *, resource_arn: str) -> dict[str, object]:
        """Return the tags of a group or destination."""
        if not _is_destination(resource_arn):
            return await super().list_tags_for_resource(context, resource_arn=resource_arn)
        return {"tags": (await self._destination(context, resource_arn)).tags}

    async def _destination(self, context: RequestContext, arn: str) -> Destination:
        named = parse_target(arn)
        # Only the owner may know that there is one: others are told that there is none.
        is_own = (named.vendor, named.account_id, named.region) == (LOGS, context.account_id, context.region)
        found = await self._room.subscriptions.store.destination(tenant_of(context), named.name) if is_own else None
        if found is None:
            raise _missing()
        return found


def _is_destination(arn: str) -> bool:
    # The part after the account says what an ARN names: log-group or destination.
    return arn.startswith("arn:") and arn.split(":", 6)[5:6] == ["destination"]


def _missing() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified destination does not exist.")


def _described(destination: Destination) -> dict[str, object]:
    described: dict[str, object] = {
        "destinationName": destination.name,
        "targetArn": destination.target_arn,
        "roleArn": destination.role_arn,
        "arn": destination.arn,
        "creationTime": destination.created_ms,
    }
    return described | ({"accessPolicy": destination.access_policy} if destination.access_policy else {})
