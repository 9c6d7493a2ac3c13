"""Tags of log groups, as policies see them."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.arns import GROUP_ARN
from groundwatch.logs.catalog import LogCatalog, Tenant


class LogGroupTags:
    """Implements the source of `aws:ResourceTag/…` for groups; a stream has the tags of its group."""

    def __init__(self, catalog: LogCatalog) -> None:
        self._catalog = catalog

    async def tags_of(self, context: RequestContext, resource: str) -> Mapping[str, str]:
        """Return the tags of the group that an ARN names, or to whose streams it belongs."""
        found = GROUP_ARN.match(resource)
        if found is None or (found["region"], found["account"]) != (context.region, context.account_id):
            return {}
        try:
            return (await self._catalog.group(Tenant(context.account_id, context.region), found["name"])).tags
        except ServiceError:
            # There is no such group: the operation itself says so, to those who may know.
            return {}
