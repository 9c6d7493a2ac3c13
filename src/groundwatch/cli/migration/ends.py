"""The two ends of a migration: a CloudWatch Logs endpoint each, asked through the SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session
import click

ATTEMPTS = 10
"""AWS throttles reads at some 25 a second; the SDK waits longer after each refusal."""


class End:
    """One endpoint. `url` None is AWS itself, in the region."""

    def __init__(self, url: str | None, make_client: Any) -> None:  # noqa: ANN401 - botocore makes clients at run time
        self.logs = make_client("logs")
        self.cloudwatch = make_client("cloudwatch")
        self.name = url or str(self.logs.meta.endpoint_url)

    def groups(self, wanted: str) -> Iterator[Mapping[str, Any]]:
        """Yield the group with this name, or those that begin with what stands before a final `*`."""
        prefix = wanted.removesuffix("*")
        words = {"logGroupNamePrefix": prefix} if prefix else {}
        for page in self.logs.get_paginator("describe_log_groups").paginate(**words):
            for group in page["logGroups"]:
                if wanted.endswith("*") or group["logGroupName"] == wanted:
                    yield group

    def streams(self, group: str) -> Iterator[Mapping[str, Any]]:
        """Yield the streams of a group by name."""
        for page in self.logs.get_paginator("describe_log_streams").paginate(logGroupName=group):
            yield from page["logStreams"]

    def events(
        self, group: str, stream: str, since_ms: int, until_ms: int | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the events of a stream from `since_ms` on (and before `until_ms`), in the order of their times."""
        words: dict[str, Any] = {"logGroupName": group, "logStreamName": stream, "startFromHead": True}
        words["startTime"] = since_ms
        if until_ms is not None:
            words["endTime"] = until_ms
        token = None
        while True:
            page = self.logs.get_log_events(**words, **({"nextToken": token} if token else {}))
            yield from page["events"]
            # The same token again is the end; pages before it may be empty.
            if page["nextForwardToken"] == token:
                return
            token = page["nextForwardToken"]


def foreign_end(profile: str | None, endpoint_url: str | None, region: str | None) -> End:
    """Return the end that is not this server; raises click.UsageError for a profile that is not there."""
    try:
        session = botocore.session.Session(profile=profile)
        config = botocore.config.Config(retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS})
        return End(
            endpoint_url,
            lambda service: session.create_client(
                service, region_name=region, endpoint_url=endpoint_url, config=config
            ),
        )
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise click.UsageError(str(error)) from error
