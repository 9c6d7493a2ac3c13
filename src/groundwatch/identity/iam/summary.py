"""What an account has, in numbers."""

from __future__ import annotations

from sqlalchemy import Connection

from groundwatch.aws.context import RequestContext
from groundwatch.identity.iam import common
from groundwatch.identity.iam.attachments import POLICIES_PER_OWNER
from groundwatch.identity.iam.common import Answer
from groundwatch.identity.iam.documents import INLINE_LIMITS, MANAGED_LIMIT, TRUST_LIMIT
from groundwatch.identity.iam.groups import GROUPS_PER_USER
from groundwatch.identity.iam.keys import KEYS_PER_USER
from groundwatch.identity.iam.managed import POLICIES_PER_ACCOUNT, VERSIONS_PER_POLICY
from groundwatch.identity.records import entities
from groundwatch.identity.values import Entity, Group, ManagedPolicy, Role, User

COUNTED: dict[str, type[Entity]] = {"Users": User, "Groups": Group, "Roles": Role, "Policies": ManagedPolicy}
QUOTAS = {
    "AccessKeysPerUserQuota": KEYS_PER_USER,
    "AssumeRolePolicySizeQuota": TRUST_LIMIT,
    "AttachedPoliciesPerGroupQuota": POLICIES_PER_OWNER,
    "AttachedPoliciesPerRoleQuota": POLICIES_PER_OWNER,
    "AttachedPoliciesPerUserQuota": POLICIES_PER_OWNER,
    "GroupPolicySizeQuota": INLINE_LIMITS[Group],
    "GroupsPerUserQuota": GROUPS_PER_USER,
    "PoliciesQuota": POLICIES_PER_ACCOUNT,
    "PolicySizeQuota": MANAGED_LIMIT,
    "RolePolicySizeQuota": INLINE_LIMITS[Role],
    "UserPolicySizeQuota": INLINE_LIMITS[User],
    "VersionsPerPolicyQuota": VERSIONS_PER_POLICY,
}
"""The quotas that this server holds accounts to; those that it does not have are left out."""


class SummaryOperations(common.IamBase):
    """GetAccountSummary, ListAccountAliases."""

    async def get_account_summary(self, context: RequestContext) -> Answer:
        """Return counts and quotas of the account."""

        def work(connection: Connection) -> dict[str, int]:
            return {
                name: entities.count_entities(connection, entity, context.account_id)
                for name, entity in COUNTED.items()
            }

        return {"SummaryMap": await self._store.read(work) | QUOTAS}

    async def list_account_aliases(
        self,
        context: RequestContext,  # noqa: ARG002 - an operation
        *,
        marker: str | None = None,
        max_items: int = common.DEFAULT_PAGE,  # noqa: ARG002 - there is nothing to page through
    ) -> Answer:
        """Return no alias: accounts have none here."""
        common.read_marker(marker)
        return {"AccountAliases": [], "IsTruncated": False}
