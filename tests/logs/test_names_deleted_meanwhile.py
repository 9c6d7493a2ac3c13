"""Operations that found a group which is deleted, or protected from that, before they write."""

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.subscriptions.records import SubscriptionFilter


@pytest.fixture
async def deleted(operations, room, context):
    await operations.create_log_group(context, log_group_name="g")
    group = await room.catalog.group(Tenant(context.account_id, context.region), "g")
    await operations.delete_log_group(context, log_group_name="g")
    return group


def filter_of(group) -> SubscriptionFilter:
    return SubscriptionFilter(
        number=0,
        group_number=group.number,
        name="f",
        pattern="",
        destination_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
        role_arn=None,
        distribution="ByLogStream",
        created_ms=1,
    )


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda room, group: room.catalog.create_stream(group, "s"), id="a stream"),
        pytest.param(lambda room, group: room.catalog.change_tags(group, dict), id="tags"),
        pytest.param(lambda room, group: room.catalog.change_group(group, retention_in_days=1), id="a setting"),
        pytest.param(lambda room, group: room.subscriptions.store.put_filter(filter_of(group)), id="a filter"),
    ],
)
async def test_the_group_does_not_exist(room, deleted, write):
    with pytest.raises(ServiceError) as refused:
        await write(room, deleted)
    assert (refused.value.code, str(refused.value)) == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


async def test_what_is_protected_meanwhile_is_not_deleted(operations, room, context):
    """Between the look at a group and the write, its protection may have been acknowledged."""
    await operations.create_log_group(context, log_group_name="g")
    await operations.create_log_stream(context, log_group_name="g", log_stream_name="s")
    outdated = await room.catalog.group(Tenant(context.account_id, context.region), "g")
    stream = await room.catalog.stream(outdated, "s")
    await operations.put_log_group_deletion_protection(
        context, log_group_identifier="g", deletion_protection_enabled=True
    )
    for deletion in (room.catalog.delete_group(outdated), room.catalog.delete_stream(stream)):
        with pytest.raises(ServiceError, match="cannot be deleted because deletion protection is enabled"):
            await deletion
    assert await room.catalog.stream(await room.catalog.group(outdated.tenant, "g"), "s") == stream


async def test_of_two_deletions_the_second_finds_nothing(room, deleted):
    waiting = len(await room.catalog.waiting_reclaims())
    with pytest.raises(ServiceError, match="The specified log group does not exist"):
        await room.catalog.delete_group(deleted)
    assert len(await room.catalog.waiting_reclaims()) == waiting


async def test_a_stream_of_the_same_name_is_still_told_apart(operations, context):
    await operations.create_log_group(context, log_group_name="g")
    await operations.create_log_stream(context, log_group_name="g", log_stream_name="s")
    with pytest.raises(ServiceError, match="The specified log stream already exists"):
        await operations.create_log_stream(context, log_group_name="g", log_stream_name="s")
