"""Which action on which resource each operation of IAM and STS needs: a table, and one function that reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from groundwatch.aws.context import AccessCheck, RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.identity.names import entity_arn


class Target(msgspec.Struct, frozen=True):
    """What an operation of IAM works on."""

    kind: Literal["user", "role"]
    scope: Literal["one", "own", "all"] = "one"
    """One entity by name; the same with the caller as default; or all below a path."""


ONE_USER, OWN_USER, ALL_USERS = Target("user"), Target("user", "own"), Target("user", "all")
ONE_ROLE, ALL_ROLES = Target("role"), Target("role", "all")

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
}
# AssumeRole is decided within the operation, by the role's trust policy and the caller's policies together.
STS_WITHOUT_CHECK = frozenset({"GetCallerIdentity", "GetSessionToken", "AssumeRole"})


def iam_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:
    """Return what the policies must allow for an operation of IAM.

    An ARN of an existing entity is given without its path, which `PolicyAuthorizer` fills in.
    """
    target = IAM_TARGETS.get(operation)
    if target is None:
        raise NotImplementedByServer(operation)
    keys = _tag_keys(params)
    resources = [_resource(target, params, context)]
    if operation == "UpdateUser" and ("NewUserName" in params or "NewPath" in params):
        # Both names must be allowed, or a rename would be a way around a policy.
        renamed = {"UserName": params.get("NewUserName", params["UserName"]), "Path": params.get("NewPath", "/")}
        resources.append(_resource(target, renamed, context))
    return [AccessCheck(f"iam:{operation}", resource, keys) for resource in resources]


def sts_access(operation: str, params: Mapping[str, Any], context: RequestContext) -> Sequence[AccessCheck]:  # noqa: ARG001 - an AccessRule
    """Return what the policies must allow for an operation of STS: nothing beforehand."""
    if operation not in STS_WITHOUT_CHECK:
        raise NotImplementedByServer(operation)
    return ()


def _resource(target: Target, params: Mapping[str, Any], context: RequestContext) -> str:
    if target.scope == "all":
        return entity_arn(context.account_id, target.kind, params.get("PathPrefix", "/"), "")
    name = params.get(f"{target.kind.capitalize()}Name")
    if name is None:
        return context.principal.arn
    return entity_arn(context.account_id, target.kind, params.get("Path", "/"), name)


def _tag_keys(params: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    tags = params.get("Tags") or ()
    keys: dict[str, Sequence[str]] = {f"aws:RequestTag/{tag['Key']}": (tag["Value"],) for tag in tags}
    names = [tag["Key"] for tag in tags] or list(params.get("TagKeys") or ())
    return keys | {"aws:TagKeys": names} if names else keys
