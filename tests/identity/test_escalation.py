"""Ways to more than one was given, each closed: boundaries, session policies, PassRole, delegated administration."""

import json

import pytest
from msgspec.structs import replace

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access import iam_access

ACCOUNT, OTHER = "111122223333", "444455556666"
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}
READ = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}
WRITE = {"Effect": "Allow", "Action": "logs:Put*", "Resource": "*"}
DENY_READ = {"Effect": "Deny", "Action": "logs:Get*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
GET, PUT = "logs:GetLogEvents", "logs:PutLogEvents"


@pytest.fixture
def root(world):
    return world.root()


async def decide(world, context, action, resource="*"):
    return await world.authorizer.decide(context, AccessCheck(action, resource))


async def authorize_iam(world, context, operation, **params):
    await world.authorizer.authorize(context, iam_access(operation, params, context))


@pytest.mark.parametrize(
    ("boundary", "given", "action", "expected"),
    [
        pytest.param(READ, ANY, GET, ("allowed", None), id="what both allow"),
        pytest.param(READ, ANY, PUT, ("implicitDeny", "boundary"), id="a wider policy does not exceed it"),
        pytest.param(READ, WRITE, GET, ("implicitDeny", "identity"), id="it grants nothing"),
        pytest.param(DENY_READ, ANY, GET, ("explicitDeny", "boundary"), id="it may deny"),
        pytest.param(ANY, DENY_READ, GET, ("explicitDeny", "identity"), id="a deny wins over both"),
    ],
)
@pytest.mark.parametrize("way", ["user", "managed", "group"])
async def test_boundary(world, way, boundary, given, action, expected):
    alice = await world.user("alice")
    await world.managed("boundary", boundary)
    await world.iam.put_user_permissions_boundary(world.root(), user_name="alice", permissions_boundary=BOUNDARY)
    await give(world, way, given)
    decision = await decide(world, alice, action)
    assert (decision.outcome, decision.policy_type) == expected


async def give(world, way, statement):
    """Give alice a policy: inline, managed, or through a group."""
    root, document = world.root(), json.dumps({"Version": "2012-10-17", "Statement": statement})
    if way == "user":
        await world.iam.put_user_policy(root, user_name="alice", policy_name="p", policy_document=document)
    elif way == "managed":
        arn = await world.managed("given", statement)
        await world.iam.attach_user_policy(root, user_name="alice", policy_arn=arn)
    else:
        await world.iam.create_group(root, group_name="G")
        await world.iam.add_user_to_group(root, group_name="G", user_name="alice")
        await world.iam.put_group_policy(root, group_name="G", policy_name="p", policy_document=document)


async def test_the_boundary_of_a_denial_is_named(world, root):
    alice = await world.user("alice", ANY)
    await world.managed("boundary", READ)
    await world.iam.put_user_permissions_boundary(root, user_name="alice", permissions_boundary=BOUNDARY)
    with pytest.raises(ServiceError, match=r"because no permissions boundary allows the logs:PutLogEvents action$"):
        await world.authorizer.authorize(alice, [AccessCheck(PUT, "*")])
    await world.iam.delete_user_permissions_boundary(root, user_name="alice")
    await world.authorizer.authorize(alice, [AccessCheck(PUT, "*")])


async def test_the_boundary_of_a_role_binds_its_sessions_at_once(world, root):
    await world.managed("boundary", READ)
    arn = await world.role("R", TRUST, ANY)
    made = await world.sts.assume_role(world.root(), role_arn=arn, role_session_name="s1")
    session = await world.signed(made["Credentials"]["AccessKeyId"])
    assert (await decide(world, session, PUT)).allowed
    await world.iam.put_role_permissions_boundary(root, role_name="R", permissions_boundary=BOUNDARY)
    assert (await decide(world, session, PUT)).policy_type == "boundary"
    assert (await decide(world, session, GET)).allowed
    shown = (await world.iam.get_role(root, role_name="R"))["Role"]["PermissionsBoundary"]
    assert shown["PermissionsBoundaryArn"] == BOUNDARY


async def test_the_boundary_of_a_user_binds_its_session_tokens(world, root):
    alice = await world.user("alice", ANY)
    await world.managed("boundary", READ)
    token = (await world.sts.get_session_token(alice))["Credentials"]
    await world.iam.put_user_permissions_boundary(root, user_name="alice", permissions_boundary=BOUNDARY)
    assert (await decide(world, await world.signed(token["AccessKeyId"]), PUT)).policy_type == "boundary"


async def test_a_policy_used_as_boundary_cannot_be_deleted_nor_come_from_elsewhere(world, root):
    await world.managed("boundary", READ)
    theirs = await world.managed("boundary", ANY, account_id=OTHER)
    created = await world.iam.create_user(root, user_name="bob", permissions_boundary=BOUNDARY)
    assert created["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == BOUNDARY
    with pytest.raises(ServiceError, match="Cannot delete a policy attached to entities"):
        await world.iam.delete_policy(root, policy_arn=BOUNDARY)
    for operation, arguments in (
        ("put_user_permissions_boundary", {"user_name": "bob"}),
        ("create_user", {"user_name": "carol"}),
        ("create_role", {"role_name": "R", "assume_role_policy_document": json.dumps({"Statement": TRUST})}),
    ):
        with pytest.raises(ServiceError, match=f"{theirs} does not exist or is not attachable"):
            await getattr(world.iam, operation)(root, **arguments, permissions_boundary=theirs)
    with pytest.raises(ServiceError, match="The user with name administrator has no permissions boundary"):
        await world.iam.delete_user_permissions_boundary(root, user_name="administrator")


DELEGATE = (
    {
        "Effect": "Allow",
        "Action": ["iam:CreateUser", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:PutUserPermissionsBoundary"],
        "Resource": "*",
        "Condition": {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}},
    },
    {"Effect": "Allow", "Action": ["iam:CreateAccessKey", "iam:GetUser"], "Resource": "*"},
)


@pytest.mark.parametrize(
    ("operation", "params", "passes"),
    [
        pytest.param("CreateUser", {"UserName": "n", "PermissionsBoundary": BOUNDARY}, True, id="with the boundary"),
        pytest.param("CreateUser", {"UserName": "n"}, False, id="a user without a boundary"),
        pytest.param("CreateUser", {"UserName": "n", "PermissionsBoundary": ADMINISTRATOR_ACCESS}, False, id="another"),
        pytest.param("AttachUserPolicy", {"UserName": "bound", "PolicyArn": ADMINISTRATOR_ACCESS}, True, id="bound"),
        pytest.param("AttachUserPolicy", {"UserName": "free", "PolicyArn": ADMINISTRATOR_ACCESS}, False, id="unbound"),
        pytest.param("AttachUserPolicy", {"UserName": "dave", "PolicyArn": ADMINISTRATOR_ACCESS}, False, id="oneself"),
        pytest.param("PutUserPolicy", {"UserName": "free", "PolicyName": "p", "PolicyDocument": "{}"}, False),
        pytest.param(
            "PutUserPermissionsBoundary",
            {"UserName": "bound", "PermissionsBoundary": ADMINISTRATOR_ACCESS},
            False,
            id="widening a boundary",
        ),
        pytest.param(
            "PutUserPermissionsBoundary", {"UserName": "free", "PermissionsBoundary": BOUNDARY}, True, id="narrowing"
        ),
        pytest.param("DeleteUserPermissionsBoundary", {"UserName": "bound"}, False, id="taking a boundary away"),
        pytest.param(
            "CreatePolicyVersion",
            {"PolicyArn": BOUNDARY, "PolicyDocument": "{}", "SetAsDefault": True},
            False,
            id="changing the boundary itself",
        ),
        pytest.param("SetDefaultPolicyVersion", {"PolicyArn": BOUNDARY, "VersionId": "v1"}, False),
        pytest.param("UpdateAssumeRolePolicy", {"RoleName": "R", "PolicyDocument": "{}"}, False),
        pytest.param("AddUserToGroup", {"GroupName": "admins", "UserName": "dave"}, False),
    ],
)
async def test_delegated_administration_stays_within_the_boundary(world, root, operation, params, passes):
    """Dave may make users, but only such as are bound as he was told; the pattern of the IAM guide."""
    await world.managed("boundary", READ)
    dave = await world.user("dave", *DELEGATE)
    await world.iam.create_user(root, user_name="bound", permissions_boundary=BOUNDARY)
    await world.iam.create_user(root, user_name="free")
    if passes:
        await authorize_iam(world, dave, operation, **params)
        return
    with pytest.raises(ServiceError, match="because no identity-based policy allows"):
        await authorize_iam(world, dave, operation, **params)


async def test_attaching_can_be_limited_to_some_policies(world, root):
    only = {
        "Effect": "Allow",
        "Action": "iam:AttachRolePolicy",
        "Resource": "*",
        "Condition": {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/CloudWatchLogs*"}},
    }
    dave = await world.user("dave", only)
    allowed = {"RoleName": "R", "PolicyArn": "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"}
    await authorize_iam(world, dave, "AttachRolePolicy", **allowed)
    with pytest.raises(ServiceError):
        await authorize_iam(world, dave, "AttachRolePolicy", **(allowed | {"PolicyArn": ADMINISTRATOR_ACCESS}))


@pytest.mark.parametrize(
    ("policy_arns", "inline", "get", "put"),
    [
        pytest.param((), None, True, True, id="the role alone"),
        pytest.param(("CloudWatchLogsReadOnlyAccess",), None, True, False, id="a managed session policy narrows"),
        pytest.param(("AdministratorAccess",), None, True, True, id="a wide one adds nothing"),
        pytest.param(("AmazonAPIGatewayInvokeFullAccess",), None, False, False, id="another service"),
        pytest.param(("AmazonAPIGatewayInvokeFullAccess",), WRITE, False, True, id="inline and managed are one"),
    ],
)
async def test_session_policies_only_narrow(world, policy, policy_arns, inline, get, put):
    arn = await world.role("R", TRUST, {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    made = await world.sts.assume_role(
        world.root(),
        role_arn=arn,
        role_session_name="s1",
        policy=None if inline is None else policy(inline),
        policy_arns=[{"arn": f"arn:aws:iam::aws:policy/{name}"} for name in policy_arns],
    )
    session = await world.signed(made["Credentials"]["AccessKeyId"])
    decisions = [(await decide(world, session, action)).allowed for action in (GET, PUT, "iam:CreateUser")]
    assert decisions == [get, put, False]
    assert ("PackedPolicySize" in made) is bool(policy_arns or inline)


async def test_a_session_policy_stays_as_it_was(world, root, policy):
    narrow = await world.managed("narrow", READ)
    arn = await world.role("R", TRUST, ANY)
    made = await world.sts.assume_role(root, role_arn=arn, role_session_name="s1", policy_arns=[{"arn": narrow}])
    await world.iam.create_policy_version(root, policy_arn=narrow, policy_document=policy(ANY), set_as_default=True)
    session = await world.signed(made["Credentials"]["AccessKeyId"])
    assert (await decide(world, session, PUT)).policy_type == "session"


@pytest.mark.parametrize(
    ("arns", "code"),
    [
        (["arn:aws:iam::aws:policy/Nothing"], "ValidationError"),
        ([f"arn:aws:iam::{OTHER}:policy/theirs"], "ValidationError"),
        (["no-arn-at-all-but-long"], "ValidationError"),
        ([None], "ValidationError"),
        ([ADMINISTRATOR_ACCESS] * 11, "ValidationError"),
        ([f"arn:aws:iam::{ACCOUNT}:policy/{'x' * 600}{n}" for n in range(4)], "PackedPolicyTooLarge"),
    ],
)
async def test_unusable_session_policies(world, root, arns, code):
    await world.managed("theirs", ANY, account_id=OTHER)
    arn = await world.role("R", TRUST, ANY)
    with pytest.raises(ServiceError) as refusal:
        await world.sts.assume_role(
            root, role_arn=arn, role_session_name="s1", policy_arns=[{"arn": arn} if arn else {} for arn in arns]
        )
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("statement", "role", "service", "passes"),
    [
        pytest.param({"Resource": "*"}, "R", "apigateway.amazonaws.com", True, id="any role"),
        pytest.param({"Resource": f"arn:aws:iam::{ACCOUNT}:role/R"}, "R", "apigateway.amazonaws.com", True),
        pytest.param({"Resource": f"arn:aws:iam::{ACCOUNT}:role/R"}, "Admin", "apigateway.amazonaws.com", False),
        pytest.param(
            {"Resource": "*", "Condition": {"StringEquals": {"iam:PassedToService": "apigateway.amazonaws.com"}}},
            "R",
            "logs.amazonaws.com",
            False,
            id="to another service",
        ),
        pytest.param(
            {"Resource": "*", "Condition": {"StringEquals": {"iam:ResourceTag/open": "yes"}}},
            "R",
            "apigateway.amazonaws.com",
            True,
            id="by tag",
        ),
        pytest.param(
            {"Resource": "*", "Condition": {"StringEquals": {"iam:ResourceTag/open": "yes"}}},
            "Admin",
            "apigateway.amazonaws.com",
            False,
            id="without the tag",
        ),
    ],
)
async def test_pass_role(world, statement, role, service, passes):
    await world.role("R", TRUST, tags=[{"Key": "open", "Value": "yes"}])
    await world.role("Admin", TRUST)
    alice = await world.user("alice", {"Effect": "Allow", "Action": "iam:PassRole"} | statement)
    check = AccessCheck("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{role}", {"iam:PassedToService": [service]})
    assert (await world.authorizer.decide(alice, check)).allowed is passes
    if passes:
        theirs = replace(check, resource=f"arn:aws:iam::{OTHER}:role/{role}")
        assert not (await world.authorizer.decide(alice, theirs)).allowed


async def test_passing_a_role_stays_within_the_boundary(world, root):
    arn = await world.role("Admin", TRUST, ANY)
    alice = await world.user("alice", ANY)
    await world.managed("boundary", READ)
    await world.iam.put_user_permissions_boundary(root, user_name="alice", permissions_boundary=BOUNDARY)
    check = AccessCheck("iam:PassRole", arn, {"iam:PassedToService": ["apigateway.amazonaws.com"]})
    assert (await world.authorizer.decide(alice, check)).policy_type == "boundary"
    with pytest.raises(ServiceError, match="not authorized to perform: sts:AssumeRole"):
        await world.sts.assume_role(alice, role_arn=arn, role_session_name="s1")


async def test_a_policy_of_another_account_is_out_of_reach(world):
    theirs = await world.managed("P", READ, account_id=OTHER)
    alice = await world.user("alice", ANY)
    await authorize_iam(world, alice, "GetPolicy", PolicyArn=ADMINISTRATOR_ACCESS)
    with pytest.raises(ServiceError, match="because no resource-based policy allows"):
        await authorize_iam(world, alice, "GetPolicy", PolicyArn=theirs)


async def test_a_path_protects_groups_and_policies_too(world, root):
    protected = {"Effect": "Deny", "Action": "iam:*", "Resource": "arn:aws:iam::*:*/admin/*"}
    alice = await world.user("alice", ANY, protected)
    arn = await world.managed("P", READ, path="/admin/")
    await world.iam.create_group(root, group_name="G", path="/admin/")
    for operation, params in (
        ("AddUserToGroup", {"GroupName": "G", "UserName": "alice"}),
        ("UpdateGroup", {"GroupName": "G", "NewPath": "/"}),
        ("CreatePolicyVersion", {"PolicyArn": arn}),
    ):
        with pytest.raises(ServiceError, match="with an explicit deny in an identity-based policy"):
            await authorize_iam(world, alice, operation, **params)
