"""What the role of a subscription is asked, at every delivery."""

import pytest

from groundwatch.aws.context import Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.subscriptions.permission import DeliveryPermission
from groundwatch.logs.subscriptions.records import Route
from groundwatch.logs.subscriptions.vendors import parse_target

SENDER = Tenant("111111111111", "eu-west-1")
OWNER = "222222222222"
ROLE = f"arn:aws:iam::{OWNER}:role/ship"


class Identities:
    def __init__(self) -> None:
        self.assumed: list[tuple] = []
        self.checked: list[tuple] = []

    async def assume_for_service(self, role_arn, service, *, account_id, session_name, source_arn):
        self.assumed.append((role_arn, service, account_id, source_arn))
        return Principal(account_id, f"{role_arn}/s", "AssumedRole", "AROA:s", role_arn=role_arn)

    async def authorize(self, context, checks):
        self.checked += [(context.principal.role_arn, context.account_id, c.action, c.resource) for c in checks]


@pytest.mark.parametrize(
    ("target", "action"),
    [
        (f"arn:aws:kinesis:eu-west-1:{OWNER}:stream/s", "kinesis:PutRecord"),
        (f"arn:aws:firehose:eu-west-1:{OWNER}:deliverystream/f", "firehose:PutRecord"),
    ],
)
async def test_a_role_of_the_owner_must_trust_and_allow(target, action, clock):
    identities = Identities()
    permission = DeliveryPermission(identities, identities, clock)
    await permission.check(Route(parse_target(target), ROLE, OWNER), SENDER, "/app")
    source = "arn:aws:logs:eu-west-1:111111111111:log-group:/app:*"
    assert identities.assumed == [(ROLE, "logs.amazonaws.com", OWNER, source)]
    assert identities.checked == [(ROLE, OWNER, action, target)]


async def test_functions_need_no_role(clock):
    identities = Identities()
    target = parse_target(f"arn:aws:lambda:eu-west-1:{OWNER}:function:f")
    await DeliveryPermission(identities, identities, clock).check(Route(target, None, OWNER), SENDER, "/app")
    assert identities.assumed == []


async def test_a_denial_is_passed_on(clock):
    class Denying(Identities):
        async def authorize(self, context, checks):
            raise ServiceError("AccessDenied", "no")

    identities = Denying()
    route = Route(parse_target(f"arn:aws:kinesis:eu-west-1:{OWNER}:stream/s"), ROLE, OWNER)
    with pytest.raises(ServiceError, match="no"):
        await DeliveryPermission(identities, identities, clock).check(route, SENDER, "/app")
