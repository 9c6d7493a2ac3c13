"""The kinds of target that logs are delivered to, as a table, and the ARNs that name them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.errors import ServiceError


class Vendor(msgspec.Struct, frozen=True):
    """One service that takes deliveries; limits are those of its own API."""

    label: str
    """What the service's answers call a target of this kind."""
    resource_prefix: str
    write_action: str | None
    """What a role must allow; None where deliveries need no role."""
    max_record_bytes: int
    """The gzip bytes that fit into one record, or one invocation."""
    max_call_records: int
    max_call_bytes: int


VENDORS: Mapping[str, Vendor] = {
    # 1 MiB counts data and partition key.
    "kinesis": Vendor("Kinesis stream", "stream/", "kinesis:PutRecord", 1_048_576 - 64, 500, 5_000_000),
    "firehose": Vendor("Firehose stream", "deliverystream/", "firehose:PutRecord", 1_024_000, 500, 4_000_000),
    # 256 KiB for an asynchronous event, of which base64 leaves three quarters.
    "lambda": Vendor("lambda function", "function:", None, 190_000, 1, 190_000),
}
LOGS = "logs"
"""The vendor of logical destinations."""


class Target(msgspec.Struct, frozen=True):
    """A Kinesis stream, Firehose stream, Lambda function or (vendor `logs`) a logical destination."""

    vendor: str
    arn: str
    region: str
    account_id: str
    name: str
    """The name within the service; for a function with its qualifier."""


def parse_target(text: str) -> Target:
    """Return what an ARN names; `InvalidParameterException` when it is not an ARN."""
    try:
        arn = parse_arn(text)
    except ValueError as error:
        raise ServiceError("InvalidParameterException", f"{error}.") from error
    vendor = VENDORS.get(arn.service)
    prefix = vendor.resource_prefix if vendor else "destination:"
    named = arn.resource.removeprefix(prefix)
    if vendor is not None and (named == arn.resource or not named):
        raise ServiceError("InvalidParameterException", f"'{text}' does not name a {vendor.label}.")
    return Target(arn.service, text, arn.region, arn.account_id, named)
