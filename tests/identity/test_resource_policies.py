"""Policies attached to what a call is about: asked for of services that have them, and counted with the caller's."""

import json

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.identity.access import PolicyAuthorizer
from groundwatch.identity.resource_policies import ResourcePolicies

ACCOUNT, STRANGER = "111122223333", "444455556666"
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


class Source:
    def __init__(self, *statements):
        self.document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}) if statements else None

    async def policy_of(self, resource):
        return self.document


def statement(effect, principal, **more):
    return {"Effect": effect, "Principal": principal, "Action": "SNS:Publish", "Resource": "*", **more}


ALICE = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}
CASES = [
    pytest.param(ACCOUNT, [ANY], [], True, id="own topic without a policy"),
    pytest.param(ACCOUNT, [], [], False, id="nothing allows"),
    pytest.param(ACCOUNT, [], [statement("Allow", ALICE)], True, id="the topic allows its account's user"),
    pytest.param(ACCOUNT, [], [statement("Allow", {"AWS": ACCOUNT})], False, id="naming the account is not enough"),
    pytest.param(ACCOUNT, [ANY], [statement("Deny", ALICE)], False, id="the topic denies"),
    pytest.param(STRANGER, [ANY], [], False, id="another account's topic that says nothing"),
    pytest.param(STRANGER, [ANY], [statement("Allow", {"AWS": ACCOUNT})], True, id="both accounts allow"),
    pytest.param(STRANGER, [], [statement("Allow", {"AWS": "*"})], False, id="the caller's account says nothing"),
    pytest.param(
        STRANGER,
        [ANY],
        [statement("Allow", {"AWS": "*"}, Condition={"StringEquals": {"AWS:SourceOwner": ACCOUNT}})],
        False,
        id="the default policy is for services",
    ),
]


@pytest.mark.parametrize(("owner", "own", "attached", "allowed"), CASES)
async def test_the_policy_of_a_resource_counts(world, owner, own, attached, allowed):
    policies, check = ResourcePolicies(), AccessCheck("SNS:Publish", f"arn:aws:sns:us-east-1:{owner}:alerts")
    policies.add("sns", Source(*attached))
    authorizer, alice = PolicyAuthorizer(world.store, None, policies), await world.user("alice", *own)
    if allowed:
        await authorizer.authorize(alice, [check])
    else:
        with pytest.raises(ServiceError, match="is not authorized to perform: SNS:Publish on resource"):
            await authorizer.authorize(alice, [check])


async def test_a_decision_does_not_outlive_the_policy(world):
    policies, source = ResourcePolicies(), Source()
    policies.add("sns", source)
    check = AccessCheck("SNS:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:alerts")
    authorizer, alice = PolicyAuthorizer(world.store, None, policies), await world.user("alice", ANY)
    await authorizer.authorize(alice, [check])
    source.document = Source(statement("Deny", "*")).document
    with pytest.raises(ServiceError, match="with an explicit deny in a resource-based policy"):
        await authorizer.authorize(alice, [check])


async def test_other_services_are_not_asked():
    assert ResourcePolicies().source_for("arn:aws:sns:us-east-1:1:x") is None
    policies = ResourcePolicies()
    policies.add("sns", Source())
    assert policies.source_for("*") is None
    assert policies.source_for("arn:aws:logs:us-east-1:1:log-group:x") is None
