"""`aws:ResourceTag/…`: asked for of the service that a resource belongs to, and only by policies that name it."""

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.identity.access import PolicyAuthorizer
from groundwatch.identity.resource_tags import ResourceTags

ACCOUNT = "111122223333"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/app/web:log-stream:"
CHECK = AccessCheck("logs:DeleteLogGroup", GROUP)
ANY = {"Effect": "Allow", "Action": "*", "Resource": "*"}


class Source:
    def __init__(self, **tags):
        self.tags, self.asked = tags, []

    async def tags_of(self, context, resource):
        self.asked.append((context.account_id, resource))
        return self.tags


def when(effect="Allow", **condition):
    return ANY | {"Effect": effect, "Condition": condition}


CASES = [
    pytest.param([ANY], True, 0, id="nobody asks"),
    pytest.param([when(StringEquals={"aws:ResourceTag/team": "red"})], True, 1, id="the tag"),
    pytest.param([when(StringEquals={"AWS:resourcetag/TEAM": "red"})], True, 1, id="in any case"),
    pytest.param([when(StringEquals={"aws:ResourceTag/team": "blue"})], False, 1, id="another value"),
    pytest.param([when(StringEquals={"aws:ResourceTag/other": "red"})], False, 1, id="another tag"),
    pytest.param([when(Null={"aws:ResourceTag/team": "true"})], False, 1, id="not absent"),
    pytest.param([ANY, when("Deny", StringEquals={"aws:ResourceTag/team": "red"})], False, 1, id="denied by a tag"),
    pytest.param([ANY, when("Deny", StringNotEquals={"aws:ResourceTag/team": "red"})], True, 1, id="not denied"),
    pytest.param([when(StringEquals={"aws:username": "${aws:ResourceTag/owner}"})], True, 1, id="in a variable"),
]


@pytest.mark.parametrize(("statements", "allowed", "asked"), CASES)
async def test_tags_of_a_resource(world, statements, allowed, asked):
    tags, source = ResourceTags(), Source(team="red", owner="alice")
    tags.add("logs", source)
    alice = await world.user("alice", *statements)
    assert (await PolicyAuthorizer(world.store, tags).decide(alice, CHECK)).allowed is allowed
    assert source.asked == [(ACCOUNT, GROUP)] * asked


async def test_a_service_without_a_source_has_no_tags(world):
    alice = await world.user("alice", when(StringEquals={"aws:ResourceTag/team": "red"}))
    check = AccessCheck("apigateway:GET", "arn:aws:apigateway:us-east-1::/restapis/abc")
    assert not (await PolicyAuthorizer(world.store, ResourceTags()).decide(alice, check)).allowed
    assert not (await PolicyAuthorizer(world.store).decide(alice, AccessCheck("logs:DescribeQueries", "*"))).allowed
