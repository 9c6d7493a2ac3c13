"""Sending documents to Kinesis, Firehose and Lambda through the SDK. Blocking: runs in threads.

Credentials are those of this process, found as the SDK finds them (environment, shared files, instance role). The
roles that subscriptions name are checked here, by this server's own identities, and mean nothing to a foreign endpoint.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import botocore.session
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from groundwatch.logs.sdk_clients import Client, SdkClients
from groundwatch.logs.subscriptions.vendors import VENDORS, Target

OFF = "off"
AWS = "aws"
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
RETRYABLE_CODES = frozenset(
    {
        *("ProvisionedThroughputExceededException", "LimitExceededException", "ThrottlingException", "Throttling"),
        *("TooManyRequestsException", "RequestLimitExceeded", "KMSThrottlingException", "SlowDown"),
        *("ResourceInUseException", "ResourceConflictException", "InternalFailure", "ServiceUnavailableException"),
        *("RequestTimeout", "RequestTimeoutException", "ExpiredTokenException"),
    }
)
"""Everything else below status 500 is an answer that the same request would get again."""


class Record(NamedTuple):
    """One document for a target, and what keeps its stream together there."""

    data: bytes
    partition_key: str
    events: int = 0


class TargetError(Exception):
    """A target did not take a record; `retryable` says whether it may take it later."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retryable = retryable


class Targets:
    """Clients of the services that take deliveries. Safe to use from several threads.

    `endpoints` says for each vendor where it is: `off`, `aws` (the region of the target's ARN) or a URL.
    """

    def __init__(self, endpoints: Mapping[str, str]) -> None:
        self._endpoints = endpoints
        self._session = botocore.session.Session()
        self._clients = SdkClients()

    def send(self, target: Target, records: Sequence[Record]) -> Sequence[Record]:
        """Send records in order and return those that must be sent again. Raises TargetError when none was taken."""
        client = self._client(target)
        vendor = VENDORS[target.vendor]
        left: list[Record] = []
        done = 0
        for part in _parts(records, vendor.max_call_records, vendor.max_call_bytes):
            try:
                left += _translated(SENDERS[target.vendor], client, target, part)
            except TargetError:
                if not done:
                    raise
                # What went before is with the target; the next attempt meets the error again if it lasts.
                return [*left, *records[done:]]
            done += len(part)
        return left

    def probe(self, target: Target, control: bytes) -> None:
        """Return when the target takes deliveries; raises TargetError. A function is asked without being run."""
        if target.vendor == "lambda":
            _translated(_dry_run, self._client(target), target, ())
        elif self.send(target, [Record(control, "control")]):
            raise TargetError("Throttled", "the test message was not taken", retryable=True)

    def close(self) -> None:
        """Close the connections."""
        self._clients.close()

    def _client(self, target: Target) -> Client:
        endpoint = self._endpoints.get(target.vendor, OFF)
        if endpoint == OFF:
            raise TargetError("NoEndpoint", f"no endpoint is set for {target.vendor}", retryable=True)
        url = None if endpoint == AWS else endpoint
        try:
            return self._clients.find(target.vendor, target.region, lambda: self._connect(target, url))
        except (BotoCoreError, ValueError) as error:
            # The region is what the ARN says.
            raise TargetError(type(error).__name__, str(error), retryable=False) from error

    def _connect(self, target: Target, url: str | None) -> Client:
        # The queue retries, with a longer breath than the SDK's.
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries={"total_max_attempts": 1}
        )
        return self._session.create_client(target.vendor, region_name=target.region, endpoint_url=url, config=config)


def partition_key(text: str) -> str:
    """Return a key of bounded length that is the same for the same text."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _parts(records: Sequence[Record], max_records: int, max_bytes: int) -> Sequence[Sequence[Record]]:
    parts: list[list[Record]] = []
    part_bytes = 0
    for record in records:
        if not parts or len(parts[-1]) == max_records or part_bytes + len(record.data) > max_bytes:
            parts.append([])
            part_bytes = 0
        parts[-1].append(record)
        part_bytes += len(record.data)
    return parts


def _kinesis(client: Client, target: Target, records: Sequence[Record]) -> list[Record]:
    answer = client.put_records(
        StreamName=target.name,
        StreamARN=target.arn,
        Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in records],
    )
    return _refused(records, answer["Records"])


def _firehose(client: Client, target: Target, records: Sequence[Record]) -> list[Record]:
    data = [{"Data": record.data} for record in records]
    answer = client.put_record_batch(DeliveryStreamName=target.name, Records=data)
    return _refused(records, answer["RequestResponses"])


def _lambda(client: Client, target: Target, records: Sequence[Record]) -> list[Record]:
    for record in records:
        event = msgspec.json.encode({"awslogs": {"data": base64.b64encode(record.data).decode()}})
        client.invoke(FunctionName=target.arn, InvocationType="Event", Payload=event)
    return []


def _dry_run(client: Client, target: Target, _records: Sequence[Record]) -> list[Record]:
    client.invoke(FunctionName=target.arn, InvocationType="DryRun")
    return []


def _refused(records: Sequence[Record], results: Sequence[Mapping[str, Any]]) -> list[Record]:
    # A call may take some records and throttle others; nothing else is refused one by one.
    return [record for record, result in zip(records, results, strict=True) if result.get("ErrorCode")]


Sender = Callable[[Client, Target, Sequence[Record]], list[Record]]
SENDERS: Mapping[str, Sender] = {"kinesis": _kinesis, "firehose": _firehose, "lambda": _lambda}


def _translated(sender: Sender, client: Client, target: Target, records: Sequence[Record]) -> list[Record]:
    try:
        return sender(client, target, records)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        retryable = status >= 500 or status == 429 or code in RETRYABLE_CODES
        raise TargetError(code, str(error), retryable=retryable) from error
    except BotoCoreError as error:
        # No connection, no credentials, no answer in time: whoever runs the server can mend it within the day.
        raise TargetError(type(error).__name__, str(error), retryable=True) from error
