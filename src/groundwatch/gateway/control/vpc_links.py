"""Operations on VPC links.

A link is available when the operator has said where its load balancer is; until then it has failed, as a link in the
service has whose load balancer cannot be reached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.connections.references import require_unused_link
from groundwatch.gateway.connections.values import VpcLink
from groundwatch.gateway.control import render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.ids import SHORT
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import ANY, Operations, Rule, Step, Table, apply_patch, required_text, text
from groundwatch.gateway.control.tag_rules import with_tags

_BALANCER = re.compile(
    r"arn:[a-z-]+:elasticloadbalancing:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):loadbalancer/net/\S+"
)


def _fixed(_: object, __: Step) -> None:
    raise bad_request("Target arns are not allowed to be changed/added.")


VPC_LINK = Table(
    (
        required_text("/name", "name"),
        text("/description", "description"),
        Rule("/targetArns", "target_arns", ANY, _fixed),
        Rule("/targetArns/{index}", "target_arns", ANY, _fixed),
    )
)


class VpcLinkOperations(ControlPlane):
    """CreateVpcLink and its kin."""

    async def create_vpc_link(
        self,
        context: RequestContext,
        *,
        name: str,
        target_arns: Sequence[str],
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Make a link to a network load balancer of the account."""
        _check_targets(target_arns, context)
        link = VpcLink(
            id=self._ids.identifier(SHORT),
            name=name,
            account_id=context.account_id,
            region=context.region,
            created_ms=self._clock_ms(),
            target_arns=list(target_arns),
            description=description,
            tags=with_tags({}, tags),
        )
        return self._shown(await self._store.connections.links.create(link))

    async def get_vpc_link(self, context: RequestContext, *, vpc_link_id: str) -> dict[str, Any]:
        """Return a link."""
        return self._shown(await self._store.connections.links.get(place_of(context), vpc_link_id))

    async def get_vpc_links(
        self, context: RequestContext, *, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the links of the account and region."""
        fetch = partial(self._store.connections.links.list, place_of(context))
        return await fetch_page(position, limit, fetch, render=self._shown)

    async def update_vpc_link(
        self, context: RequestContext, *, vpc_link_id: str, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Patch name and description of a link."""

        def edit(link: VpcLink) -> VpcLink:
            return apply_patch(VPC_LINK, link, patch_operations)

        return self._shown(await self._store.connections.links.update(place_of(context), vpc_link_id, edit))

    async def delete_vpc_link(self, context: RequestContext, *, vpc_link_id: str) -> None:
        """Remove a link that no live method goes through."""
        place = place_of(context)
        await self._store.connections.links.delete(
            place, vpc_link_id, lambda connection: require_unused_link(connection, place, vpc_link_id)
        )

    def _shown(self, link: VpcLink) -> dict[str, Any]:
        rendered = render.members(link, "account_id", "region", "created_ms")
        if link.target_arns[0] in self._operator.vpc_targets:
            return {**rendered, "status": "AVAILABLE"}
        message = f"The operator has not said with --vpc-links where {link.target_arns[0]} is"
        return {**rendered, "status": "FAILED", "statusMessage": message}


def _check_targets(target_arns: Sequence[str], context: RequestContext) -> None:
    if not target_arns:
        raise bad_request("No target arn specified for vpc link.")
    if len(target_arns) > 1:
        raise bad_request("More than one target arn specified for vpc link.")
    found = _BALANCER.fullmatch(target_arns[0])
    # Another account's load balancer may be one that the operator has mapped for that account alone.
    if found is None or (found["account"], found["region"]) != (context.account_id, context.region):
        raise bad_request(
            f"Invalid target arn specified for vpc link: {target_arns[0]}. It must be a network load balancer of "
            f"account {context.account_id} in {context.region}"
        )
