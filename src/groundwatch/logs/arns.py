"""ARNs of log groups and log streams, as the API prints them and as policies see them."""

from __future__ import annotations

import re

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.errors import ServiceError

GROUP_ARN = re.compile(r"arn:aws[\w-]*:logs:(?P<region>[\w-]+):(?P<account>\d{12}):log-group:(?P<name>[^:*]+)")


def log_group_arn(region: str, account_id: str, name: str) -> str:
    """Return the ARN that identifies a group (`logGroupArn`); the older `arn` field adds `:*`."""
    return f"arn:aws:logs:{region}:{account_id}:log-group:{name}"


def log_stream_arn(region: str, account_id: str, group: str, stream: str) -> str:
    """Return a stream's ARN. With an empty stream name: what group-level actions are checked against."""
    return f"{log_group_arn(region, account_id, group)}:log-stream:{stream}"


def canonical_arn(text: str) -> str:
    """Return an ARN with the partition that this server prints, which is what policies name and are checked against.

    Raises `InvalidParameterException` for text that is no ARN, such as a name.
    """
    try:
        return str(msgspec.structs.replace(parse_arn(text), partition="aws"))
    except ValueError as error:
        raise ServiceError("InvalidParameterException", f"{error}.") from error


def group_name_of(identifier: str, *, region: str, account_id: str) -> str:
    """Return the name that a `logGroupIdentifier` (name or ARN) stands for.

    An ARN of another account or region names nothing that this caller can see, so it is answered as a missing group.
    """
    # Names hold no colon, so this tells them apart.
    if not identifier.startswith("arn:"):
        return identifier
    parsed = GROUP_ARN.fullmatch(identifier)
    if parsed is None:
        raise ServiceError("InvalidParameterException", f"Invalid log group ARN: {identifier}")
    if parsed["region"] != region or parsed["account"] != account_id:
        raise ServiceError("ResourceNotFoundException", "The specified log group does not exist.")
    return parsed["name"]
