"""Where the access log of a stage goes: a log group or a Firehose stream, of the API's own account and region."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

_LOG_GROUP = re.compile(
    r"arn:[a-z-]+:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):log-group:(?P<name>[.\-_/#A-Za-z0-9]{1,512})"
)
_STREAM = re.compile(
    r"arn:[a-z-]+:firehose:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):"
    r"deliverystream/(?P<name>amazon-apigateway-[A-Za-z0-9_.-]{1,46})"
)
"""The service may write to streams of these names only, and so do we; a name has at most 64 characters."""


class LogGroup(NamedTuple):
    """A log group of a tenant."""

    account_id: str
    region: str
    group: str


class DeliveryStream(NamedTuple):
    """A Firehose stream of a tenant."""

    account_id: str
    region: str
    name: str
    arn: str


Destination = LogGroup | DeliveryStream


@functools.lru_cache(maxsize=1024)
def parse_destination(arn: str, account_id: str, region: str) -> Destination | None:
    """Return what a destination ARN names in this account and region, None for anything else."""
    # Remembered, since it is asked for every request.
    found = _LOG_GROUP.fullmatch(arn) or _STREAM.fullmatch(arn)
    if found is None or (found["account"], found["region"]) != (account_id, region):
        return None
    if found.re is _LOG_GROUP:
        return LogGroup(account_id, region, found["name"])
    return DeliveryStream(account_id, region, found["name"], arn)
