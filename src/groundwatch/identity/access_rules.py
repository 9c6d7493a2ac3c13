"""Which action on which resource each operation of IAM and STS needs: a table, and one function that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.aws.tag_keys import request_tag_keys
from groundwatch.identity.names import entity_arn


class Target(msgspec.Struct, frozen=True):
    """What an operation of IAM works on."""

    kind: Literal["user", "role", "group", "policy", "access-key", "any"]
    scope: Literal["one", "own", "all", "arn"] = "one"
    """One entity by name; the same with the caller as default; all below a path; or one by its ARN."""
    member: str = ""
    """The member of the input that holds the ARN, or the name if it is not `KindName`."""


ONE_USER, OWN_USER, ALL_USERS = Target("user"), Target("user", "own"), Target("user", "all")
ONE_ROLE, ALL_ROLES = Target("role"), Target("role", "all")
ONE_GROUP, ALL_GROUPS = Target("group"), Target("group", "all")
ONE_POLICY = Target("policy", "arn", "PolicyArn")
ONE_KEY = Target("access-key", "one", "AccessKeyId")
EVERYTHING = Target("any")

IAM_TARGETS: Mapping[str, Target] = {
    "CreateUser": ONE_USER,
    "GetUser": OWN_USER,
    "ListUsers": ALL_USERS,
    "UpdateUser": ONE_USER,
    "DeleteUser": ONE_USER,
    "TagUser": ONE_USER,
    "UntagUser": ONE_USER,
    "ListUserTags": ONE_USER,
    "CreateAccessKey": OWN_USER,
    "ListAccessKeys": OWN_USER,
    "UpdateAccessKey": OWN_USER,
    "DeleteAccessKey": OWN_USER,
    "PutUserPolicy": ONE_USER,
    "GetUserPolicy": ONE_USER,
    "ListUserPolicies": ONE_USER,
    "DeleteUserPolicy": ONE_USER,
    "CreateRole": ONE_ROLE,
    "GetRole": ONE_ROLE,
    "ListRoles": ALL_ROLES,
    "UpdateRole": ONE_ROLE,
    "UpdateAssumeRolePolicy": ONE_ROLE,
    "DeleteRole": ONE_ROLE,
    "TagRole": ONE_ROLE,
    "UntagRole": ONE_ROLE,
    "ListRoleTags": ONE_ROLE,
    "PutRolePolicy": ONE_ROLE,
    "GetRolePolicy": ONE_ROLE,
    "ListRolePolicies": ONE_ROLE,
    "DeleteRolePolicy": ONE_ROLE,
    "CreateGroup": ONE_GROUP,
    "GetGroup": ONE_GROUP,
    "ListGroups": ALL_GROUPS,
    "UpdateGroup": ONE_GROUP,
    "DeleteGroup": ONE_GROUP,
    "AddUserToGroup": ONE_GROUP,
    "RemoveUserFromGroup": ONE_GROUP,
    "ListGroupsForUser": ONE_USER,
    "PutGroupPolicy": ONE_GROUP,
    "GetGroupPolicy": ONE_GROUP,
    "ListGroupPolicies": ONE_GROUP,
    "DeleteGroupPolicy": ONE_GROUP,
    "CreatePolicy": Target("policy"),
    "GetPolicy": ONE_POLICY,
    "ListPolicies": EVERYTHING,
    "DeletePolicy": ONE_POLICY,
    "CreatePolicyVersion": ONE_POLICY,
    "GetPolicyVersion": ONE_POLICY,
    "ListPolicyVersions": ONE_POLICY,
    "SetDefaultPolicyVersion": ONE_POLICY,
    "DeletePolicyVersion": ONE_POLICY,
    "TagPolicy": ONE_POLICY,
    "UntagPolicy": ONE_POLICY,
    "ListPolicyTags": ONE_POLICY,
    "ListEntitiesForPolicy": ONE_POLICY,
    "AttachUserPolicy": ONE_USER,
    "AttachRolePolicy": ONE_ROLE,
    "AttachGroupPolicy": ONE_GROUP,
    "DetachUserPolicy": ONE_USER,
    "DetachRolePolicy": ONE_ROLE,
    "DetachGroupPolicy": ONE_GROUP,
    "ListAttachedUserPolicies": ONE_USER,
    "ListAttachedRolePolicies": ONE_ROLE,
    "ListAttachedGroupPolicies": ONE_GROUP,
    "PutUserPermissionsBoundary": ONE_USER,
    "PutRolePermissionsBoundary": ONE_ROLE,
    "DeleteUserPermissionsBoundary": ONE_USER,
    "DeleteRolePermissionsBoundary": ONE_ROLE,
    "SimulatePrincipalPolicy": Target("user", "arn", "PolicySourceArn"),
    "SimulateCustomPolicy": EVERYTHING,
    # PolicyAuthorizer asks for the user whose key it is.
    "GetAccessKeyLastUsed": ONE_KEY,
    "GetAccountSummary": EVERYTHING,
    "ListAccountAliases": EVERYTHING,
}
RENAMED = frozenset({"UpdateUser", "UpdateGroup"})
# AssumeRole is decided within the operation, by the role's trust policy and the caller's policies together.
STS_WITHOUT_CHECK = frozenset({"GetCallerIdentity", "GetSessionToken", "AssumeRole"})


def iam_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return what the policies must allow for an operation of IAM.

    An ARN of an existing entity is given without its path, which `PolicyAuthorizer` fills in.
    """
    target = IAM_TARGETS.get(operation)
    if target is None:
        raise NotImplementedByServer(operation)
    keys = _request_keys(operation, params)
    resources = [_resource(target, params, context)]
    name = f"{target.kind.capitalize()}Name"
    if operation in RENAMED and (f"New{name}" in params or "NewPath" in params):
        # Both names must be allowed, or a rename would be a way around a policy.
        renamed = {name: params.get(f"New{name}", params[name]), "Path": params.get("NewPath", "/")}
        resources.append(_resource(target, renamed, context))
    return [AccessCheck(f"iam:{operation}", resource, keys) for resource in resources]


def sts_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:  # noqa: ARG001 - an AccessRule
    """Return what the policies must allow for an operation of STS: nothing beforehand."""
    if operation not in STS_WITHOUT_CHECK:
        raise NotImplementedByServer(operation)
    return ()


def _resource(target: Target, params: Mapping[str, Any], context: RequestContext) -> str:
    if target.kind == "any":
        return "*"
    if target.scope == "arn":
        return str(params[target.member])
    if target.scope == "all":
        return entity_arn(context.account_id, target.kind, params.get("PathPrefix", "/"), "")
    name = params.get(target.member or f"{target.kind.capitalize()}Name")
    if name is None:
        return context.principal.arn
    return entity_arn(context.account_id, target.kind, params.get("Path", "/"), name)


def _request_keys(operation: str, params: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    keys = request_tag_keys(params)
    if "PermissionsBoundary" in params:
        keys["iam:PermissionsBoundary"] = (params["PermissionsBoundary"],)
    if operation.startswith(("Attach", "Detach")):
        keys["iam:PolicyARN"] = (params["PolicyArn"],)
    return keys
