"""Operations on log groups: making, describing, listing, retention, deletion."""

import pytest
from tests.logs.put_events import DAY_MS, NOW_MS, events, messages
from tests.refusals import refusal

from groundwatch.aws.errors import NotImplementedByServer

NO_GROUP = "The specified log group does not exist."


class TestGroups:
    async def test_described_group_has_the_observed_members(self, operations, context):
        await operations.create_log_group(context, log_group_name="/app/web", tags={"team": "web"})
        answer = await operations.describe_log_groups(context)
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app/web"
        assert answer == {
            "logGroups": [
                {
                    "logGroupName": "/app/web",
                    "creationTime": NOW_MS,
                    "metricFilterCount": 0,
                    "arn": f"{arn}:*",
                    "storedBytes": 0,
                    "logGroupClass": "STANDARD",
                    "logGroupArn": arn,
                    "deletionProtectionEnabled": False,
                }
            ]
        }
        assert await operations.list_tags_for_resource(context, resource_arn=arn) == {"tags": {"team": "web"}}

    async def test_duplicate_name_is_refused(self, operations, context):
        await operations.create_log_group(context, log_group_name="g")
        code, message = await refusal(operations.create_log_group(context, log_group_name="g"))
        assert (code, message) == ("ResourceAlreadyExistsException", "The specified log group already exists")

    @pytest.mark.parametrize("name", ["aws/x", "AWS/x", "Aws/lambda"])
    async def test_reserved_prefix_is_refused_in_any_case(self, operations, context, name):
        code, message = await refusal(operations.create_log_group(context, log_group_name=name))
        assert (code, message) == ("InvalidParameterException", "Log groups starting with AWS/ are reserved for AWS.")

    async def test_names_come_in_byte_order_page_by_page(self, operations, context):
        for name in ("b", "B", "a/1", "a", "_"):
            await operations.create_log_group(context, log_group_name=name)
        names, token = [], None
        while True:
            page = await operations.describe_log_groups(context, limit=2, next_token=token)
            names += [group["logGroupName"] for group in page["logGroups"]]
            token = page.get("nextToken")
            if token is None:
                break
        assert names == ["B", "_", "a", "a/1", "b"]

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({"log_group_name_prefix": "/a"}, ["/a", "/a/x"]),
            ({"log_group_name_pattern": "A"}, ["/A"]),
            ({"log_group_name_pattern": "x"}, ["/a/x", "/bx"]),
            ({"log_group_class": "INFREQUENT_ACCESS"}, ["/bx"]),
            ({"log_group_class": "ESSENTIALS"}, ["/bx"]),
        ],
        ids=["prefix", "pattern is case-sensitive", "pattern is a substring", "class", "cheap classes are one"],
    )
    async def test_groups_are_chosen(self, operations, context, choice, expected):
        for name in ("/a", "/A", "/a/x"):
            await operations.create_log_group(context, log_group_name=name)
        await operations.create_log_group(context, log_group_name="/bx", log_group_class="INFREQUENT_ACCESS")
        answer = await operations.describe_log_groups(context, **choice)
        assert [group["logGroupName"] for group in answer["logGroups"]] == expected

    @pytest.mark.parametrize("operation", ["describe_log_groups", "list_log_groups"])
    async def test_there_are_no_linked_accounts(self, operations, context, operation):
        await operations.create_log_group(context, log_group_name="g")
        call = getattr(operations, operation)
        for choice in ({"include_linked_accounts": True}, {"account_identifiers": [context.account_id]}):
            assert [group["logGroupName"] for group in (await call(context, **choice))["logGroups"]] == ["g"]
        with pytest.raises(NotImplementedByServer, match="for other accounts"):
            await call(context, include_linked_accounts=True, account_identifiers=[context.account_id, "9" * 12])

    async def test_prefix_and_pattern_exclude_each_other(self, operations, context):
        call = operations.describe_log_groups(context, log_group_name_prefix="a", log_group_name_pattern="b")
        assert (await refusal(call))[1] == (
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )

    async def test_a_token_of_another_request_is_refused(self, operations, context):
        for name in ("a", "b"):
            await operations.create_log_group(context, log_group_name=name)
        token = (await operations.describe_log_groups(context, limit=1))["nextToken"]
        call = operations.describe_log_groups(context, log_group_name_prefix="a", next_token=token)
        assert (await refusal(call))[1] == "The specified nextToken is invalid."

    async def test_another_account_sees_nothing(self, operations, make_context, stream, context):
        other = make_context()
        assert await operations.describe_log_groups(other) == {"logGroups": []}
        assert await refusal(operations.get_log_events(other, **stream)) == ("ResourceNotFoundException", NO_GROUP)
        identifier = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/app/web"
        call = operations.get_log_events(other, log_group_identifier=identifier, log_stream_name="i-1")
        assert await refusal(call) == ("ResourceNotFoundException", NO_GROUP)

    async def test_a_recreated_group_is_empty(self, operations, context, stream):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "old")))
        await operations.delete_log_group(context, log_group_name="/app/web")
        assert await refusal(operations.get_log_events(context, **stream)) == ("ResourceNotFoundException", NO_GROUP)
        await operations.create_log_group(context, log_group_name="/app/web")
        await operations.create_log_stream(context, **stream)
        assert messages(await operations.get_log_events(context, **stream)) == []

    async def test_deleted_events_are_reclaimed(self, operations, room, context, stream, event_database):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "old")))
        from groundwatch.logs.catalog import Tenant

        group = await room.catalog.group(Tenant(context.account_id, "us-east-1"), "/app/web")
        await operations.delete_log_group(context, log_group_name="/app/web")
        assert await room.reclaimer.reclaim() >= 1
        assert await room.catalog.waiting_reclaims() == []
        assert await room.store.stored_bytes([group.number]) == {}

    async def test_deletion_protection_holds(self, operations, context):
        await operations.create_log_group(context, log_group_name="g", deletion_protection_enabled=True)
        assert (await refusal(operations.delete_log_group(context, log_group_name="g")))[0] == "ValidationException"

    async def test_stored_bytes_count_messages(self, operations, context, stream):
        await operations.put_log_events(context, **stream, log_events=events((NOW_MS, "abc"), (NOW_MS, "é")))
        groups = (await operations.describe_log_groups(context))["logGroups"]
        assert groups[0]["storedBytes"] == 5


class TestListGroups:
    @pytest.fixture
    async def groups(self, operations, context):
        tags = {"/app/web": {"team": "Web"}, "/app/api": {"team": "api", "env": "prod"}, "/db/main": {}}
        for name, own in tags.items():
            await operations.create_log_group(context, log_group_name=name, tags=own)

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({}, ["/app/api", "/app/web", "/db/main"]),
            ({"log_group_name_pattern": "^/app"}, ["/app/api", "/app/web"]),
            ({"log_group_name_pattern": "web|^/db"}, ["/app/web", "/db/main"]),
            ({"log_group_name_pattern": "WEB"}, []),
            ({"log_group_tags": [{"key": "team"}]}, ["/app/api", "/app/web"]),
            ({"log_group_tags": [{"key": "team", "values": ["web", "x"]}]}, ["/app/web"]),
            ({"log_group_tags": [{"key": "team", "values": ["!web"]}]}, ["/app/api", "/db/main"]),
            (
                {"log_group_tags": [{"key": "team", "values": ["*P*"]}, {"key": "env", "values": ["pr*d"]}]},
                ["/app/api"],
            ),
            ({"log_group_class": "DELIVERY"}, []),
        ],
        ids=["all", "prefix", "alternatives", "case", "tag key", "tag values", "negated", "wildcards", "class"],
    )
    async def test_groups_are_chosen(self, operations, context, groups, choice, expected):
        for limit in (1, 50):
            names, token = [], None
            while True:
                page = await operations.list_log_groups(context, **choice, limit=limit, next_token=token)
                names += [group["logGroupName"] for group in page["logGroups"]]
                token = page.get("nextToken")
                if token is None:
                    break
            assert names == expected

    async def test_items_are_short(self, operations, context, groups):
        page = await operations.list_log_groups(context, log_group_name_pattern="/db")
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/db/main"
        assert page == {"logGroups": [{"logGroupName": "/db/main", "logGroupArn": arn, "logGroupClass": "STANDARD"}]}

    async def test_groups_are_described_by_identifier(self, operations, context, groups):
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/db/main"
        page = await operations.describe_log_groups(context, log_group_identifiers=[arn, "/app/web"])
        assert [group["logGroupName"] for group in page["logGroups"]] == ["/app/web", "/db/main"]

    async def test_both_generations_of_tag_operations_see_the_same_tags(self, operations, context, groups):
        arn = f"arn:aws:logs:us-east-1:{context.account_id}:log-group:/db/main"
        await operations.tag_log_group(context, log_group_name="/db/main", tags={"a": "1", "b": "2"})
        await operations.tag_resource(context, resource_arn=arn, tags={"b": "3"})
        assert await operations.list_tags_log_group(context, log_group_name="/db/main") == {
            "tags": {"a": "1", "b": "3"}
        }
        await operations.untag_resource(context, resource_arn=arn, tag_keys=["a", "absent"])
        await operations.untag_log_group(context, log_group_name="/db/main", tags=["absent"])
        assert await operations.list_tags_for_resource(context, resource_arn=arn) == {"tags": {"b": "3"}}
        too_many = {f"k{n}": "" for n in range(50)}
        assert (await refusal(operations.tag_resource(context, resource_arn=arn, tags=too_many)))[0] == (
            "TooManyTagsException"
        )

    async def test_protection_is_put_and_lifted(self, operations, context, groups):
        place = {"log_group_identifier": "/db/main"}
        await operations.put_log_group_deletion_protection(context, **place, deletion_protection_enabled=True)
        assert (await refusal(operations.delete_log_group(context, log_group_name="/db/main")))[0] == (
            "ValidationException"
        )
        await operations.put_log_group_deletion_protection(context, **place, deletion_protection_enabled=False)
        await operations.delete_log_group(context, log_group_name="/db/main")


class TestRetention:
    async def test_a_value_that_the_service_does_not_have_is_refused(self, operations, context, stream):
        call = operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=2)
        code, message = await refusal(call)
        assert code == "InvalidParameterException"
        assert message.startswith("Invalid retention value. Valid values are: [1, 3, 5, 7, 14, 30, 60,")

    async def test_expired_events_are_hidden_and_come_back_when_retention_is_lifted(self, operations, context, stream):
        at = NOW_MS - 2 * DAY_MS
        await operations.put_log_events(context, **stream, log_events=events((at, "two days old")))
        await operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=1)
        groups = (await operations.describe_log_groups(context))["logGroups"]
        assert groups[0]["retentionInDays"] == 1
        assert messages(await operations.get_log_events(context, **stream)) == []
        assert messages(await operations.filter_log_events(context, log_group_name="/app/web")) == []
        await operations.delete_retention_policy(context, log_group_name="/app/web")
        assert messages(await operations.get_log_events(context, **stream)) == ["two days old"]


async def test_expired_events_give_their_space_back(operations, room, context, stream, clock):
    from groundwatch.logs.catalog import Tenant

    old, new = NOW_MS - 2 * DAY_MS, NOW_MS
    await operations.put_log_events(context, **stream, log_events=events((old, "expired")))
    await operations.put_log_events(context, **stream, log_events=events((new, "kept")))
    await room.reclaimer.expire()
    group = await room.catalog.group(Tenant(context.account_id, "us-east-1"), "/app/web")
    assert (await room.store.stored_bytes([group.number]))[group.number] == len("expiredkept")
    await operations.put_retention_policy(context, log_group_name="/app/web", retention_in_days=1)
    await room.reclaimer.expire()
    assert (await room.store.stored_bytes([group.number]))[group.number] == len("kept")
    await operations.delete_retention_policy(context, log_group_name="/app/web")
    assert messages(await operations.filter_log_events(context, log_group_name="/app/web")) == ["kept"]
