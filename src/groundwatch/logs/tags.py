"""What tags of a log group or destination may be, and changes of them, made where they are kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from groundwatch.aws.errors import ServiceError

MAX_TAGS = 50
RESERVED_PREFIX = "aws:"
TagChange = Callable[[Mapping[str, str]], dict[str, str]]
"""Returns the tags after a change; runs in the transaction that read them, so that changes at one time all count."""


def check_tag_keys(tags: Mapping[str, str] | None) -> None:
    """Return unless a key begins with `aws:` in any case, which AWS keeps for itself: `InvalidParameterException`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html, tag restrictions;
    the text of the refusal is not documented.
    """
    for key in tags or ():
        if key.lower().startswith(RESERVED_PREFIX):
            message = f"Tag keys that begin with aws: are reserved for AWS: '{key}'."
            raise ServiceError("InvalidParameterException", message)


def adding(tags: Mapping[str, str], resource_name: str) -> TagChange:
    """Return the change that adds tags and gives known ones the new value; `TooManyTagsException` beyond 50."""
    check_tag_keys(tags)

    def change(present: Mapping[str, str]) -> dict[str, str]:
        merged = {**present, **tags}
        if len(merged) > MAX_TAGS:
            raise ServiceError(
                "TooManyTagsException",
                "The number of tags exceeds the limit of 50.",
                members={"resourceName": resource_name},
            )
        return merged

    return change


def removing(keys: Collection[str]) -> TagChange:
    """Return the change that takes tags off; keys that are not there are passed over."""
    return lambda present: {key: value for key, value in present.items() if key not in keys}
