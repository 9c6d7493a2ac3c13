"""Logical destinations, their access policies and tags."""

import pytest
from tests.refusals import refusal

from groundwatch.logs.subscriptions.targets import TargetError

NOW_MS = 1_790_000_000_000
STREAM = "arn:aws:kinesis:us-east-1:{}:stream/s"
ROLE = "arn:aws:iam::{}:role/ship"
INVALID = "Could not deliver test message to specified destination. Check if the destination is valid."
MISSING = ("ResourceNotFoundException", "The specified destination does not exist.")


async def put(operations, context, name: str = "d", target: str = STREAM, **members):
    account = context.account_id
    answer = await operations.put_destination(
        context, destination_name=name, target_arn=target.format(account), role_arn=ROLE.format(account), **members
    )
    return answer["destination"]


async def subscribe(operations, context, owner, partition="aws") -> None:
    await operations.create_log_group(context, log_group_name="g")
    await operations.put_subscription_filter(
        context,
        log_group_name="g",
        filter_name="f",
        filter_pattern="",
        destination_arn=f"arn:{partition}:logs:us-east-1:{owner.account_id}:destination:d",
    )


async def test_a_destination_has_the_documented_members(operations, context):
    account = context.account_id
    expected = {
        "destinationName": "d",
        "targetArn": STREAM.format(account),
        "roleArn": ROLE.format(account),
        "arn": f"arn:aws:logs:us-east-1:{account}:destination:d",
        "creationTime": NOW_MS,
    }
    assert await put(operations, context) == expected
    await operations.put_destination_policy(context, destination_name="d", access_policy="{}")
    described = await operations.describe_destinations(context)
    assert described == {"destinations": [expected | {"accessPolicy": "{}"}]}


async def test_the_same_name_replaces_and_keeps_policy_and_tags(operations, context):
    arn = (await put(operations, context, tags={"team": "web"}))["arn"]
    await operations.put_destination_policy(context, destination_name="d", access_policy="{}")
    changed = await put(operations, context, target="arn:aws:firehose:us-east-1:{}:deliverystream/f")
    assert ":firehose:" in changed["targetArn"]
    assert changed["accessPolicy"] == "{}"
    assert await operations.list_tags_for_resource(context, resource_arn=arn) == {"tags": {"team": "web"}}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("arn:aws:logs:us-east-1:{}:destination:x", "Invalid destination. Vendor logs not supported."),
        ("arn:aws:lambda:us-east-1:{}:function:x", "Invalid destination. Vendor lambda not supported."),
        (STREAM, INVALID),
    ],
    ids=["a destination leads to no other", "functions are not for other accounts", "the test message fails"],
)
async def test_targets(operations, context, peer, target, message):
    peer.failures[STREAM.format(context.account_id)] = TargetError("ResourceNotFoundException", "", retryable=False)
    assert await refusal(put(operations, context, target=target)) == ("InvalidParameterException", message)


async def test_destinations_come_in_order_page_by_page(operations, context, make_context):
    await put(operations, make_context(), name="foreign")
    for name in ("b", "a", "c"):
        await put(operations, context, name=name)
    seen, token = [], None
    while True:
        page = await operations.describe_destinations(context, limit=2, next_token=token)
        seen += [item["destinationName"] for item in page["destinations"]]
        token = page.get("nextToken")
        if token is None:
            break
    assert seen == ["a", "b", "c"]
    chosen = await operations.describe_destinations(context, destination_name_prefix="b")
    assert [item["destinationName"] for item in chosen["destinations"]] == ["b"]


@pytest.mark.parametrize(
    "call",
    [
        lambda o, c: o.delete_destination(c, destination_name="none"),
        lambda o, c: o.put_destination_policy(c, destination_name="none", access_policy="{}"),
        lambda o, c: o.list_tags_for_resource(
            c, resource_arn=f"arn:aws:logs:us-east-1:{c.account_id}:destination:none"
        ),
        lambda o, c: o.list_tags_for_resource(c, resource_arn="arn:aws:logs:us-east-1:999999999999:destination:d"),
        lambda o, c: o.list_tags_for_resource(c, resource_arn=f"arn:aws:other:us-east-1:{c.account_id}:destination:d"),
    ],
    ids=["delete", "policy", "tags", "tags of another account", "tags in another service"],
)
async def test_a_missing_destination(operations, context, call):
    await put(operations, context)
    assert await refusal(call(operations, context)) == MISSING


async def test_deletion(operations, context):
    await put(operations, context)
    await operations.delete_destination(context, destination_name="d")
    assert await operations.describe_destinations(context) == {"destinations": []}


async def test_tags(operations, context):
    arn = (await put(operations, context))["arn"]
    await operations.tag_resource(context, resource_arn=arn, tags={"a": "1", "b": "2"})
    await operations.untag_resource(context, resource_arn=arn, tag_keys=["a", "none"])
    assert await operations.list_tags_for_resource(context, resource_arn=arn) == {"tags": {"b": "2"}}
    many = {f"k{n}": "" for n in range(50)}
    assert (await refusal(operations.tag_resource(context, resource_arn=arn, tags=many)))[0] == "TooManyTagsException"


@pytest.mark.parametrize("fault", [None, "Syntax error"], ids=["well-formed", "malformed"])
async def test_a_policy_is_read_before_it_is_kept(operations, context, identity, fault):
    await put(operations, context)
    identity.policy_fault = fault
    call = operations.put_destination_policy(context, destination_name="d", access_policy="{}")
    if fault is None:
        await call
    else:
        code, message = await refusal(call)
        assert (code, fault in message) == ("InvalidParameterException", True)


async def test_a_policy_has_at_most_5120_bytes(operations, context):
    await put(operations, context)
    call = operations.put_destination_policy(context, destination_name="d", access_policy="ü" * 2_561)
    assert (await refusal(call))[0] == "InvalidParameterException"


async def test_another_account_subscribes_as_far_as_the_policy_lets_it(operations, context, make_context, identity):
    await put(operations, context)
    await operations.put_destination_policy(context, destination_name="d", access_policy='{"policy": 1}')
    arn = f"arn:aws:logs:us-east-1:{context.account_id}:destination:d"
    await subscribe(operations, make_context(), context)
    assert identity.asked == [("logs:PutSubscriptionFilter", arn, '{"policy": 1}')]
    identity.denied.add("logs:PutSubscriptionFilter")
    stranger = make_context()
    code, message = await refusal(subscribe(operations, stranger, context))
    assert code == "AccessDeniedException"
    assert message == (
        f"User with accountId: {stranger.account_id} is not authorized to perform: logs:PutSubscriptionFilter "
        f"on resource: {arn}"
    )


async def test_a_destination_is_found_by_its_own_arn_alone(operations, context):
    """By another one the filter would be kept, and deliver nothing."""
    await put(operations, context)
    assert (await refusal(subscribe(operations, context, context, "aws-cn")))[0] == "InvalidParameterException"
