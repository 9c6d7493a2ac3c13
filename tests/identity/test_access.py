"""Authorization of calls: condition keys, texts of denials, and IAM's own resources."""

import pytest
from msgspec.structs import replace

from groundwatch.aws.context import AccessCheck, Principal
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.identity.access import AllowAll, iam_access, sts_access
from groundwatch.identity.calls import GLOBAL_KEYS, Call, CallKeys

ACCOUNT = "111122223333"
STREAM = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/app/web:log-stream:i-1"
GET = AccessCheck("logs:GetLogEvents", STREAM)
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def allow(**condition):
    return ANY | {"Condition": condition}


async def test_the_first_denied_check_is_named(world):
    alice = await world.user("alice", {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"})
    await world.authorizer.authorize(alice, [GET])
    with pytest.raises(ServiceError) as refusal:
        await world.authorizer.authorize(alice, [GET, replace(GET, action="logs:PutLogEvents")])
    assert refusal.value.code == "AccessDenied"
    assert refusal.value.message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: logs:PutLogEvents on resource: {STREAM}"
        " because no identity-based policy allows the logs:PutLogEvents action"
    )


async def test_an_action_without_resource_is_denied_without_one(world):
    with pytest.raises(ServiceError, match="to perform: logs:DescribeQueries because no identity-based policy allows"):
        await world.authorizer.authorize(await world.user("alice"), [AccessCheck("logs:DescribeQueries", "*")])


async def test_explicit_denial(world):
    alice = await world.user("alice", ANY, {"Effect": "Deny", "Action": "logs:Get*", "Resource": "*"})
    with pytest.raises(ServiceError, match=f"{STREAM} with an explicit deny in an identity-based policy$"):
        await world.authorizer.authorize(alice, [GET])


async def test_a_new_policy_counts_at_once(world, policy):
    alice = await world.user("alice")
    with pytest.raises(ServiceError):
        await world.authorizer.authorize(alice, [GET])
    await world.iam.put_user_policy(world.root(), user_name="alice", policy_name="p", policy_document=policy(ANY))
    await world.authorizer.authorize(alice, [GET])
    await world.iam.delete_user_policy(world.root(), user_name="alice", policy_name="p")
    with pytest.raises(ServiceError):
        await world.authorizer.authorize(alice, [GET])


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        pytest.param({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, True, id="SourceIp"),
        pytest.param({"Bool": {"aws:SecureTransport": "false"}}, False, id="SecureTransport"),
        pytest.param({"StringEquals": {"aws:username": "alice"}}, True, id="username"),
        pytest.param({"StringEquals": {"aws:PrincipalType": "User"}}, True, id="PrincipalType"),
        pytest.param({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True, id="PrincipalAccount"),
        pytest.param({"StringEquals": {"aws:ResourceAccount": ACCOUNT}}, True, id="ResourceAccount"),
        pytest.param({"StringLike": {"aws:UserAgent": "test/*"}}, True, id="UserAgent"),
        pytest.param({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False, id="RequestedRegion"),
        pytest.param({"StringEquals": {"aws:PrincipalTag/Team": "red"}}, True, id="PrincipalTag"),
        pytest.param({"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}, True, id="two tags"),
        pytest.param({"DateGreaterThan": {"aws:CurrentTime": "2026-01-02T03:04:04Z"}}, True, id="CurrentTime"),
        pytest.param({"NumericEquals": {"aws:EpochTime": "1767323045"}}, True, id="EpochTime"),
        pytest.param({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, False, id="no MFA key for long-term keys"),
        pytest.param({"Null": {"aws:TokenIssueTime": "true"}}, True, id="no TokenIssueTime for long-term keys"),
        pytest.param({"Null": {"aws:SourceArn": "true"}}, True, id="no SourceArn"),
        pytest.param({"Bool": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}}, True, id="flags"),
        pytest.param({"StringLike": {"aws:userid": "AIDA*"}}, True, id="userid"),
        pytest.param({"StringEquals": {"aws:Unheard": "x"}}, False, id="unknown key"),
        pytest.param({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"}}, True, id="PrincipalArn"),
    ],
)
async def test_global_keys(world, condition, passes):
    alice = await world.user("alice", allow(**condition))
    await world.iam.tag_user(world.root(), user_name="alice", tags=[{"Key": "team", "Value": "red"}])
    check = replace(GET, keys={"aws:ResourceTag/team": ["red"]})
    assert (await world.authorizer.decide(alice, check)).allowed is passes


@pytest.mark.parametrize(
    ("principal", "name", "expected"),
    [
        (
            Principal("", "apigateway.amazonaws.com", "Service", ""),
            "aws:principalservicename",
            "apigateway.amazonaws.com",
        ),
        (Principal("", "apigateway.amazonaws.com", "Service", ""), "aws:principalaccount", None),
        (Principal("", "anonymous", "Anonymous", ""), "aws:principaltype", "Anonymous"),
        (Principal("", "anonymous", "Anonymous", ""), "aws:principalarn", None),
        (Principal("", "anonymous", "Anonymous", ""), "aws:userid", "anonymous"),
        (Principal(ACCOUNT, "a/s", "AssumedRole", "AROA:s", role_arn="role"), "aws:principalarn", "role"),
        (Principal(ACCOUNT, "a/s", "AssumedRole", "AROA:s"), "aws:tokenissuetime", "2026-01-02T03:04:05Z"),
        (Principal(ACCOUNT, "a/s", "AssumedRole", "AROA:s"), "aws:multifactorauthpresent", "false"),
        (Principal(ACCOUNT, "a/s", "AssumedRole", "AROA:s"), "aws:sourceaccount", "444455556666"),
        (Principal(ACCOUNT, "a/s", "AssumedRole", "AROA:s"), "aws:username", None),
    ],
)
async def test_keys_by_principal(world, principal, name, expected):
    source = "arn:aws:execute-api:us-east-1:444455556666:abc/prod/GET/x"
    keys = CallKeys(Call(world.context(principal, source_arn=source), GET))
    assert name in GLOBAL_KEYS
    assert keys.find(name) == (None if expected is None else (expected,))


async def test_resource_policy_admits_a_caller_without_identity_policies(world, policy):
    alice = await world.user("alice")
    check = AccessCheck("execute-api:Invoke", f"arn:aws:execute-api:us-east-1:{ACCOUNT}:api/prod/GET/x")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}
    anonymous = world.context(Principal(ACCOUNT, "anonymous", "Anonymous", ""))

    for caller in (alice, anonymous):
        assert (await world.authorizer.decide(caller, check, policy(statement))).allowed
        denied = await world.authorizer.decide(caller, check, policy(statement | {"Effect": "Deny"}))
        assert (denied.outcome, denied.policy_type) == ("explicitDeny", "resource")
    assert (await world.authorizer.decide(anonymous, check)).outcome == "implicitDeny"


def rows(context, operation, **params):
    return [(check.action, check.resource) for check in iam_access(operation, params, context)]


async def test_iam_rules(world):
    alice = await world.user("alice", path="/a/")
    prefix = f"arn:aws:iam::{ACCOUNT}"
    assert rows(alice, "CreateRole", RoleName="R", Path="/t/") == [("iam:CreateRole", f"{prefix}:role/t/R")]
    assert rows(alice, "GetRole", RoleName="R") == [("iam:GetRole", f"{prefix}:role/R")]
    assert rows(alice, "ListRoles") == [("iam:ListRoles", f"{prefix}:role/")]
    assert rows(alice, "ListUsers", PathPrefix="/a/") == [("iam:ListUsers", f"{prefix}:user/a/")]
    assert rows(alice, "CreateAccessKey") == [("iam:CreateAccessKey", f"{prefix}:user/a/alice")]
    assert rows(alice, "UpdateUser", UserName="x", NewUserName="y", NewPath="/b/") == [
        ("iam:UpdateUser", f"{prefix}:user/x"),
        ("iam:UpdateUser", f"{prefix}:user/b/y"),
    ]
    [tagged] = iam_access("TagRole", {"RoleName": "R", "Tags": [{"Key": "a", "Value": "1"}]}, alice)
    assert tagged.keys == {"aws:RequestTag/a": ("1",), "aws:TagKeys": ["a"]}
    [untagged] = iam_access("UntagRole", {"RoleName": "R", "TagKeys": ["a"]}, alice)
    assert untagged.keys == {"aws:TagKeys": ["a"]}
    assert sts_access("AssumeRole", {}, alice) == sts_access("GetCallerIdentity", {}, alice) == ()


@pytest.mark.parametrize("rule", [iam_access, sts_access])
async def test_an_operation_without_rule_is_refused(world, rule):
    with pytest.raises(NotImplementedByServer):
        rule("CreateLoginProfile", {}, world.root())


async def authorize_iam(world, context, operation, **params):
    await world.authorizer.authorize(context, iam_access(operation, params, context))


async def test_a_deny_on_a_path_covers_who_is_named_without_it(world):
    deny = {"Effect": "Deny", "Action": "iam:*", "Resource": f"arn:aws:iam::{ACCOUNT}:user/protected/*"}
    alice = await world.user("alice", ANY, deny)
    await world.user("boss", path="/protected/")
    await authorize_iam(world, alice, "DeleteUser", UserName="alice")
    with pytest.raises(ServiceError, match="user/protected/boss with an explicit deny"):
        await authorize_iam(world, alice, "DeleteUser", UserName="BOSS")
    with pytest.raises(ServiceError, match="user/protected/new with an explicit deny"):
        await authorize_iam(world, alice, "UpdateUser", UserName="alice", NewPath="/protected/", NewUserName="new")


async def test_moving_out_of_a_path_needs_the_new_place_too(world):
    alice = await world.user("alice", ANY | {"Resource": f"arn:aws:iam::{ACCOUNT}:user/dev/*"})
    await world.user("bob", path="/dev/")
    await authorize_iam(world, alice, "UpdateUser", UserName="bob", NewPath="/dev/x/")
    with pytest.raises(ServiceError, match=f"on resource: arn:aws:iam::{ACCOUNT}:user/bob because"):
        await authorize_iam(world, alice, "UpdateUser", UserName="bob", NewPath="/")


async def test_tags_of_a_role_are_keys_of_calls_on_it(world):
    alice = await world.user("alice", allow(StringEquals={"iam:ResourceTag/team": "red"}))
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    arn = await world.role("R", trust, tags=[{"Key": "team", "Value": "red"}], path="/t/")
    await world.role("S", trust)
    await authorize_iam(world, alice, "DeleteRole", RoleName="R")
    await world.authorizer.authorize(alice, [AccessCheck("iam:PassRole", arn)])
    with pytest.raises(ServiceError):
        await authorize_iam(world, alice, "DeleteRole", RoleName="S")


async def test_a_list_below_a_path_is_no_role_of_that_name(world):
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    await world.role("team", trust, path="/open/")
    alice = await world.user("alice", ANY | {"Resource": f"arn:aws:iam::{ACCOUNT}:role/open/*"})
    with pytest.raises(ServiceError, match="role/team because"):
        await authorize_iam(world, alice, "ListRoles", PathPrefix="/team")


async def test_without_authentication_everything_passes(world):
    await AllowAll().authorize(world.root(), [GET])
    assert (await AllowAll().decide(world.root(), GET)).allowed
