"""Managed policies: versions, attachments, those of AWS, and the words of their refusals."""

import json
from urllib.parse import unquote

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.aws_policies import aws_policies
from groundwatch.identity.policy.document import parse_policy

ACCOUNT, OTHER = "111122223333", "444455556666"
READ = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}
WRITE = {"Effect": "Allow", "Action": "logs:Put*", "Resource": "*"}
LONG = READ | {"Resource": "arn:" + "x" * 6200}
TRUST = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/team/P"


@pytest.fixture
def root(world):
    return world.root()


@pytest.fixture
async def filled(world):
    """A user `alice`, a role `R`, a group `G`, and a policy `P` that reads and is attached to alice."""
    await world.user("alice")
    await world.role("R", TRUST)
    await world.iam.create_group(world.root(), group_name="G")
    await world.managed("P", READ, path="/team/")
    await world.iam.attach_user_policy(world.root(), user_name="alice", policy_arn=OWN)
    return world


async def allows(world, context, action):
    return (await world.authorizer.decide(context, AccessCheck(action, "*"))).allowed


async def test_a_policy_from_creation_to_end(world, root, policy):
    created = (
        await world.iam.create_policy(
            root,
            policy_name="P",
            path="/team/",
            policy_document=policy(READ),
            description="reads",
            tags=[{"Key": "k", "Value": "v"}],
        )
    )["Policy"]
    got = (await world.iam.get_policy(root, policy_arn=OWN))["Policy"]
    shown = (await world.iam.get_policy_version(root, policy_arn=OWN, version_id="v1"))["PolicyVersion"]
    await world.iam.untag_policy(root, policy_arn=OWN, tag_keys=["K"])
    await world.iam.tag_policy(root, policy_arn=OWN, tags=[{"Key": "n", "Value": "1"}])
    tags = (await world.iam.list_policy_tags(root, policy_arn=OWN))["Tags"]
    await world.iam.delete_policy(root, policy_arn=OWN)

    assert (created["Arn"], created["PolicyId"][:4], created["DefaultVersionId"]) == (OWN, "ANPA", "v1")
    assert "Description" not in created
    assert (got["Description"], got["Tags"], got["AttachmentCount"]) == ("reads", [{"Key": "k", "Value": "v"}], 0)
    assert (unquote(shown["Document"]), shown["IsDefaultVersion"]) == (policy(READ), True)
    assert tags == [{"Key": "n", "Value": "1"}]
    with pytest.raises(ServiceError, match=f"Policy {OWN} was not found"):
        await world.iam.get_policy(root, policy_arn=OWN)


async def test_versions_change_what_counts(filled, root, policy):
    alice = await filled.user("bob")
    await filled.iam.attach_user_policy(root, user_name="bob", policy_arn=OWN)
    made = await filled.iam.create_policy_version(root, policy_arn=OWN, policy_document=policy(WRITE))
    before = await allows(filled, alice, "logs:PutLogEvents")
    await filled.iam.set_default_policy_version(root, policy_arn=OWN, version_id="v2")
    after = (await allows(filled, alice, "logs:PutLogEvents"), await allows(filled, alice, "logs:GetLogEvents"))
    await filled.iam.delete_policy_version(root, policy_arn=OWN, version_id="v1")
    third = await filled.iam.create_policy_version(
        root, policy_arn=OWN, policy_document=policy(READ), set_as_default=True
    )
    listed = await filled.iam.list_policy_versions(root, policy_arn=OWN, max_items=1)
    rest = await filled.iam.list_policy_versions(root, policy_arn=OWN, max_items=1, marker=listed["Marker"])

    assert (made["PolicyVersion"]["VersionId"], made["PolicyVersion"]["IsDefaultVersion"]) == ("v2", False)
    assert (before, after) == (False, (True, False))
    assert third["PolicyVersion"]["VersionId"] == "v3"
    assert [version["VersionId"] for version in (*listed["Versions"], *rest["Versions"])] == ["v3", "v2"]
    assert await allows(filled, alice, "logs:GetLogEvents")


@pytest.mark.parametrize("kind", ["user", "role", "group"])
async def test_attachments(filled, root, kind):
    name = {f"{kind}_name": {"user": "alice", "role": "R", "group": "G"}[kind]}
    for arn in (OWN, OWN, ADMINISTRATOR_ACCESS):
        await getattr(filled.iam, f"attach_{kind}_policy")(root, **name, policy_arn=arn)
    listed = await getattr(filled.iam, f"list_attached_{kind}_policies")(root, **name, max_items=1)
    more = await getattr(filled.iam, f"list_attached_{kind}_policies")(root, **name, marker=listed["Marker"])
    team = await getattr(filled.iam, f"list_attached_{kind}_policies")(root, **name, path_prefix="/team/")
    users = await filled.iam.list_entities_for_policy(root, policy_arn=ADMINISTRATOR_ACCESS)
    await getattr(filled.iam, f"detach_{kind}_policy")(root, **name, policy_arn=OWN)
    left = await getattr(filled.iam, f"list_attached_{kind}_policies")(root, **name)

    attached = [*listed["AttachedPolicies"], *more["AttachedPolicies"]]
    assert {each["PolicyArn"]: each["PolicyName"] for each in attached} == {
        OWN: "P",
        ADMINISTRATOR_ACCESS: "AdministratorAccess",
    }
    assert [each["PolicyArn"] for each in team["AttachedPolicies"]] == [OWN]
    assert [each[f"{kind.capitalize()}Name"] for each in users[f"Policy{kind.capitalize()}s"]] == list(name.values())
    assert [each["PolicyArn"] for each in left["AttachedPolicies"]] == [ADMINISTRATOR_ACCESS]


async def test_a_roles_sessions_have_its_attached_policies(filled, root):
    arn = await filled.role("S", TRUST | {"Principal": {"Service": "apigateway.amazonaws.com"}})
    await filled.iam.attach_role_policy(root, role_name="S", policy_arn=OWN)
    principal = await filled.assumer.assume_for_service(
        arn, "apigateway.amazonaws.com", account_id=ACCOUNT, session_name="s", source_arn=None
    )
    assert await allows(filled, filled.context(principal), "logs:GetLogEvents")
    assert not await allows(filled, filled.context(principal), "logs:PutLogEvents")


async def test_entities_for_policy_by_kind_and_use(filled, root):
    await filled.iam.attach_group_policy(root, group_name="G", policy_arn=OWN)
    await filled.iam.put_role_permissions_boundary(root, role_name="R", permissions_boundary=OWN)

    async def found(**more):
        answer = await filled.iam.list_entities_for_policy(root, policy_arn=OWN, **more)
        kinds = ("User", "Role", "Group")
        return [each[f"{kind}Name"] for kind in kinds for each in answer[f"Policy{kind}s"]], answer["IsTruncated"]

    assert await found() == (["alice", "R", "G"], False)
    assert await found(entity_filter="Group") == (["G"], False)
    assert await found(entity_filter="LocalManagedPolicy") == ([], False)
    assert await found(policy_usage_filter="PermissionsBoundary") == (["R"], False)
    assert await found(policy_usage_filter="PermissionsPolicy") == (["alice", "G"], False)
    assert await found(max_items=2) == (["R", "G"], True)
    counts = (await filled.iam.get_policy(root, policy_arn=OWN))["Policy"]
    assert (counts["AttachmentCount"], counts["PermissionsBoundaryUsageCount"]) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param({"scope": "Local"}, ["P", "Q"], id="the account's own"),
        pytest.param({"scope": "Local", "only_attached": True}, ["P"], id="those in use"),
        pytest.param({"path_prefix": "/team/"}, ["P"], id="below a path"),
        pytest.param({"policy_usage_filter": "PermissionsBoundary"}, ["Q"], id="boundaries"),
        pytest.param({"scope": "AWS", "path_prefix": "/service-role/"}, ["AmazonAPIGatewayPushToCloudWatchLogs"]),
    ],
)
async def test_list_policies(filled, root, arguments, names):
    await filled.managed("Q", READ)
    await filled.managed("X", READ, account_id=OTHER)
    await filled.iam.put_role_permissions_boundary(
        root, role_name="R", permissions_boundary=f"arn:aws:iam::{ACCOUNT}:policy/Q"
    )
    if arguments.get("only_attached"):
        await filled.iam.delete_role_permissions_boundary(root, role_name="R")
    assert [each["PolicyName"] for each in (await filled.iam.list_policies(root, **arguments))["Policies"]] == names


async def test_pages_of_policies_hold_each_once(filled, root):
    found, marker = [], None
    while True:
        page = await filled.iam.list_policies(root, max_items=3, marker=marker)
        found += [each["Arn"] for each in page["Policies"]]
        marker = page.get("Marker")
        if marker is None:
            break
    assert sorted(found) == sorted([OWN, *aws_policies()])


async def test_markers_are_short_enough_to_be_sent_back(filled, root):
    """The model allows a marker 320 characters, less than an ARN may have."""
    path, name = f"/{'p' * 500}/", "n" * 128
    arn = await filled.managed(name, READ, path=path)
    await filled.iam.attach_role_policy(root, role_name="R", policy_arn=arn)
    await filled.iam.attach_role_policy(root, role_name="R", policy_arn=OWN)
    listed = await filled.iam.list_policies(root, scope="Local", max_items=1)
    attached = await filled.iam.list_attached_role_policies(root, role_name="R", max_items=1)
    assert listed["Policies"][0]["Arn"] == attached["AttachedPolicies"][0]["PolicyArn"] == arn
    assert max(len(listed["Marker"]), len(attached["Marker"])) <= 320


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "message"),
    [
        pytest.param(
            "create_policy",
            {"policy_name": "p", "policy_document": json.dumps({"Statement": READ})},
            "EntityAlreadyExists",
            "A policy called p already exists. Duplicate names are not allowed.",
            id="names differ in more than case",
        ),
        pytest.param(
            "create_policy",
            {
                "policy_name": "Z",
                "policy_document": json.dumps({"Statement": LONG}),
            },
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144",
        ),
        pytest.param(
            "create_policy",
            {"policy_name": "Z", "policy_document": "{}"},
            "MalformedPolicyDocument",
            "Syntax errors in policy. (no statement)",
        ),
        pytest.param(
            "delete_policy", {"policy_arn": OWN}, "DeleteConflict", "Cannot delete a policy attached to entities."
        ),
        pytest.param(
            "delete_policy",
            {"policy_arn": ADMINISTRATOR_ACCESS},
            "AccessDenied",
            f"{ADMINISTRATOR_ACCESS} belongs to AWS and cannot be changed.",
        ),
        pytest.param(
            "create_policy_version",
            {"policy_arn": ADMINISTRATOR_ACCESS, "policy_document": json.dumps({"Statement": READ})},
            "AccessDenied",
            f"{ADMINISTRATOR_ACCESS} belongs to AWS and cannot be changed.",
        ),
        pytest.param(
            "delete_policy_version",
            {"policy_arn": OWN, "version_id": "v1"},
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        ),
        pytest.param(
            "get_policy_version",
            {"policy_arn": OWN, "version_id": "v9"},
            "NoSuchEntity",
            f"Policy {OWN} version v9 does not exist or is not attachable.",
        ),
        pytest.param(
            "get_policy",
            {"policy_arn": f"arn:aws:iam::{ACCOUNT}:policy/P"},
            "NoSuchEntity",
            f"Policy arn:aws:iam::{ACCOUNT}:policy/P was not found.",
            id="the path is part of the ARN",
        ),
        pytest.param(
            "get_policy", {"policy_arn": "x" * 20}, "InvalidInput", f"ARN {'x' * 20} is not valid.", id="no ARN"
        ),
        pytest.param(
            "attach_role_policy",
            {"role_name": "R", "policy_arn": f"arn:aws:iam::{OTHER}:policy/X"},
            "NoSuchEntity",
            f"Policy arn:aws:iam::{OTHER}:policy/X does not exist or is not attachable.",
            id="policies of other accounts cannot be attached",
        ),
        pytest.param(
            "attach_user_policy",
            {"user_name": "alice", "policy_arn": "arn:aws:iam::aws:policy/Nothing"},
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.",
        ),
        pytest.param(
            "detach_role_policy",
            {"role_name": "R", "policy_arn": OWN},
            "NoSuchEntity",
            f"Policy {OWN} was not found.",
            id="what is not attached",
        ),
        pytest.param(
            "delete_group",
            {"group_name": "G"},
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
        ),
        pytest.param(
            "list_policy_versions", {"policy_arn": OWN, "marker": "eA=="}, "ValidationError", "Invalid Marker."
        ),
    ],
)
async def test_refusal(filled, root, operation, arguments, code, message):
    await filled.managed("X", READ, account_id=OTHER)
    await filled.iam.attach_group_policy(root, group_name="G", policy_arn=OWN)
    with pytest.raises(ServiceError) as refusal:
        await getattr(filled.iam, operation)(root, **arguments)
    assert (refusal.value.code, refusal.value.message) == (code, message)


async def test_quotas(filled, root, policy):
    for _ in range(4):
        await filled.iam.create_policy_version(root, policy_arn=OWN, policy_document=policy(READ))
    with pytest.raises(ServiceError, match="can have up to 5 versions"):
        await filled.iam.create_policy_version(root, policy_arn=OWN, policy_document=policy(READ))
    for number in range(10):
        arn = await filled.managed(f"Q{number}", READ)
        await filled.iam.attach_role_policy(root, role_name="R", policy_arn=arn)
    with pytest.raises(ServiceError, match="Cannot exceed quota for PoliciesPerRole: 10"):
        await filled.iam.attach_role_policy(root, role_name="R", policy_arn=OWN)
    attached = (await filled.iam.list_attached_role_policies(root, role_name="R"))["AttachedPolicies"]
    assert OWN not in [each["PolicyArn"] for each in attached]


async def test_a_policy_with_several_versions_is_not_deleted(filled, root, policy):
    await filled.iam.detach_user_policy(root, user_name="alice", policy_arn=OWN)
    await filled.iam.create_policy_version(root, policy_arn=OWN, policy_document=policy(READ))
    with pytest.raises(ServiceError, match="more than one version"):
        await filled.iam.delete_policy(root, policy_arn=OWN)


async def test_another_account_has_no_way_to_a_policy(filled):
    eve = filled.root(OTHER)
    for operation in ("get_policy", "delete_policy", "list_policy_versions", "list_entities_for_policy"):
        with pytest.raises(ServiceError, match=f"Policy {OWN} was not found"):
            await getattr(filled.iam, operation)(eve, policy_arn=OWN)


@pytest.mark.parametrize("arn", aws_policies())
def test_policies_of_aws_are_policies(arn):
    known = aws_policies()[arn]
    assert parse_policy(known.document, "identity").statements
    assert known.policy.arn == arn
    assert len(known.policy.id) == 20


@pytest.mark.parametrize(
    ("name", "action", "allowed"),
    [
        ("ReadOnlyAccess", "logs:FilterLogEvents", True),
        ("ReadOnlyAccess", "logs:PutLogEvents", False),
        ("ReadOnlyAccess", "iam:CreateUser", False),
        ("ReadOnlyAccess", "sts:AssumeRole", False),
        ("CloudWatchLogsFullAccess", "logs:DeleteLogGroup", True),
        ("CloudWatchLogsFullAccess", "iam:PassRole", False),
        ("CloudWatchLogsReadOnlyAccess", "logs:StartQuery", True),
        ("CloudWatchLogsReadOnlyAccess", "logs:DeleteLogGroup", False),
        ("service-role/AmazonAPIGatewayPushToCloudWatchLogs", "logs:PutLogEvents", True),
        ("service-role/AmazonAPIGatewayPushToCloudWatchLogs", "logs:DeleteLogGroup", False),
    ],
)
async def test_what_policies_of_aws_allow(world, root, name, action, allowed):
    bob = await world.user("bob")
    await world.iam.attach_user_policy(root, user_name="bob", policy_arn=f"arn:aws:iam::aws:policy/{name}")
    assert await allows(world, bob, action) is allowed


async def test_an_attached_policy_that_is_gone_denies_everything(world, root):
    """A later version of the program may lack one of AWS's policies; what it denied is then unknown."""
    from groundwatch.identity.records import managed

    bob = await world.user("bob", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    gone = "arn:aws:iam::aws:policy/Gone"
    await world.store.write(lambda connection: managed.attach(connection, bob.principal.user_id, gone))
    assert not await allows(world, bob, "logs:GetLogEvents")
    await world.iam.detach_user_policy(root, user_name="bob", policy_arn=gone)
    assert await allows(world, bob, "logs:GetLogEvents")


async def test_account_summary(filled, root):
    summary = (await filled.iam.get_account_summary(root))["SummaryMap"]
    counts = {name: summary[name] for name in ("Users", "Groups", "Roles", "Policies")}
    assert counts == {"Users": 2, "Groups": 1, "Roles": 1, "Policies": 1}
    assert (summary["AccessKeysPerUserQuota"], summary["VersionsPerPolicyQuota"]) == (2, 5)
    assert await filled.iam.list_account_aliases(root) == {"AccountAliases": [], "IsTruncated": False}
