"""Groups: their members, what they grant, and where they end."""

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access import iam_access

ACCOUNT, OTHER = "111122223333", "444455556666"
READ = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}


@pytest.fixture
def root(world):
    return world.root()


@pytest.fixture
async def filled(world):
    """Users `alice` and `bob`; a group `G` with alice in it; the same names in another account."""
    for account in (ACCOUNT, OTHER):
        root = world.root(account)
        await world.iam.create_group(root, group_name="G", path="/g/")
        await world.iam.create_user(root, user_name="alice")
    await world.iam.create_user(world.root(), user_name="bob")
    await world.iam.add_user_to_group(world.root(), group_name="G", user_name="alice")
    return world


async def signed(world, name, account_id=ACCOUNT):
    key = (await world.iam.create_access_key(world.root(account_id), user_name=name))["AccessKey"]
    return await world.signed(key["AccessKeyId"])


async def allows(world, context, action="logs:GetLogEvents"):
    return (await world.authorizer.decide(context, AccessCheck(action, "*"))).allowed


async def test_a_group_from_creation_to_end(world, root):
    created = (await world.iam.create_group(root, group_name="Dev", path="/x/"))["Group"]
    await world.iam.update_group(root, group_name="dev", new_group_name="Ops", new_path="/y/")
    [listed] = (await world.iam.list_groups(root))["Groups"]
    got = await world.iam.get_group(root, group_name="OPS")
    await world.iam.delete_group(root, group_name="Ops")

    assert (created["GroupId"][:4], created["Arn"]) == ("AGPA", f"arn:aws:iam::{ACCOUNT}:group/x/Dev")
    assert listed == got["Group"]
    assert (listed["Arn"], listed["GroupId"]) == (f"arn:aws:iam::{ACCOUNT}:group/y/Ops", created["GroupId"])
    assert (got["Users"], (await world.iam.list_groups(root))["Groups"]) == ([], [])


async def test_inline_and_managed_policies_of_a_group_are_its_members(filled, root, policy):
    alice, bob = await signed(filled, "alice"), await signed(filled, "bob")
    assert not await allows(filled, alice)
    await filled.iam.put_group_policy(root, group_name="G", policy_name="p", policy_document=policy(READ))
    assert (await allows(filled, alice), await allows(filled, bob)) == (True, False)
    await filled.iam.delete_group_policy(root, group_name="G", policy_name="p")
    assert not await allows(filled, alice)
    await filled.iam.attach_group_policy(
        root, group_name="G", policy_arn="arn:aws:iam::aws:policy/CloudWatchLogsReadOnlyAccess"
    )
    assert await allows(filled, alice)
    await filled.iam.remove_user_from_group(root, group_name="G", user_name="alice")
    assert not await allows(filled, alice)


async def test_a_deny_of_a_group_binds_its_members(filled, root, policy):
    alice = await signed(filled, "alice")
    await filled.iam.put_user_policy(root, user_name="alice", policy_name="p", policy_document=policy(READ))
    await filled.iam.put_group_policy(
        root, group_name="G", policy_name="p", policy_document=policy(READ | {"Effect": "Deny"})
    )
    assert not await allows(filled, alice)


async def test_a_group_of_the_same_name_elsewhere_grants_nothing(filled, policy):
    """Groups across accounts: names are those of the caller's account alone."""
    eve = filled.root(OTHER)
    await filled.iam.put_group_policy(eve, group_name="G", policy_name="p", policy_document=policy(READ))
    assert not await allows(filled, await signed(filled, "alice"))
    assert not await allows(filled, await signed(filled, "alice", OTHER))
    with pytest.raises(ServiceError, match="The user with name bob cannot be found"):
        await filled.iam.add_user_to_group(eve, group_name="G", user_name="bob")
    assert (await filled.iam.get_group(eve, group_name="G"))["Users"] == []


async def test_members_and_memberships_in_pages(filled, root):
    await filled.iam.add_user_to_group(root, group_name="G", user_name="BOB")
    await filled.iam.add_user_to_group(root, group_name="G", user_name="bob")
    first = await filled.iam.get_group(root, group_name="G", max_items=1)
    second = await filled.iam.get_group(root, group_name="G", max_items=1, marker=first["Marker"])
    groups = await filled.iam.list_groups_for_user(root, user_name="bob")

    assert [each["UserName"] for each in (*first["Users"], *second["Users"])] == ["alice", "bob"]
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert [each["GroupName"] for each in groups["Groups"]] == ["G"]


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "message"),
    [
        ("create_group", {"group_name": "g"}, "EntityAlreadyExists", "Group with name g already exists."),
        ("get_group", {"group_name": "x"}, "NoSuchEntity", "The group with name x cannot be found."),
        (
            "update_group",
            {"group_name": "H", "new_group_name": "G"},
            "EntityAlreadyExists",
            "Group with name G already exists.",
        ),
        (
            "delete_group",
            {"group_name": "G"},
            "DeleteConflict",
            "Cannot delete entity, must remove users from group first.",
        ),
        (
            "delete_user",
            {"user_name": "alice"},
            "DeleteConflict",
            "Cannot delete entity, must remove users from group first.",
        ),
        (
            "put_group_policy",
            {
                "group_name": "G",
                "policy_name": "p",
                "policy_document": '{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:%s"}}' % ("x" * 5200),
            },
            "LimitExceeded",
            "Maximum policy size of 5120 bytes exceeded for group G",
        ),
    ],
)
async def test_refusal(filled, root, operation, arguments, code, message):
    await filled.iam.create_group(root, group_name="H")
    with pytest.raises(ServiceError) as refusal:
        await getattr(filled.iam, operation)(root, **arguments)
    assert (refusal.value.code, refusal.value.message) == (code, message)


async def test_an_eleventh_group_is_refused(filled, root):
    for number in range(9):
        await filled.iam.create_group(root, group_name=f"g{number}")
        await filled.iam.add_user_to_group(root, group_name=f"g{number}", user_name="alice")
    await filled.iam.create_group(root, group_name="last")
    with pytest.raises(ServiceError, match="Cannot exceed quota for GroupsPerUser: 10"):
        await filled.iam.add_user_to_group(root, group_name="last", user_name="alice")
    assert len((await filled.iam.list_groups_for_user(root, user_name="alice"))["Groups"]) == 10


async def test_who_may_fill_one_group_may_not_fill_another(filled, root):
    """Joining a group takes its permissions, so it is checked on the group."""
    allowed = {"Effect": "Allow", "Action": "iam:AddUserToGroup", "Resource": f"arn:aws:iam::{ACCOUNT}:group/g/*"}
    carol = await filled.user("carol", allowed)
    await filled.iam.create_group(root, group_name="Admins")
    await filled.authorizer.authorize(
        carol, iam_access("AddUserToGroup", {"GroupName": "G", "UserName": "carol"}, carol)
    )
    with pytest.raises(ServiceError, match=f"on resource: arn:aws:iam::{ACCOUNT}:group/Admins because"):
        await filled.authorizer.authorize(
            carol, iam_access("AddUserToGroup", {"GroupName": "Admins", "UserName": "carol"}, carol)
        )
