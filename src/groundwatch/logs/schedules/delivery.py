"""Results of scheduled queries as objects in buckets."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
from collections.abc import Sequence
from typing import Protocol

import msgspec

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.exports.buckets import BucketError
from groundwatch.logs.insights.results import ResultRow
from groundwatch.logs.schedules.roles import RoleCalls
from groundwatch.logs.schedules.store import Run

PAUSES_S = (1.0, 5.0, 15.0)
"""Before each repetition of an upload that failed for a reason that may pass."""


class Puts(Protocol):
    """Writes objects; implemented by the buckets of exports."""

    async def put(self, region: str, bucket: str, key: str, body: bytes) -> None:
        """Write an object, once. Raises BucketError."""


class Delivery:
    """Writes the result of a run to its bucket."""

    def __init__(self, buckets: Puts, roles: RoleCalls, *, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self._buckets = buckets
        self._roles = roles
        self._pauses_s = pauses_s

    async def deliver(self, run: Run, query_id: str, rows: Sequence[ResultRow]) -> dict[str, str] | None:
        """Return what became of the delivery, in the model's members; None where none is configured."""
        config = run.schedule.members.get("destinationConfiguration", {}).get("s3Configuration")
        if config is None:
            return None
        bucket, _, prefix = config["destinationIdentifier"].removeprefix("s3://").partition("/")
        key = object_key(prefix, run)
        told = {"destinationType": "S3", "destinationIdentifier": config["destinationIdentifier"]}
        try:
            await self._roles.allow(run.schedule, config["roleArn"], "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
            body = await asyncio.to_thread(result_object, run, query_id, rows)
            await self._put(run, bucket, key, body)
        except ServiceError as error:
            return told | {"status": "CLIENT_ERROR", "errorMessage": error.message or error.code}
        except BucketError as error:
            return told | {"status": "FAILED" if error.retryable else "CLIENT_ERROR", "errorMessage": str(error)}
        return told | {"status": "COMPLETE", "processedIdentifier": f"s3://{bucket}/{key}"}

    async def _put(self, run: Run, bucket: str, key: str, body: bytes) -> None:
        for pause_s in self._pauses_s:
            try:
                return await self._buckets.put(run.schedule.tenant.region, bucket, key, body)
            except BucketError as error:
                if not error.retryable:
                    raise
            await asyncio.sleep(pause_s)
        return await self._buckets.put(run.schedule.tenant.region, bucket, key, body)


def object_key(prefix: str, run: Run) -> str:
    """Return the key of a run's object: the same one however often the run is begun."""
    moment = dt.datetime.fromtimestamp(run.triggered_ms / 1000, dt.UTC)
    # A slash in a name would make folders of it.
    name = run.schedule.name.replace("/", "-")
    folder = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    return f"{folder}{name}/{moment:%Y/%m/%d}/{moment:%Y%m%dT%H%M%SZ}.json.gz"


def result_object(run: Run, query_id: str, rows: Sequence[ResultRow]) -> bytes:
    """Return the object: the result as GetQueryResults has it, compressed."""
    document = {
        "scheduledQueryArn": run.schedule.arn,
        "triggeredTimestamp": run.triggered_ms,
        "queryId": query_id,
        "queryLanguage": run.schedule.members["queryLanguage"],
        "status": "Complete",
        "results": [[{"field": name, "value": value} for name, value in row] for row in rows],
    }
    return gzip.compress(msgspec.json.encode(document), 6, mtime=0)
