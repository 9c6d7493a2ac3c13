"""Temporary credentials: who gets them, what they may do, and when they end."""

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError

ACCOUNT, OTHER = "111122223333", "444455556666"
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
READ = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/app/web:log-stream:i-1"


def trusts(principal: object, **more: object) -> dict:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


async def assume(world, context, role_arn, **more):
    return await world.sts.assume_role(context, role_arn=role_arn, role_session_name="s1", **more)


async def test_assumed_credentials_work(world):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("LogReader", trusts({"AWS": ACCOUNT}), READ, path="/team/")

    answer = await assume(world, alice, arn)

    credentials = answer["Credentials"]
    found = await world.store.find_credential(credentials["AccessKeyId"])
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert (found.secret_access_key, found.session_token) == (
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
    )
    assert found.expires_ms == world.clock.now_ms + 3_600_000 == credentials["Expiration"].timestamp() * 1000
    assert (
        found.principal.arn == answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/LogReader/s1"
    )
    assert found.principal.user_id == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert found.principal.role_arn == arn
    session = world.context(found.principal)
    await world.authorizer.authorize(session, [AccessCheck("logs:GetLogEvents", GROUP)])
    with pytest.raises(ServiceError, match="no identity-based policy allows the logs:PutLogEvents action"):
        await world.authorizer.authorize(session, [AccessCheck("logs:PutLogEvents", GROUP)])


async def test_caller_identity_of_user_and_session(world):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}))
    key = (await assume(world, alice, arn))["Credentials"]["AccessKeyId"]

    session = await world.sts.get_caller_identity(await world.signed(key))

    assert (await world.sts.get_caller_identity(alice))["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert session["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/R/s1"
    assert session["UserId"].startswith("AROA")
    assert session["Account"] == ACCOUNT


@pytest.mark.parametrize(
    ("principal", "statements", "admitted"),
    [
        pytest.param({"AWS": ACCOUNT}, [ASSUME], True, id="account trusted, identity allows"),
        pytest.param({"AWS": ACCOUNT}, [], False, id="account trusted, identity silent"),
        pytest.param({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}, [], True, id="user trusted, identity silent"),
        pytest.param({"AWS": OTHER}, [ASSUME], False, id="another account trusted"),
        pytest.param({"Service": "logs.amazonaws.com"}, [ASSUME], False, id="a service trusted"),
        pytest.param({"AWS": ACCOUNT}, [ASSUME, ASSUME | {"Effect": "Deny"}], False, id="identity denies"),
    ],
)
async def test_who_may_assume(world, principal, statements, admitted):
    alice = await world.user("alice", *statements)
    arn = await world.role("R", trusts(principal))
    if admitted:
        assert "Credentials" in await assume(world, alice, arn)
        return
    with pytest.raises(ServiceError) as refusal:
        await assume(world, alice, arn)
    assert (refusal.value.code, refusal.value.status) == ("AccessDenied", 403)
    assert refusal.value.message == (
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: sts:AssumeRole on resource: {arn}"
    )


async def test_unknown_role_reads_as_a_refused_one(world):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}), path="/team/")
    for other in (f"arn:aws:iam::{ACCOUNT}:role/None", arn.replace("/team/", "/")):
        with pytest.raises(ServiceError, match=f"is not authorized to perform: sts:AssumeRole on resource: {other}$"):
            await assume(world, alice, other)


async def test_malformed_role_arn(world):
    with pytest.raises(ServiceError) as refusal:
        await assume(world, await world.user("alice"), "arn:aws:iam::1:role/too-short")
    assert (refusal.value.code, refusal.value.message) == (
        "ValidationError",
        "arn:aws:iam::1:role/too-short is invalid",
    )


async def test_other_account_with_external_id(world):
    eve = await world.user("eve", ASSUME, account_id=OTHER)
    guard = {"StringEquals": {"sts:ExternalId": "x-42"}}
    arn = await world.role("R", trusts({"AWS": OTHER}, Condition=guard))

    assert "Credentials" in await assume(world, eve, arn, external_id="x-42")
    with pytest.raises(ServiceError, match="not authorized"):
        await assume(world, eve, arn)


async def test_user_made_anew_does_not_inherit_trust(world):
    await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}))
    root = world.root()
    [key] = (await world.iam.list_access_keys(root, user_name="alice"))["AccessKeyMetadata"]
    await world.iam.delete_access_key(root, user_name="alice", access_key_id=key["AccessKeyId"])
    await world.iam.delete_user_policy(root, user_name="alice", policy_name="test")
    await world.iam.delete_user(root, user_name="alice")
    again = await world.user("alice", ASSUME)

    with pytest.raises(ServiceError, match="not authorized"):
        await assume(world, again, arn)


async def test_durations(world):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}), ASSUME, max_session_duration=7200)
    key = (await assume(world, alice, arn, duration_seconds=7200))["Credentials"]["AccessKeyId"]

    with pytest.raises(ServiceError, match="exceeds the MaxSessionDuration set for this role"):
        await assume(world, alice, arn, duration_seconds=7201)
    with pytest.raises(ServiceError, match="exceeds the 1 hour session limit for roles assumed by role chaining"):
        await assume(world, await world.signed(key), arn, duration_seconds=3601)
    assert "Credentials" in await assume(world, await world.signed(key), arn, duration_seconds=3600)


async def test_session_policy_narrows(world, policy):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}), {"Effect": "Allow", "Action": "*", "Resource": "*"})
    answer = await assume(world, alice, arn, policy=policy(READ))
    session = await world.signed(answer["Credentials"]["AccessKeyId"])

    await world.authorizer.authorize(session, [AccessCheck("logs:GetLogEvents", GROUP)])
    with pytest.raises(ServiceError, match="because no session policy allows the logs:PutLogEvents action"):
        await world.authorizer.authorize(session, [AccessCheck("logs:PutLogEvents", GROUP)])
    assert answer["PackedPolicySize"] > 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("{", "MalformedPolicyDocument", id="not JSON"),
        pytest.param(
            '{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}',
            "MalformedPolicyDocument",
            id="with a principal",
        ),
        pytest.param(" " * 2049, "PackedPolicyTooLarge", id="too long"),
    ],
)
async def test_bad_session_policy(world, text, code):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}))
    with pytest.raises(ServiceError) as refusal:
        await assume(world, alice, arn, policy=text)
    assert refusal.value.code == code


async def test_expired_key_is_known_for_a_day_and_then_forgotten(world):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}))
    key = (await assume(world, alice, arn))["Credentials"]["AccessKeyId"]

    world.clock.now_ms += 3_600_001
    expired = await world.store.find_credential(key)
    world.clock.now_ms += 24 * 3_600_000
    await assume(world, alice, arn)

    assert expired.expires_ms < world.clock.now_ms
    assert await world.store.find_credential(key) is None


async def test_deleting_the_role_ends_its_sessions(world):
    alice = await world.user("alice", ASSUME)
    arn = await world.role("R", trusts({"AWS": ACCOUNT}))
    key = (await assume(world, alice, arn))["Credentials"]["AccessKeyId"]
    assert await world.store.find_credential(key)

    await world.iam.delete_role(world.root(), role_name="R")

    assert await world.store.find_credential(key) is None


async def test_session_token_reaches_no_iam(world):
    alice = await world.user("alice", {"Effect": "Allow", "Action": "*", "Resource": "*"})
    key = (await world.sts.get_session_token(alice))["Credentials"]["AccessKeyId"]
    session = await world.signed(key)

    await world.authorizer.authorize(session, [AccessCheck("logs:GetLogEvents", GROUP)])
    assert session.principal.arn == alice.principal.arn
    with pytest.raises(ServiceError, match="because no session policy allows the iam:ListUsers action"):
        await world.authorizer.authorize(session, [AccessCheck("iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/")])
    with pytest.raises(ServiceError, match="Cannot call GetSessionToken with session credentials"):
        await world.sts.get_session_token(session)
