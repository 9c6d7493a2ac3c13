"""The operations on export tasks, as a client sees them."""

import pytest
from tests.refusals import refusal

from groundwatch.logs.access import logs_access
from groundwatch.logs.exports.buckets import BucketError, NotSetUpError

NOW_MS = 1_790_000_000_000
INVALID = "InvalidParameterException"


async def test_a_fresh_task_has_the_observed_members(put, create, described):
    await put("s")
    task_id = await create(from_=1, to=2)
    assert await described(task_id) == {
        "taskId": task_id,
        "logGroupName": "g",
        "from": 1,
        "to": 2,
        "destination": "archive",
        "destinationPrefix": "exportedlogs",
        "status": {"code": "PENDING"},
        "executionInfo": {"creationTime": NOW_MS},
    }


async def test_a_task_keeps_its_name_and_prefix(put, create, described, bucket):
    await put("s")
    task = await described(await create(task_name="nightly", destination_prefix="a/b"))
    assert (task["taskName"], task["destinationPrefix"]) == ("nightly", "a/b")
    assert bucket.objects == {"a/b/aws-logs-write-test": b"Permission Check Successful"}


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"log_group_name": "none"}, ("ResourceNotFoundException", "The specified log group does not exist.")),
        ({"from_": 2, "to": 1}, (INVALID, "The from time must not be later than the to time.")),
        ({"to": 2**63}, (INVALID, "The from time must not be later than the to time.")),
        (
            {"destination": "other"},
            (INVALID, "The given bucket does not exist. Please make sure the bucket is valid."),
        ),
        (
            {"log_group_name": "cheap"},
            ("ValidationException", "This operation is only supported on the Standard log class."),
        ),
    ],
    ids=["group", "range", "time beyond 64 bits", "bucket", "class"],
)
async def test_what_cannot_be_exported_is_refused(put, create, operations, context, members, error):
    await put("s")
    await operations.create_log_group(context, log_group_name="cheap", log_group_class="INFREQUENT_ACCESS")
    assert await refusal(create(**members)) == error
    assert await operations.describe_export_tasks(context) == {"exportTasks": []}


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (BucketError("AccessDenied", ""), INVALID, "PutObject call on the given bucket failed."),
        (BucketError("KeyTooLongError", "The bucket refused an object: KeyTooLongError."), INVALID, "KeyTooLongError"),
        (BucketError("SlowDown", "busy", retryable=True), "ServiceUnavailableException", "busy"),
        (NotSetUpError("This server has no S3 endpoint"), INVALID, "This server has no S3 endpoint"),
    ],
    ids=["denied", "refused otherwise", "busy", "no endpoint"],
)
async def test_a_bucket_that_does_not_take_the_test_object(put, create, bucket, error, code, text):
    await put("s")
    bucket.refusals = [error]
    refused_code, message = await refusal(create())
    assert refused_code == code
    assert text in message


async def test_a_second_active_task_exceeds_the_quota(put, create, room, bucket):
    await put("s")
    await create()
    bucket.objects.clear()
    assert await refusal(create()) == ("LimitExceededException", "Resource limit exceeded.")
    assert bucket.objects == {}
    await room.exports.runner.run_waiting()
    await create()


async def test_other_accounts_and_regions_have_a_quota_of_their_own(put, create, operations, make_context):
    await put("s")
    await create()
    other = make_context()
    await operations.create_log_group(other, log_group_name="g")
    await operations.create_export_task(other, log_group_name="g", from_=0, to=1, destination="archive")


class TestCancel:
    async def test_a_pending_task_is_cancelled_at_once(self, put, create, operations, context, room, described):
        await put("s", "x")
        task_id = await create()
        await operations.cancel_export_task(context, task_id=task_id)
        task = await described(task_id)
        assert task["status"] == {"code": "CANCELLED", "message": "Cancelled by user"}
        assert await room.exports.runner.run_waiting() == 0

    async def test_a_running_task_is_told(self, put, create, operations, context, tasks, described):
        await put("s")
        task_id = await create()
        await tasks.claim()
        await operations.cancel_export_task(context, task_id=task_id)
        assert (await described(task_id))["status"] == {"code": "PENDING_CANCEL"}
        assert await refusal(operations.cancel_export_task(context, task_id=task_id)) == (
            "InvalidOperationException",
            "The specified export task is already being cancelled",
        )

    async def test_a_finished_task_is_refused(self, put, create, operations, context, room):
        await put("s")
        task_id = await create()
        await room.exports.runner.run_waiting()
        assert await refusal(operations.cancel_export_task(context, task_id=task_id)) == (
            "InvalidOperationException",
            "The specified export task has already finished",
        )

    async def test_a_task_of_another_account_does_not_exist(self, put, create, operations, make_context):
        await put("s")
        call = operations.cancel_export_task(make_context(), task_id=await create())
        assert await refusal(call) == (
            "ResourceNotFoundException",
            "The specified export task does not exist.",
        )


class TestDescribe:
    @pytest.fixture
    async def three(self, put, create, operations, context, room) -> list[str]:
        """A completed, a cancelled and a pending task, in this order."""
        await put("s")
        completed = await create()
        await room.exports.runner.run_waiting()
        cancelled = await create()
        await operations.cancel_export_task(context, task_id=cancelled)
        return [completed, cancelled, await create()]

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({}, [2, 1, 0]),
            ({"status_code": "COMPLETED"}, [0]),
            ({"status_code": "CANCELLED"}, [1]),
            ({"status_code": "PENDING"}, [2]),
            ({"status_code": "FAILED"}, []),
            ({"task_id": "unknown"}, []),
        ],
        ids=["newest first", "completed", "cancelled", "pending", "failed", "an unknown id is no error"],
    )
    async def test_tasks_are_chosen(self, operations, context, three, choice, expected):
        answer = await operations.describe_export_tasks(context, **choice)
        assert [task["taskId"] for task in answer["exportTasks"]] == [three[index] for index in expected]
        assert "nextToken" not in answer

    async def test_pages_follow_each_other(self, operations, context, three):
        found, token = [], None
        while True:
            answer = await operations.describe_export_tasks(context, limit=1, next_token=token)
            found += [task["taskId"] for task in answer["exportTasks"]]
            token = answer.get("nextToken")
            if token is None:
                break
        assert found == three[::-1]

    @pytest.mark.parametrize("change", [{"status_code": "PENDING"}, {"next_token": "x"}], ids=["other request", "junk"])
    async def test_tokens_are_bound_to_their_request(self, operations, context, three, change):
        token = (await operations.describe_export_tasks(context, limit=1))["nextToken"]
        call = operations.describe_export_tasks(context, **{"next_token": token, **change})
        assert await refusal(call) == (INVALID, "The specified nextToken is invalid.")

    async def test_another_account_sees_nothing(self, operations, make_context, three):
        assert await operations.describe_export_tasks(make_context()) == {"exportTasks": []}


@pytest.mark.parametrize(
    ("operation", "params", "resource"),
    [
        ("CreateExportTask", {"logGroupName": "g"}, "arn:aws:logs:us-east-1:{account}:log-group:g:log-stream:"),
        ("DescribeExportTasks", {"taskId": "x"}, "*"),
        ("CancelExportTask", {"taskId": "x"}, "*"),
    ],
)
def test_what_operations_are_checked_against(context, operation, params, resource):
    (check,) = logs_access(operation, params, context)
    assert (check.action, check.resource) == (f"logs:{operation}", resource.format(account=context.account_id))
