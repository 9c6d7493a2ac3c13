"""Decisions are remembered only where nothing but principal, action and resource decides."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from groundwatch.aws.context import AccessCheck, Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.settled import SettledDecisions
from groundwatch.identity.values import Permissions

ARN = "arn:aws:x:us-east-1:111122223333"
STREAM = "arn:aws:logs:us-east-1:111122223333:log-group:/app/web:log-stream:i-1"
GET = AccessCheck("logs:GetLogEvents", STREAM)
ALLOW = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
ALICE = Principal("111122223333", "arn:aws:iam::111122223333:user/alice", "User", "AIDAALICE")
BOB = Principal("111122223333", "arn:aws:iam::111122223333:user/bob", "User", "AIDABOB")


async def is_allowed(world, context, check) -> bool:
    try:
        await world.authorizer.authorize(context, [check])
    except ServiceError:
        return False
    return True


@pytest.mark.parametrize(
    ("condition", "passing", "failing"),
    [
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, {}, {"source_ip": "198.51.100.1"}),
        ({"Bool": {"aws:SecureTransport": "true"}}, {}, {"secure": False}),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, {}, {"region": "eu-west-1"}),
        ({"DateLessThan": {"aws:CurrentTime": "2026-01-02T04:00:00Z"}}, {}, {"received_ms": 1_767_326_400_001}),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:x:us-east-1:111122223333:a*"}},
            {"source_arn": f"{ARN}:a1"},
            {"source_arn": f"{ARN}:b1"},
        ),
    ],
)
@pytest.mark.parametrize("denies", [False, True])
async def test_a_condition_is_asked_every_time(world, condition, passing, failing, denies):
    statements = [ALLOW, ALLOW | {"Effect": "Deny", "Condition": condition}] if denies else []
    alice = await world.user("alice", *(statements or [ALLOW | {"Condition": condition}]))
    for _ in range(2):
        assert await is_allowed(world, replace(alice, **passing), GET) is not denies
        assert await is_allowed(world, replace(alice, **failing), GET) is denies


async def test_keys_of_the_request_are_asked_every_time(world):
    alice = await world.user("alice", ALLOW | {"Condition": {"StringEquals": {"aws:RequestTag/team": "a"}}})
    for team, allowed in (("a", True), ("b", False), ("a", True)):
        check = replace(GET, keys={"aws:RequestTag/team": [team]})
        assert await is_allowed(world, alice, check) is allowed


async def test_a_variable_in_a_resource_is_asked_every_time(world):
    resource = "arn:aws:logs:us-east-1:*:log-group:/app/web:log-stream:${aws:UserAgent}"
    alice = await world.user("alice", ALLOW | {"Resource": resource})
    for agent, allowed in (("i-1", True), ("i-2", False), ("i-1", True)):
        assert await is_allowed(world, replace(alice, user_agent=agent), GET) is allowed


async def test_denials_keep_their_words(world):
    alice = await world.user("alice", ALLOW, ALLOW | {"Effect": "Deny"})
    texts = set()
    for _ in range(2):
        with pytest.raises(ServiceError, match="with an explicit deny in an identity-based policy") as refusal:
            await world.authorizer.authorize(alice, [GET])
        texts.add(refusal.value.message)
    assert len(texts) == 1


async def test_what_another_process_wrote_counts_when_the_cache_is_old(world, policy, clock):
    alice = await world.user("alice", ALLOW)
    assert await is_allowed(world, alice, GET)
    other = type(world)(world.database, clock)
    await other.iam.delete_user_policy(other.root(), user_name="alice", policy_name="test")
    clock.now_ms += 2_001
    assert not await is_allowed(world, alice, GET)


def test_a_decision_belongs_to_its_question_and_its_permissions():
    settled, permissions = SettledDecisions(), Permissions()
    settled.keep(ALICE, GET, permissions)
    assert settled.find(ALICE, GET, permissions)
    assert not settled.find(ALICE, GET, Permissions()), "equal permissions are not the same"
    for principal, check in (
        (BOB, GET),
        (replace(ALICE, session_policies=("{}",)), GET),
        (ALICE, replace(GET, action="logs:PutLogEvents")),
        (ALICE, replace(GET, resource="*")),
    ):
        assert not settled.find(principal, check, permissions)


def test_the_oldest_decision_goes_first():
    settled, permissions = SettledDecisions(capacity=2), Permissions()
    checks = [replace(GET, resource=str(number)) for number in range(3)]
    for check in (*checks[:2], checks[0], checks[2]):
        settled.keep(ALICE, check, permissions)
    assert [settled.find(ALICE, check, permissions) for check in checks] == [True, False, True]
