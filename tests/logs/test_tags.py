"""Tags of groups and destinations: what may be one, and changes that arrive together."""

import asyncio
from types import SimpleNamespace

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.subscriptions.records import Destination


@pytest.fixture
async def group(operations, context) -> str:
    await operations.create_log_group(context, log_group_name="g")
    return f"arn:aws:logs:us-east-1:{context.account_id}:log-group:g"


@pytest.fixture
async def destination(operations, room, context) -> str:
    # A destination is made without the test message, which would need a stream that takes it.
    tenant = SimpleNamespace(account_id=context.account_id, region=context.region)
    role = f"arn:aws:iam::{context.account_id}:role/r"
    target = f"arn:aws:kinesis:us-east-1:{context.account_id}:stream/s"
    await room.subscriptions.store.put_destination(
        Destination(
            tenant=tenant,
            name="d",
            target_arn=target,
            role_arn=role,
            access_policy=None,
            tags={},
            created_ms=1,
        )
    )
    return f"arn:aws:logs:us-east-1:{context.account_id}:destination:d"


@pytest.fixture(params=["group", "destination"])
def arn(request) -> str:
    return request.getfixturevalue(request.param)


async def test_changes_that_come_together_are_all_kept(operations, context, arn):
    await operations.tag_resource(context, resource_arn=arn, tags={"old": "1", "kept": "2"})
    await asyncio.gather(
        operations.untag_resource(context, resource_arn=arn, tag_keys=["old"]),
        *(operations.tag_resource(context, resource_arn=arn, tags={f"k{n}": "v"}) for n in range(20)),
    )
    expected = {"kept": "2"} | {f"k{n}": "v" for n in range(20)}
    assert (await operations.list_tags_for_resource(context, resource_arn=arn))["tags"] == expected


async def test_the_fiftieth_tag_is_the_last(operations, context, arn):
    await operations.tag_resource(context, resource_arn=arn, tags={f"k{n}": "" for n in range(49)})
    await operations.tag_resource(context, resource_arn=arn, tags={"k49": "", "k0": "again"})
    with pytest.raises(ServiceError) as refused:
        await operations.tag_resource(context, resource_arn=arn, tags={"k50": ""})
    assert refused.value.code == "TooManyTagsException"
    assert len((await operations.list_tags_for_resource(context, resource_arn=arn))["tags"]) == 50


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "Aws:cloudformation:stack-name"])
async def test_keys_of_aws_are_reserved(operations, context, arn, key):
    for call in (
        operations.tag_resource(context, resource_arn=arn, tags={key: "v"}),
        operations.create_log_group(context, log_group_name="other", tags={key: "v"}),
    ):
        with pytest.raises(ServiceError) as refused:
            await call
        assert refused.value.code == "InvalidParameterException"
        assert key in str(refused.value)


async def test_a_resource_that_is_gone(operations, context, group):
    await operations.delete_log_group(context, log_group_name="g")
    with pytest.raises(ServiceError) as refused:
        await operations.tag_log_group(context, log_group_name="g", tags={"a": "b"})
    assert str(refused.value) == "The specified log group does not exist."
