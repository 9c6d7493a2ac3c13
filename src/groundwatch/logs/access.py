"""What each operation of CloudWatch Logs is checked against: the exact strings that the real service puts into denials.

Group-level actions are checked against the group's ARN with an empty stream (`…:log-group:NAME:log-stream:`), so that a
policy on `log-group:NAME:*` covers them; tagging by ARN is checked against the bare group ARN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.logs.arns import canonical_arn, group_name_of, log_group_arn, log_stream_arn
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.insights.reach import Reach, reach_of
from groundwatch.logs.lookup_tables import lookup_table_arn
from groundwatch.logs.pointers import parse_pointer
from groundwatch.logs.schedules.store import schedule_arn

STREAM_ACTIONS = frozenset({"CreateLogStream", "DeleteLogStream", "PutLogEvents", "GetLogEvents"})
MANY_GROUPS_ACTIONS = frozenset({"StartLiveTail", "StartQuery"})
QUERY_ACTIONS = frozenset({"GetQueryResults", "StopQuery", "DescribeQueries"})
"""Queries are no resources of policies (Service Authorization Reference, CloudWatch Logs)."""
ALL_GROUPS_ACTIONS = frozenset({"DescribeLogGroups"})
TAG_ACTIONS = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})
DESTINATION_ACTIONS = frozenset({"PutDestination", "PutDestinationPolicy", "DeleteDestination"})
ACCOUNT_POLICY_ACTIONS = {
    "PutAccountPolicy": "logs:PutSubscriptionFilter",
    "DescribeAccountPolicies": "logs:DescribeSubscriptionFilters",
    "DeleteAccountPolicy": "logs:DeleteSubscriptionFilter",
}
"""A subscription policy is a filter of every log group, so its operations need the filter's permission as well."""
SERVICE_PRINCIPAL = "logs.amazonaws.com"
TAG_MEMBERS = frozenset({"tags", "tagKeys"})
SCHEDULE_ACTIONS = frozenset(
    {
        *("CreateScheduledQuery", "GetScheduledQuery", "UpdateScheduledQuery", "DeleteScheduledQuery"),
        "GetScheduledQueryHistory",
    }
)
LOOKUP_ACTIONS = frozenset({"CreateLookupTable", "GetLookupTable", "UpdateLookupTable", "DeleteLookupTable"})
FURTHER_MEMBERS = frozenset(
    {"queryString", "logGroupIdentifier", "policyType", "unmask", "roleArn", "executionRoleArn"}
)
"""Input that may call for more than the operation's own permission."""


def logs_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return what the caller's policies must allow before `operation` runs."""
    action, keys = f"logs:{operation}", _tag_keys(params)
    checks = [AccessCheck(action, resource, keys) for resource in _resources(operation, params, context)]
    return (*checks, *_further_checks(operation, params, context))


def _further_checks(operation: str, params: Mapping[str, Any], context: RequestContext) -> list[AccessCheck]:
    """Return what is needed beside the operation's own permission.

    A subscription policy needs the same as the filter that it is, `unmask` Unmask, and a role handed over PassRole.
    """
    if FURTHER_MEMBERS.isdisjoint(params):
        return []
    checks = []
    role = params.get("roleArn")
    if operation in ACCOUNT_POLICY_ACTIONS and params.get("policyType") == "SUBSCRIPTION_FILTER_POLICY":
        everywhere = log_group_arn(context.region, context.account_id, "*")
        checks.append(AccessCheck(ACCOUNT_POLICY_ACTIONS[operation], everywhere))
        role = _role_in(params.get("policyDocument"))
    if operation == "StartQuery":
        # A table's content is in the result: who may not read the one must not read the other (docs/insights.md).
        tenant = Tenant(context.account_id, context.region)
        reach = _reach(params)
        checks += [AccessCheck("logs:GetLookupTable", lookup_table_arn(tenant, name)) for name in reach.tables]
        # Which groups prefixes choose is not known here: only who may unmask all may do it there.
        unmasked = [*_many_groups(operation, params, context), *(["*"] if reach.prefixes else [])]
        checks += [AccessCheck("logs:Unmask", group) for group in unmasked] if reach.unmasks else []
    if params.get("unmask"):
        # Asked for whether or not anything is masked (GetLogEvents, unmask); a permission on groups, not on streams.
        checks.append(AccessCheck("logs:Unmask", _resource("Unmask", params, context)))
    if params.get("logGroupName") and params.get("logGroupIdentifier"):
        # The operation refuses both; a service elsewhere, asked in its place, may look at the other one.
        other = {**params, "logGroupName": None}
        checks.append(AccessCheck(f"logs:{operation}", _resource(operation, other, context)))
    passed = {"iam:PassedToService": [SERVICE_PRINCIPAL]}
    roles = [role] if role else _roles_of_schedule(params)
    return checks + [AccessCheck("iam:PassRole", str(each), passed) for each in roles]


def _roles_of_schedule(params: Mapping[str, Any]) -> list[object]:
    """Return the roles that a scheduled query is handed: to run under, and to deliver under."""
    delivery = (params.get("destinationConfiguration") or {}).get("s3Configuration") or {}
    return [role for role in (params.get("executionRoleArn"), delivery.get("roleArn")) if role]


def _role_in(document: str | None) -> object:
    try:
        read = json.loads(document or "{}")
    except ValueError:
        # The operation refuses what is no document.
        return None
    return read.get("RoleArn") if isinstance(read, dict) else None


def _resources(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[str]:
    if operation in MANY_GROUPS_ACTIONS:
        return _many_groups(operation, params, context)
    if operation in LOOKUP_ACTIONS:
        given = params.get("lookupTableArn")
        known = lookup_table_arn(Tenant(context.account_id, context.region), str(params.get("lookupTableName")))
        return [canonical_arn(given) if given else known]
    if operation in SCHEDULE_ACTIONS:
        # By a name the id in the ARN is not known here: only who may do it to all may use names.
        identifier = str(params.get("identifier", ""))
        everyone = schedule_arn(Tenant(context.account_id, context.region), "*")
        return [identifier if identifier.startswith("arn:") else everyone]
    return ["*"] if operation in QUERY_ACTIONS else [_resource(operation, params, context)]


def _many_groups(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[str]:
    """Return the groups of a request, each of which must be allowed like the one group of another operation.

    Raises `MalformedQueryException` for a query that cannot be read, since nobody knows what it is about.
    """
    listed = [*(params.get("logGroupIdentifiers") or ()), *(params.get("logGroupNames") or ())]
    listed += [params["logGroupName"]] if params.get("logGroupName") else []
    reach = _reach(params)
    found = [_resource(operation, {"logGroupIdentifier": name}, context) for name in (*listed, *reach.names)]
    # What prefixes choose is asked for by the operation, which finds the groups (insights/choice.py). A call that names
    # none at all is refused by the operation, to who may do it to all.
    return list(dict.fromkeys(found)) or ([] if reach.prefixes else ["*"])


def _reach(params: Mapping[str, Any]) -> Reach:
    if "queryString" not in params:
        return Reach()
    return reach_of(params.get("queryLanguage") or "CWLI", params["queryString"])


def _resource(operation: str, params: Mapping[str, Any], context: RequestContext) -> str:
    region, account_id = context.region, context.account_id
    if operation in ALL_GROUPS_ACTIONS:
        return log_stream_arn(region, account_id, group="", stream="")
    if operation in TAG_ACTIONS:
        return canonical_arn(params["resourceArn"])
    if operation in DESTINATION_ACTIONS:
        return f"arn:aws:logs:{region}:{account_id}:destination:{params['destinationName']}"
    if params.get("logRecordPointer"):
        return log_stream_arn(region, account_id, group=parse_pointer(params["logRecordPointer"]).group, stream="")
    named = params.get("logGroupName") or params.get("logGroupIdentifier")
    if named is None:
        return "*"
    group = group_name_of(named, region=region, account_id=account_id)
    stream = params.get("logStreamName", "") if operation in STREAM_ACTIONS else ""
    return log_stream_arn(region, account_id, group, stream)


def _tag_keys(params: Mapping[str, Any]) -> dict[str, list[str]]:
    if TAG_MEMBERS.isdisjoint(params):
        return {}
    tags = params.get("tags") or {}
    # UntagLogGroup names its list of keys `tags`; only what brings values requests tags.
    values = tags if isinstance(tags, Mapping) else {}
    keys = {f"aws:RequestTag/{name}": [value] for name, value in values.items()}
    named = list(tags) or list(params.get("tagKeys") or ())
    return keys | ({"aws:TagKeys": named} if named else {})
