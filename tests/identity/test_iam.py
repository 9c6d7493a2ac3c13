"""IAM: users, keys, roles, tags and inline policies, and the words of their errors."""

import json
from urllib.parse import unquote

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access_rules import IAM_TARGETS
from groundwatch.identity.iam.operations import IamOperations

ACCOUNT, OTHER = "111122223333", "444455556666"
ALLOW = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}


@pytest.fixture
def root(world):
    return world.root()


@pytest.fixture
async def filled(world, root, policy):
    """A user `alice` with a key and a policy, and a role `R` with a policy."""
    await world.user("alice", ALLOW)
    await world.role("R", TRUST, ALLOW, description="d", max_session_duration=7200, path="/team/")
    return world


async def test_a_user_from_creation_to_end(world, root):
    created = (await world.iam.create_user(root, user_name="bob", path="/x/", tags=[{"Key": "k", "Value": "v"}]))[
        "User"
    ]
    await world.iam.update_user(root, user_name="bob", new_user_name="rob", new_path="/y/")
    found = (await world.iam.get_user(root, user_name="ROB"))["User"]
    await world.iam.delete_user(root, user_name="rob")

    assert created["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/x/bob"
    assert (created["UserId"][:4], created["Tags"]) == ("AIDA", [{"Key": "k", "Value": "v"}])
    assert (found["UserId"], found["Arn"]) == (created["UserId"], f"arn:aws:iam::{ACCOUNT}:user/y/rob")
    assert found["CreateDate"].isoformat() == "2026-01-02T03:04:05+00:00"
    with pytest.raises(ServiceError, match="The user with name rob cannot be found"):
        await world.iam.get_user(root, user_name="rob")


async def test_a_role_from_creation_to_end(world, root, policy):
    created = await world.iam.create_role(root, role_name="R", assume_role_policy_document=policy(TRUST))
    await world.iam.update_role(root, role_name="R", description="d", max_session_duration=7200)
    await world.iam.update_assume_role_policy(
        root, role_name="R", policy_document=policy(TRUST | {"Principal": {"AWS": OTHER}})
    )
    found = (await world.iam.get_role(root, role_name="R"))["Role"]
    await world.iam.update_role(root, role_name="R")
    narrowed = (await world.iam.get_role(root, role_name="R"))["Role"]
    await world.iam.delete_role(root, role_name="R")

    assert "MaxSessionDuration" not in created["Role"]
    assert (found["RoleId"][:4], found["MaxSessionDuration"], found["Description"]) == ("AROA", 7200, "d")
    assert json.loads(unquote(found["AssumeRolePolicyDocument"]))["Statement"][0]["Principal"] == {"AWS": OTHER}
    assert " " not in found["AssumeRolePolicyDocument"]
    assert (narrowed["MaxSessionDuration"], narrowed["Description"]) == (3600, "d")
    with pytest.raises(ServiceError, match="The role with name R cannot be found"):
        await world.iam.get_role(root, role_name="R")


async def test_own_user_and_keys_without_a_name(world):
    alice = await world.user("alice")
    made = (await world.iam.create_access_key(alice))["AccessKey"]
    listed = (await world.iam.list_access_keys(alice))["AccessKeyMetadata"]
    await world.iam.update_access_key(alice, access_key_id=made["AccessKeyId"], status="Inactive")
    inactive = await world.store.find_credential(made["AccessKeyId"])
    await world.iam.delete_access_key(alice, access_key_id=made["AccessKeyId"])

    assert (await world.iam.get_user(alice))["User"]["UserName"] == "alice"
    assert len(made["SecretAccessKey"]) == 40
    assert {key["AccessKeyId"] for key in listed} == {made["AccessKeyId"], alice.principal.access_key_id}
    assert all("SecretAccessKey" not in key for key in listed)
    assert inactive is None
    with pytest.raises(ServiceError, match="Must specify userName when calling with non-User credentials"):
        await world.iam.get_user(world.root())


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "message"),
    [
        pytest.param(
            "create_user", {"user_name": "ALICE"}, "EntityAlreadyExists", "User with name ALICE already exists."
        ),
        pytest.param(
            "update_user",
            {"user_name": "administrator", "new_user_name": "alice"},
            "EntityAlreadyExists",
            "User with name alice already exists.",
        ),
        pytest.param("delete_user", {"user_name": "x"}, "NoSuchEntity", "The user with name x cannot be found."),
        pytest.param(
            "delete_user",
            {"user_name": "alice"},
            "DeleteConflict",
            "Cannot delete entity, must delete access keys first.",
        ),
        pytest.param(
            "delete_access_key",
            {"user_name": "alice", "access_key_id": "AKIAAAAAAAAAAAAAAAAA"},
            "NoSuchEntity",
            "The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found.",
        ),
        pytest.param(
            "update_access_key",
            {"user_name": "alice", "access_key_id": "AKIAAAAAAAAAAAAAAAAA", "status": "Expired"},
            "InvalidInput",
            "The status of an access key cannot be set to Expired.",
        ),
        pytest.param("get_role", {"role_name": "x"}, "NoSuchEntity", "The role with name x cannot be found."),
        pytest.param(
            "delete_role", {"role_name": "R"}, "DeleteConflict", "Cannot delete entity, must delete policies first."
        ),
        pytest.param(
            "get_role_policy",
            {"role_name": "R", "policy_name": "x"},
            "NoSuchEntity",
            "The role policy with name x cannot be found.",
        ),
        pytest.param(
            "delete_user_policy",
            {"user_name": "alice", "policy_name": "x"},
            "NoSuchEntity",
            "The user policy with name x cannot be found.",
        ),
        pytest.param(
            "put_user_policy",
            {"user_name": "alice", "policy_name": "x", "policy_document": "{"},
            "MalformedPolicyDocument",
            "This policy contains invalid Json",
        ),
        pytest.param(
            "update_assume_role_policy",
            {
                "role_name": "R",
                "policy_document": json.dumps(
                    {"Statement": TRUST | {"Principal": {"AWS": f"arn:aws:iam::{OTHER}:user/x"}}}
                ),
            },
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{OTHER}:user/x"',
        ),
        pytest.param(
            "update_assume_role_policy",
            {
                "role_name": "R",
                "policy_document": json.dumps(
                    {"Statement": TRUST | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/R"}}}
                ),
            },
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:role/R"',
        ),
        pytest.param(
            "update_assume_role_policy",
            {"role_name": "R", "policy_document": json.dumps({"Statement": [TRUST] * 40})},
            "LimitExceeded",
            "Cannot exceed quota for ACLSizePerRole: 2048",
        ),
        pytest.param(
            "put_user_policy",
            {
                "user_name": "alice",
                "policy_name": "x",
                "policy_document": json.dumps({"Statement": ALLOW | {"Resource": "arn:aws:s3:::" + "x" * 2000}}),
            },
            "LimitExceeded",
            "Maximum policy size of 2048 bytes exceeded for user alice",
        ),
        pytest.param(
            "tag_role",
            {"role_name": "R", "tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]},
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        pytest.param(
            "tag_user",
            {"user_name": "alice", "tags": [{"Key": f"k{n}", "Value": ""} for n in range(51)]},
            "LimitExceeded",
            "The number of tags has reached the maximum limit of 50.",
        ),
        pytest.param("list_users", {"marker": "%"}, "ValidationError", "Invalid Marker."),
        pytest.param("list_roles", {"marker": "_w=="}, "ValidationError", "Invalid Marker."),
    ],
)
async def test_refusal(filled, root, operation, arguments, code, message):
    with pytest.raises(ServiceError) as refusal:
        await getattr(filled.iam, operation)(root, **arguments)
    assert (refusal.value.code, refusal.value.message) == (code, message)


async def test_third_key_is_refused(filled, root):
    await filled.iam.create_access_key(root, user_name="alice")
    with pytest.raises(ServiceError, match="Cannot exceed quota for AccessKeysPerUser: 2"):
        await filled.iam.create_access_key(root, user_name="alice")


async def test_what_was_refused_for_its_size_leaves_no_trace(filled, root):
    document = json.dumps({"Statement": ALLOW | {"Resource": "arn:aws:s3:::" + "x" * 2000}})
    with pytest.raises(ServiceError):
        await filled.iam.put_user_policy(root, user_name="alice", policy_name="big", policy_document=document)
    assert (await filled.iam.list_user_policies(root, user_name="alice"))["PolicyNames"] == ["test"]


async def test_another_account_sees_nothing(filled):
    eve = filled.root(OTHER)
    with pytest.raises(ServiceError, match="The user with name alice cannot be found"):
        await filled.iam.get_user(eve, user_name="alice")
    assert [user["UserName"] for user in (await filled.iam.list_users(eve))["Users"]] == ["administrator"]
    assert (await filled.iam.list_roles(eve))["Roles"] == []
    assert (await filled.iam.create_user(eve, user_name="alice"))["User"]["Arn"] == f"arn:aws:iam::{OTHER}:user/alice"


@pytest.mark.parametrize("kind", ["user", "role"])
async def test_inline_policies(filled, root, policy, kind):
    name = {f"{kind}_name": "alice" if kind == "user" else "R"}
    document = policy(ALLOW | {"Resource": "arn:aws:logs:*:*:log-group:/ä b/*"})
    call = filled.iam
    await getattr(call, f"put_{kind}_policy")(root, **name, policy_name="more", policy_document=document)
    got = await getattr(call, f"get_{kind}_policy")(root, **name, policy_name="more")
    listed = await getattr(call, f"list_{kind}_policies")(root, **name)
    await getattr(call, f"delete_{kind}_policy")(root, **name, policy_name="more")
    left = await getattr(call, f"list_{kind}_policies")(root, **name)

    assert unquote(got["PolicyDocument"]) == document
    assert (got["PolicyName"], got[f"{kind.capitalize()}Name"]) == ("more", name[f"{kind}_name"])
    assert (listed["PolicyNames"], listed["IsTruncated"]) == (["more", "test"], False)
    assert left["PolicyNames"] == ["test"]


@pytest.mark.parametrize("kind", ["user", "role"])
async def test_tags(filled, root, kind):
    name = {f"{kind}_name": "alice" if kind == "user" else "R"}
    tag, untag = getattr(filled.iam, f"tag_{kind}"), getattr(filled.iam, f"untag_{kind}")
    await tag(root, **name, tags=[{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}, {"Key": "c", "Value": ""}])
    await tag(root, **name, tags=[{"Key": "B", "Value": "3"}])
    await untag(root, **name, tag_keys=["C", "absent"])
    first = await getattr(filled.iam, f"list_{kind}_tags")(root, **name, max_items=1)
    second = await getattr(filled.iam, f"list_{kind}_tags")(root, **name, max_items=1, marker=first["Marker"])

    assert (first["Tags"], second["Tags"]) == ([{"Key": "a", "Value": "2"}], [{"Key": "B", "Value": "3"}])
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)


async def test_lists_show_no_tags(filled, root):
    await filled.iam.tag_role(root, role_name="R", tags=[{"Key": "a", "Value": "1"}])
    [role] = (await filled.iam.list_roles(root))["Roles"]
    assert "Tags" not in role
    assert role["MaxSessionDuration"] == 7200
    assert (await filled.iam.get_role(root, role_name="R"))["Role"]["Tags"] == [{"Key": "a", "Value": "1"}]


async def test_pages_hold_every_user_once(world, root):
    for name in ("d", "B", "a", "C"):
        await world.iam.create_user(root, user_name=name, path="/p/")
    names, marker = [], None
    for _ in range(2):
        page = await world.iam.list_users(root, path_prefix="/p", marker=marker, max_items=2)
        names += [user["UserName"] for user in page["Users"]]
        marker = page.get("Marker")
    assert names == ["a", "B", "C", "d"]
    assert marker is None
    assert (await world.iam.list_users(root, path_prefix="/P"))["Users"] == []


def test_every_operation_has_an_access_rule():
    methods = {name for name in dir(IamOperations) if not name.startswith("_")}
    assert len(methods) == len(IAM_TARGETS)
    assert {name.replace("_", "") for name in methods} == {name.lower() for name in IAM_TARGETS}


def test_groups_of_operations_do_not_shadow_one_another():
    names = [name for base in IamOperations.__bases__ for name in vars(base) if not name.startswith("__")]
    assert len(names) == len(set(names))
