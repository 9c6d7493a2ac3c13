"""Resource policies, and account policies of the one type that subscribes log groups."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.logs.arns import canonical_arn
from groundwatch.logs.events import invalid_token
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.patterns.parse import parse_pattern
from groundwatch.logs.subscriptions.checks import read_wish
from groundwatch.logs.subscriptions.policies import (
    SUBSCRIPTION_FILTER_POLICY,
    ResourcePolicyRecord,
    read_document,
    read_selection,
)
from groundwatch.logs.subscriptions.records import AccountPolicy
from groundwatch.logs.tokens import seal, unseal

MAX_NAME_CHARACTERS = 512
"""As for the names of filters and destinations; for policies no length is documented, but an index has to hold them."""
MAX_DOCUMENT_CHARACTERS = 30_720
MAX_CRITERIA_BYTES = 25 * 1024
PAGE_POLICIES = 50


class PolicyOperations(Operations):
    """Operations on resource policies and account policies.

    Resource policies let AWS services write to log groups. No such service calls this server, so they are kept and
    described and grant nothing: to users, roles and accounts they do not apply in the real service either.
    """

    async def put_resource_policy(
        self,
        context: RequestContext,
        *,
        policy_name: str | None = None,
        policy_document: str | None = None,
        resource_arn: str | None = None,
        expected_revision_id: str | None = None,
    ) -> dict[str, object]:
        """Make or replace a policy of the account, or the one that is attached to a log group."""
        if not policy_document:
            raise _invalid("policyDocument must be specified.")
        self._room.subscriptions.check_policy(policy_document)
        scope, name = await self._resource_policy_name(context, policy_name, resource_arn)
        wanted = ResourcePolicyRecord(scope, name, policy_document, "", context.received_ms)
        stored = await self._room.subscriptions.policies.put_resource_policy(
            tenant_of(context), wanted, expected_revision_id
        )
        answer: dict[str, object] = {"resourcePolicy": _resource_policy(stored)}
        return answer | ({"revisionId": stored.revision} if scope == "RESOURCE" else {})

    async def describe_resource_policies(
        self,
        context: RequestContext,
        *,
        next_token: str | None = None,
        limit: int = PAGE_POLICIES,
        resource_arn: str | None = None,
        policy_scope: str | None = None,
    ) -> dict[str, object]:
        """List the policies of one scope, by default those of the account."""
        scope = policy_scope or ("RESOURCE" if resource_arn else "ACCOUNT")
        attached_to = canonical_arn(resource_arn) if resource_arn else None
        request = ["resource-policies", context.account_id, context.region, scope, attached_to]
        after = str(unseal(request, next_token, str)[0]) if next_token else ""
        found = await self._room.subscriptions.policies.resource_policies(
            tenant_of(context), scope, name=attached_to, after=after, limit=limit + 1
        )
        page = found[:limit]
        answer: dict[str, object] = {"resourcePolicies": [_resource_policy(item) for item in page]}
        if len(found) > limit:
            answer["nextToken"] = seal(request, [page[-1].name])
        return answer

    async def delete_resource_policy(
        self,
        context: RequestContext,
        *,
        policy_name: str | None = None,
        resource_arn: str | None = None,
        expected_revision_id: str | None = None,
    ) -> None:
        """Remove a resource policy."""
        scope, name = await self._resource_policy_name(context, policy_name, resource_arn)
        removed = await self._room.subscriptions.policies.delete_resource_policy(
            tenant_of(context), scope, name, expected_revision_id
        )
        if not removed:
            raise _missing(name)

    async def put_account_policy(
        self,
        context: RequestContext,
        *,
        policy_name: str,
        policy_document: str,
        policy_type: str,
        scope: str = "ALL",
        selection_criteria: str | None = None,
        dry_run: bool = False,
    ) -> dict[str, object]:
        """Subscribe every standard log group of the account in this region, except those that the criteria name."""
        _refuse_dry_run("PutAccountPolicy", dry_run=dry_run)
        _refuse_other_types("PutAccountPolicy", policy_type)
        _check_sizes(policy_name, policy_document, selection_criteria)
        read_selection(selection_criteria)
        document = read_document(policy_document)
        wish = read_wish(document.destination_arn, document.role_arn)
        parse_pattern(document.filter_pattern)
        desk = self._room.subscriptions
        await desk.checks.check_function(context, wish)
        # Checked like a filter of every group; "*" stands for their names in the role's conditions.
        await desk.checks.check_stream(context, wish, "*")
        policy = AccountPolicy(
            number=0,
            tenant=tenant_of(context),
            name=policy_name,
            document=policy_document,
            selection_criteria=selection_criteria,
            created_ms=context.received_ms,
            updated_ms=context.received_ms,
        )
        await desk.policies.put_account_policy(policy)
        await desk.changed()
        return {"accountPolicy": _account_policy(policy) | {"scope": scope}}

    async def describe_account_policies(
        self,
        context: RequestContext,
        *,
        policy_type: str,
        policy_name: str | None = None,
        account_identifiers: list[str] | None = None,
        next_token: str | None = None,
    ) -> dict[str, object]:
        """List the account's policies of one type: at most one, so there is never a second page."""
        if next_token:
            raise invalid_token()
        if set(account_identifiers or ()) - {context.account_id}:
            raise NotImplementedByServer("DescribeAccountPolicies for other accounts")
        # Policies of other types cannot be put, so that there are none is the true answer.
        if policy_type != SUBSCRIPTION_FILTER_POLICY:
            return {"accountPolicies": []}
        found = await self._room.subscriptions.policies.account_policies(tenant_of(context))
        chosen = [item for item in found if policy_name in (None, item.name)]
        if policy_name and not chosen:
            raise _missing(policy_name)
        return {"accountPolicies": [_account_policy(item) for item in chosen]}

    async def delete_account_policy(
        self, context: RequestContext, *, policy_name: str, policy_type: str, dry_run: bool = False
    ) -> None:
        """Stop the deliveries of an account policy."""
        _refuse_dry_run("DeleteAccountPolicy", dry_run=dry_run)
        _refuse_other_types("DeleteAccountPolicy", policy_type)
        if not await self._room.subscriptions.policies.delete_account_policy(tenant_of(context), policy_name):
            raise _missing(policy_name)
        await self._room.subscriptions.changed()

    async def _resource_policy_name(
        self, context: RequestContext, policy_name: str | None, resource_arn: str | None
    ) -> tuple[str, str]:
        """Return scope and name; a policy is attached to a log group that exists, or it has a name."""
        if resource_arn:
            arn = canonical_arn(resource_arn)
            await self._group(context, None, arn)
            return "RESOURCE", arn
        if not policy_name:
            raise _invalid("policyName must be specified.")
        _check_name(policy_name)
        return "ACCOUNT", policy_name


def _refuse_other_types(operation: str, policy_type: str) -> None:
    if policy_type != SUBSCRIPTION_FILTER_POLICY:
        raise NotImplementedByServer(f"{operation} with policyType {policy_type}")


def _refuse_dry_run(operation: str, *, dry_run: bool) -> None:
    # Documented for retention policies alone.
    if dry_run:
        raise NotImplementedByServer(f"{operation}.dryRun")


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_CHARACTERS:
        raise _invalid(f"policyName is longer than {MAX_NAME_CHARACTERS} characters.")


def _check_sizes(name: str, document: str, criteria: str | None) -> None:
    if not name or name.lower().startswith("aws/"):
        raise _invalid("policyName must not be empty and must not start with aws/.")
    _check_name(name)
    if len(document) > MAX_DOCUMENT_CHARACTERS:
        raise _invalid(f"policyDocument is longer than {MAX_DOCUMENT_CHARACTERS} characters.")
    if criteria and len(criteria.encode()) > MAX_CRITERIA_BYTES:
        raise _invalid(f"selectionCriteria is larger than {MAX_CRITERIA_BYTES} bytes.")


def _resource_policy(policy: ResourcePolicyRecord) -> dict[str, object]:
    described: dict[str, object] = {
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated_ms,
        "policyScope": policy.scope,
    }
    if policy.scope == "RESOURCE":
        return described | {"resourceArn": policy.name, "revisionId": policy.revision}
    return described | {"policyName": policy.name}


def _account_policy(policy: AccountPolicy) -> dict[str, object]:
    described: dict[str, object] = {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated_ms,
        "policyType": SUBSCRIPTION_FILTER_POLICY,
        "scope": "ALL",
        "accountId": policy.tenant.account_id,
    }
    return described | ({"selectionCriteria": policy.selection_criteria} if policy.selection_criteria else {})


def _missing(name: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"Policy with name [{name}] does not exist.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
