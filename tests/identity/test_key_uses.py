"""When keys were last used: noted on the way, written later, shown at once."""

import pytest
from sqlalchemy.exc import OperationalError

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access import iam_access
from groundwatch.identity.key_uses import KeyUses
from groundwatch.identity.values import KeyUse

ACCOUNT, OTHER = "111122223333", "444455556666"
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}
GET = AccessCheck("logs:GetLogEvents", "*")


async def last_used(world, alice, account_id=ACCOUNT):
    answer = await world.iam.get_access_key_last_used(
        world.root(account_id), access_key_id=alice.principal.access_key_id
    )
    return answer["UserName"], answer["AccessKeyLastUsed"]


async def test_a_key_that_was_never_used(world):
    assert await last_used(world, await world.user("alice")) == ("alice", {"ServiceName": "N/A", "Region": "N/A"})


async def test_a_use_is_shown_before_and_after_it_is_written(world):
    alice = await world.user("alice", ANY)
    await world.authorizer.authorize(alice, [GET])
    seen = await last_used(world, alice)
    await world.store.key_uses.flush()
    assert await last_used(world, alice) == seen
    assert seen[1]["LastUsedDate"].isoformat() == "2026-01-02T03:04:05+00:00"
    assert (seen[1]["ServiceName"], seen[1]["Region"]) == ("logs", "us-east-1")


async def test_a_denied_request_is_a_use_too(world):
    alice = await world.user("alice")
    with pytest.raises(ServiceError):
        await world.authorizer.authorize(alice, [GET])
    assert (await last_used(world, alice))[1]["ServiceName"] == "logs"


async def test_calls_without_a_check_are_uses_too(world):
    alice = await world.user("alice")
    await world.sts.get_caller_identity(alice)
    assert (await last_used(world, alice))[1]["ServiceName"] == "sts"


async def test_an_earlier_use_of_another_node_does_not_replace_a_later_one(world):
    alice = await world.user("alice", ANY)
    await world.authorizer.authorize(alice, [GET])
    await world.store.key_uses.flush()
    later = await last_used(world, alice)
    world.clock.now_ms -= 60_000
    await world.authorizer.authorize(
        await world.signed(alice.principal.access_key_id), [AccessCheck("iam:GetUser", "*")]
    )
    await world.store.key_uses.flush()
    assert await last_used(world, alice) == later


async def test_keys_of_other_accounts_are_unknown(world):
    alice = await world.user("alice", ANY)
    with pytest.raises(ServiceError, match="cannot be found"):
        await last_used(world, alice, OTHER)


async def test_the_right_to_ask_is_that_on_the_keys_owner(world):
    own = {"Effect": "Allow", "Action": "iam:GetAccessKeyLastUsed", "Resource": "arn:aws:iam::*:user/${aws:username}"}
    alice, bob = await world.user("alice", own), await world.user("bob")

    async def ask(context):
        params = {"AccessKeyId": context.principal.access_key_id}
        await world.authorizer.authorize(alice, iam_access("GetAccessKeyLastUsed", params, alice))

    await ask(alice)
    with pytest.raises(ServiceError, match=f"on resource: arn:aws:iam::{ACCOUNT}:user/bob because"):
        await ask(bob)


async def test_what_could_not_be_written_is_written_with_the_next(world):
    written, failures = [], [OperationalError("UPDATE", {}, Exception("locked"))]

    async def write(uses):
        if failures:
            raise failures.pop()
        written.append(dict(uses))

    uses = KeyUses(write)
    alice = await world.user("alice")
    uses.note(alice, "logs:GetLogEvents")
    with pytest.raises(OperationalError):
        await uses.flush()
    bob = await world.user("bob")
    uses.note(bob, "sts:AssumeRole")
    await uses.stop()
    await uses.stop()
    assert written == [
        {
            alice.principal.access_key_id: KeyUse(world.clock.now_ms, "logs", "us-east-1"),
            bob.principal.access_key_id: KeyUse(world.clock.now_ms, "sts", "us-east-1"),
        }
    ]


async def test_temporary_keys_are_not_kept(world):
    token = (await world.sts.get_session_token(await world.user("alice", ANY)))["Credentials"]
    session = await world.signed(token["AccessKeyId"])
    await world.authorizer.authorize(session, [GET])
    assert world.store.key_uses.noted(token["AccessKeyId"]) is None


async def test_the_way_of_a_request_is_free_of_sql(world, monkeypatch):
    """Once warm, authorization with groups, managed policies and a boundary asks the database nothing."""
    root = world.root()
    alice = await world.user("alice", ANY)
    arn = await world.managed("P", ANY)
    await world.iam.create_group(root, group_name="G")
    await world.iam.add_user_to_group(root, group_name="G", user_name="alice")
    await world.iam.attach_group_policy(root, group_name="G", policy_arn=arn)
    await world.iam.put_user_permissions_boundary(root, user_name="alice", permissions_boundary=arn)
    await world.authorizer.authorize(alice, [GET])
    key_id = alice.principal.access_key_id
    await world.store.find_credential(key_id)

    async def refuse(_work):
        raise AssertionError("a query")

    monkeypatch.setattr(world.database, "read", refuse)
    monkeypatch.setattr(world.database, "write", refuse)
    await world.store.find_credential(key_id)
    await world.authorizer.authorize(alice, [GET])
