"""Export tasks: create, describe, cancel."""

from __future__ import annotations

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import ServiceError
from groundwatch.logs.catalog import STANDARD
from groundwatch.logs.events import invalid_token
from groundwatch.logs.exports.buckets import DENIED_CODES, MISSING_CODES, BucketError
from groundwatch.logs.exports.layout import DEFAULT_PREFIX, TEST_CONTENT, write_test_key
from groundwatch.logs.exports.tasks import ExportRequest, ExportTask, limit_exceeded
from groundwatch.logs.operations.room import Operations, tenant_of
from groundwatch.logs.tokens import seal, unseal

PAGE_TASKS = 50
LAST_TIME_MS = LAST_NUMBER = 2**63 - 1
MISSING_BUCKET = "The given bucket does not exist. Please make sure the bucket is valid."
DENIED = (
    "PutObject call on the given bucket failed. "
    "Please check if CloudWatch Logs has been granted permission to perform this operation."
)


class ExportOperations(Operations):
    """Operations on export tasks."""

    async def create_export_task(
        self,
        context: RequestContext,
        *,
        log_group_name: str,
        from_: int,
        to: int,
        destination: str,
        destination_prefix: str = DEFAULT_PREFIX,
        task_name: str | None = None,
        log_stream_name_prefix: str = "",
    ) -> dict[str, object]:
        """Have the events from `from_` to `to`, both inclusive, written to a bucket in the background."""
        if not from_ <= to <= LAST_TIME_MS:
            raise _invalid("The from time must not be later than the to time.")
        group = await self._group(context, log_group_name)
        if group.log_group_class != STANDARD:
            raise ServiceError("ValidationException", "This operation is only supported on the Standard log class.")
        if await self._room.exports.tasks.has_active(group.tenant):
            raise limit_exceeded()
        await self._write_test_object(context.region, destination, destination_prefix)
        request = ExportRequest(
            group=group,
            from_ms=from_,
            to_ms=to,
            bucket=destination,
            prefix=destination_prefix,
            name=task_name,
            stream_prefix=log_stream_name_prefix,
        )
        task_id = await self._room.exports.tasks.add(request)
        self._room.exports.runner.wake()
        return {"taskId": task_id}

    async def describe_export_tasks(
        self,
        context: RequestContext,
        *,
        task_id: str | None = None,
        status_code: str | None = None,
        next_token: str | None = None,
        limit: int = PAGE_TASKS,
    ) -> dict[str, object]:
        """List the account's tasks, the newest first; an unknown id gives an empty list."""
        tenant = tenant_of(context)
        request = [tenant, task_id, status_code]
        before = _position(unseal(request, next_token, int)) if next_token else None
        tasks = await self._room.exports.tasks.page(
            tenant, before=before, limit=limit + 1, task_id=task_id, status=status_code
        )
        answer: dict[str, object] = {"exportTasks": [_described(task) for task in tasks[:limit]]}
        if len(tasks) > limit:
            answer["nextToken"] = seal(request, [tasks[limit - 1].number])
        return answer

    async def cancel_export_task(self, context: RequestContext, *, task_id: str) -> None:
        """End a task that is pending or running; what it has written stays in the bucket."""
        await self._room.exports.tasks.cancel(tenant_of(context), task_id)
        self._room.exports.runner.wake()

    async def _write_test_object(self, region: str, bucket: str, prefix: str) -> None:
        try:
            await self._room.exports.buckets.put(region, bucket, write_test_key(prefix), TEST_CONTENT)
        except BucketError as error:
            raise _refusal(error) from error


def _refusal(error: BucketError) -> ServiceError:
    if error.code in MISSING_CODES:
        return _invalid(MISSING_BUCKET)
    if error.code in DENIED_CODES:
        return _invalid(DENIED)
    if error.retryable:
        return ServiceError("ServiceUnavailableException", str(error))
    return _invalid(str(error))


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def _position(position: list[str | int]) -> int:
    match position:
        case [int(number)] if 0 < number <= LAST_NUMBER:
            return number
        case _:
            raise invalid_token()


def _described(task: ExportTask) -> dict[str, object]:
    described: dict[str, object] = {
        "taskId": task.id,
        "logGroupName": task.group_name,
        "from": task.from_ms,
        "to": task.to_ms,
        "destination": task.bucket,
        "destinationPrefix": task.prefix,
        "status": _present(code=task.status, message=task.message),
        "executionInfo": _present(creationTime=task.created_ms, completionTime=task.completed_ms),
    }
    return described | _present(taskName=task.name)


def _present(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
