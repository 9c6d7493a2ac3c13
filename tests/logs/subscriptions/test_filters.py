"""Subscription filters: who may set up which, and in whose words the others are refused."""

import pytest
from tests.refusals import refusal

from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.logs.subscriptions.targets import TargetError

NOW_MS = 1_790_000_000_000
STREAM = "arn:aws:kinesis:us-east-1:{account}:stream/s"
FIREHOSE = "arn:aws:firehose:us-east-1:{account}:deliverystream/f"
FUNCTION = "arn:aws:lambda:us-east-1:{account}:function:f"
ROLE = "arn:aws:iam::{account}:role/ship"
FOREIGN = (
    "Cross-account lambda invocation passing is not allowed. You must use DestinationPolicies to create cross account "
    "lambda triggers."
)
NO_TEST = "Could not deliver test message to specified "
NO_RUN = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute"


async def put(operations, context, destination: str = STREAM, role: str | None = ROLE, **members):
    account = context.account_id
    wanted = {"log_group_name": "g", "filter_name": "f", "filter_pattern": ""} | members
    if role is not None:
        wanted["role_arn"] = role.format(account=account)
    await operations.put_subscription_filter(context, destination_arn=destination.format(account=account), **wanted)


async def names(operations, context, **members) -> list[str]:
    answer = await operations.describe_subscription_filters(context, log_group_name="g", **members)
    return [item["filterName"] for item in answer["subscriptionFilters"]]


async def test_a_described_filter_has_the_observed_members(operations, context, group):
    await put(operations, context, filter_pattern="ERROR", distribution="Random")
    answer = await operations.describe_subscription_filters(context, log_group_name="g")
    assert answer == {
        "subscriptionFilters": [
            {
                "filterName": "f",
                "logGroupName": "g",
                "filterPattern": "ERROR",
                "destinationArn": STREAM.format(account=context.account_id),
                "roleArn": ROLE.format(account=context.account_id),
                "distribution": "Random",
                "applyOnTransformedLogs": False,
                "creationTime": NOW_MS,
            }
        ]
    }


@pytest.mark.parametrize(
    ("destination", "role", "members", "expected"),
    [
        pytest.param(STREAM, ROLE, {}, None, id="a stream with its role"),
        pytest.param(FIREHOSE, ROLE, {}, None, id="firehose with its role"),
        pytest.param(FUNCTION, None, {}, None, id="a function without a role"),
        pytest.param(
            STREAM,
            None,
            {},
            ("InvalidParameterException", "destinationArn for vendor kinesis cannot be used without roleArn"),
            id="a stream needs a role",
        ),
        pytest.param(
            FIREHOSE,
            None,
            {},
            ("InvalidParameterException", "destinationArn for vendor firehose cannot be used without roleArn"),
            id="firehose needs a role",
        ),
        pytest.param(
            FUNCTION,
            ROLE,
            {},
            ("InvalidParameterException", "destinationArn for vendor lambda cannot be used with roleArn"),
            id="a function takes no role",
        ),
        pytest.param(
            "arn:aws:sqs:us-east-1:{account}:q",
            None,
            {},
            ("InvalidParameterException", "destinationArn for vendor sqs cannot be used without roleArn"),
            id="the role is missed before the vendor is judged",
        ),
        pytest.param(
            "arn:aws:sqs:us-east-1:{account}:q",
            ROLE,
            {},
            (
                "InvalidParameterException",
                "PutSubscriptionFilter operation cannot work with destinationArn for vendor sqs",
            ),
            id="another vendor",
        ),
        pytest.param(
            "arn:aws:lambda:us-east-1:999999999999:function:f",
            None,
            {"log_group_name": "none"},
            ("AccessDeniedException", FOREIGN),
            id="a foreign function is refused before the group is looked up",
        ),
        pytest.param(
            STREAM,
            ROLE,
            {"log_group_name": "none"},
            ("ResourceNotFoundException", "The specified log group does not exist."),
            id="no such group",
        ),
        pytest.param(
            "arn:aws:logs:us-east-1:{account}:destination:none",
            None,
            {},
            (
                "InvalidParameterException",
                NO_TEST + "destination. Check if the destination is valid.",
            ),
            id="no such logical destination",
        ),
    ],
)
async def test_destinations(*, operations, context, group, destination, role, members, expected):
    call = put(operations, context, destination, role, **members)
    if expected is None:
        await call
        assert await names(operations, context) == ["f"]
    else:
        assert await refusal(call) == expected


@pytest.mark.parametrize("arn", ["stream", "arn:aws:kinesis", "arn:aws:kinesis:us-east-1:1:table/x"])
async def test_what_is_no_destination_arn(operations, context, group, arn):
    code, message = await refusal(put(operations, context, arn))
    assert code == "InvalidParameterException"
    assert arn in message


@pytest.mark.parametrize(
    ("destination", "failure", "expected"),
    [
        (
            STREAM,
            "ProvisionedThroughputExceededException",
            NO_TEST + "Kinesis stream. Check if the given kinesis stream",
        ),
        (STREAM, "ResourceNotFoundException", NO_TEST + "Kinesis stream. Check if the given kinesis stream"),
        (FIREHOSE, "ResourceNotFoundException", NO_TEST + "Firehose stream. Check if the given Firehose stream"),
        (FUNCTION, "AccessDeniedException", NO_RUN),
        (FUNCTION, "ResourceNotFoundException", FOREIGN),
    ],
    ids=["stream throttled", "no stream", "no firehose", "function forbidden", "no function"],
)
async def test_the_test_message_must_arrive(
    *, operations, context, group, peer, caplog, destination, failure, expected
):
    peer.failures[destination.format(account=context.account_id)] = TargetError(failure, "told", retryable=False)
    role = None if destination == FUNCTION else ROLE
    code, message = await refusal(put(operations, context, destination, role))
    assert code == ("AccessDeniedException" if expected == FOREIGN else "InvalidParameterException")
    assert message.startswith(expected)
    assert await names(operations, context) == []
    if expected != FOREIGN:
        assert f"{failure}: told" in caplog.text, "the operator learns why"


async def test_the_role_must_trust_the_service_and_may_write(operations, context, group, identity):
    identity.untrusting.add(ROLE.format(account=context.account_id))
    assert (await refusal(put(operations, context)))[1].startswith(NO_TEST)
    identity.untrusting.clear()
    identity.denied.add("kinesis:PutRecord")
    assert (await refusal(put(operations, context)))[1].startswith(NO_TEST)
    identity.denied.clear()
    await put(operations, context)
    assert identity.sources[-1] == f"arn:aws:logs:us-east-1:{context.account_id}:log-group:g:*"


async def test_two_filters_a_group_and_the_same_name_replaces(operations, context, group, clock):
    await put(operations, context, filter_name="a")
    await put(operations, context, filter_name="b")
    assert await refusal(put(operations, context, filter_name="c")) == (
        "LimitExceededException",
        "Resource limit exceeded.",
    )
    await put(operations, context, FIREHOSE, filter_name="b", filter_pattern="x")
    answer = await operations.describe_subscription_filters(context, log_group_name="g", filter_name_prefix="b")
    (replaced,) = answer["subscriptionFilters"]
    assert (replaced["filterPattern"], replaced["creationTime"]) == ("x", NOW_MS)
    assert ":firehose:" in replaced["destinationArn"]


async def test_filters_come_in_order_page_by_page(operations, context, group):
    for name in ("b", "B"):
        await put(operations, context, filter_name=name)
    page = await operations.describe_subscription_filters(context, log_group_name="g", limit=1)
    assert [item["filterName"] for item in page["subscriptionFilters"]] == ["B"]
    assert await names(operations, context, limit=1, next_token=page["nextToken"]) == ["b"]
    await operations.create_log_group(context, log_group_name="h")
    other = operations.describe_subscription_filters(context, log_group_name="h", next_token=page["nextToken"])
    assert await refusal(other) == ("InvalidParameterException", "The specified nextToken is invalid.")


async def test_a_malformed_pattern_is_refused_before_anything_is_sent(operations, context, group, peer):
    code, _ = await refusal(put(operations, context, filter_pattern='"open'))
    assert code == "InvalidParameterException"
    assert peer.probed == []


async def test_deletion(operations, context, group):
    await put(operations, context)
    await operations.delete_subscription_filter(context, log_group_name="g", filter_name="f")
    assert await names(operations, context) == []
    again = operations.delete_subscription_filter(context, log_group_name="g", filter_name="f")
    assert await refusal(again) == (
        "ResourceNotFoundException",
        "The specified subscription filter does not exist.",
    )


async def test_a_deleted_group_takes_its_filters_along(operations, context, group):
    await put(operations, context)
    await operations.delete_log_group(context, log_group_name="g")
    await operations.create_log_group(context, log_group_name="g")
    assert await names(operations, context) == []


@pytest.mark.parametrize("operation", ["put", "describe"])
async def test_only_the_standard_class_knows_subscriptions(operations, context, operation):
    await operations.create_log_group(context, log_group_name="g", log_group_class="INFREQUENT_ACCESS")
    call = put(operations, context) if operation == "put" else names(operations, context)
    assert await refusal(call) == (
        "ValidationException",
        "This operation is only supported on the Standard log class.",
    )


async def test_transformed_logs_are_refused_by_name(operations, context, group):
    await put(operations, context, apply_on_transformed_logs=False)
    with pytest.raises(NotImplementedByServer, match="applyOnTransformedLogs"):
        await put(operations, context, apply_on_transformed_logs=True)
