"""The tags of which policies decide on a call about a log group."""

import pytest

from groundwatch.logs.access import logs_access
from groundwatch.logs.resource_tags import LogGroupTags

CALLS = [
    pytest.param("DeleteLogGroup", {"logGroupName": "{group}"}, {"team": "red"}, id="a group"),
    pytest.param(
        "GetLogEvents", {"logGroupName": "{group}", "logStreamName": "s"}, {"team": "red"}, id="a stream of it"
    ),
    pytest.param("TagResource", {"resourceArn": "{arn}"}, {"team": "red"}, id="by its ARN"),
    pytest.param("DeleteLogGroup", {"logGroupName": "{group}x"}, {}, id="an unknown group"),
    pytest.param("DescribeLogGroups", {}, {}, id="every group"),
    pytest.param("DescribeQueryDefinitions", {}, {}, id="no group"),
]


@pytest.mark.parametrize(("operation", "params", "tags"), CALLS)
async def test_tags_of_what_a_call_is_about(operation, params, tags, operations, room, context):
    group = f"/tags/{context.request_id}/{operation}"
    arn = f"arn:aws:logs:{context.region}:{context.account_id}:log-group:{group}"
    await operations.create_log_group(context, log_group_name=group, tags={"team": "red"})
    given = {name: value.format(group=group, arn=arn) for name, value in params.items()}
    check, *_ = logs_access(operation, given, context)
    assert await LogGroupTags(room.catalog).tags_of(context, check.resource) == tags


async def test_another_account_has_none(operations, room, make_context):
    context, other = make_context(), make_context()
    await operations.create_log_group(context, log_group_name="/mine", tags={"team": "red"})
    arn = f"arn:aws:logs:{context.region}:{context.account_id}:log-group:/mine:log-stream:"
    assert await LogGroupTags(room.catalog).tags_of(other, arn) == {}
