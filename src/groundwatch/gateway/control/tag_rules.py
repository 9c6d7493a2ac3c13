"""Which tags a resource may have."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.control.errors import bad_request

MAX_TAGS = 50
MAX_KEY_LENGTH = 128
MAX_VALUE_LENGTH = 256


def with_tags(present: Mapping[str, str], added: Mapping[str, str] | None) -> dict[str, str]:
    """Return the tags of a resource once others are added; raises BadRequestException for those that may not be.

    Source: the developer guide's page on tagging, with the service's own message for reserved keys.
    """
    for key, value in (added or {}).items():
        if key.lower().startswith("aws:"):
            raise bad_request("Invalid tag key. Tag keys cannot start with 'aws:' (case insensitive)")
        if not 1 <= len(key) <= MAX_KEY_LENGTH:
            raise bad_request(f"Invalid tag key. Tag keys must have 1 to {MAX_KEY_LENGTH} characters")
        if len(value) > MAX_VALUE_LENGTH:
            raise bad_request(f"Invalid tag value. Tag values can have at most {MAX_VALUE_LENGTH} characters")
    merged = {**present, **(added or {})}
    if len(merged) > MAX_TAGS:
        raise bad_request(f"A resource can have at most {MAX_TAGS} tags")
    return merged
