"""Roles that a service acts under."""

import pytest

from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError

ACCOUNT, OTHER = "111122223333", "444455556666"
GATEWAY = "apigateway.amazonaws.com"
API = f"arn:aws:execute-api:us-east-1:{ACCOUNT}:abc/prod/GET/logs"
READ = {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}


def trusts(service=GATEWAY, **condition):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return statement | ({"Condition": condition} if condition else {})


async def assume(world, arn, account_id=ACCOUNT, source_arn=API):
    return await world.assumer.assume_for_service(
        arn, GATEWAY, account_id=account_id, session_name="BackplaneAssumeRoleSession", source_arn=source_arn
    )


async def test_the_session_is_authorized_by_the_roles_policies(world):
    arn = await world.role("Reader", trusts(), READ, path="/team/")

    principal = await assume(world, arn)

    assert principal.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/BackplaneAssumeRoleSession"
    assert (principal.kind, principal.role_arn, principal.account_id) == ("AssumedRole", arn, ACCOUNT)
    context = world.context(principal, source_arn=API)
    await world.authorizer.authorize(context, [AccessCheck("logs:GetLogEvents", "*")])
    with pytest.raises(ServiceError, match="logs:PutLogEvents because no identity-based policy"):
        await world.authorizer.authorize(context, [AccessCheck("logs:PutLogEvents", "*")])


@pytest.mark.parametrize(
    ("trust", "source_arn", "admitted"),
    [
        pytest.param(trusts("logs.amazonaws.com"), API, False, id="another service"),
        pytest.param(trusts(StringEquals={"aws:SourceAccount": ACCOUNT}), API, True, id="source account"),
        pytest.param(trusts(StringEquals={"aws:SourceAccount": OTHER}), API, False, id="another source account"),
        pytest.param(trusts(ArnLike={"aws:SourceArn": "arn:aws:execute-api:*:*:abc/*"}), API, True, id="source ARN"),
        pytest.param(trusts(ArnLike={"aws:SourceArn": "arn:aws:execute-api:*:*:xyz/*"}), API, False, id="another API"),
        pytest.param(trusts(ArnLike={"aws:SourceArn": "arn:*:*:*:*:*"}), None, False, id="no source ARN"),
        pytest.param(trusts(DateLessThan={"aws:CurrentTime": "2026-01-02T03:04:05Z"}), API, False, id="too late"),
        pytest.param(trusts() | {"Principal": {"AWS": ACCOUNT}}, API, False, id="only the account is trusted"),
        pytest.param(trusts() | {"Effect": "Deny"}, API, False, id="denied"),
    ],
)
async def test_trust(world, trust, source_arn, admitted):
    arn = await world.role("Reader", trust)
    if admitted:
        assert await assume(world, arn, source_arn=source_arn)
        return
    with pytest.raises(ServiceError, match=f"{GATEWAY} is not authorized to perform: sts:AssumeRole on .*{arn}"):
        await assume(world, arn, source_arn=source_arn)


async def test_conditions_are_asked_of_every_call_of_a_role(world):
    arn = await world.role("Reader", trusts(ArnLike={"aws:SourceArn": "arn:aws:execute-api:*:*:abc/*"}))
    assert await assume(world, arn)
    with pytest.raises(ServiceError, match="not authorized"):
        await assume(world, arn, source_arn=API.replace("abc", "xyz"))


async def test_roles_of_other_accounts_and_unknown_ones_read_alike(world):
    arn = await world.role("Reader", trusts())
    await assume(world, arn)  # What is kept of it is the account's own.
    for refused, account_id in ((arn, OTHER), (f"{arn}2", ACCOUNT), ("not-an-arn", ACCOUNT)):
        with pytest.raises(
            ServiceError, match=f"{refused} because no role trust policy allows the sts:AssumeRole action"
        ):
            await assume(world, refused, account_id)


async def test_a_changed_trust_policy_counts_at_once(world, policy):
    arn = await world.role("Reader", trusts())
    await assume(world, arn)
    await world.iam.update_assume_role_policy(
        world.root(), role_name="Reader", policy_document=policy(trusts("logs.amazonaws.com"))
    )
    with pytest.raises(ServiceError):
        await assume(world, arn)
