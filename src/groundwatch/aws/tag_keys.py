"""The condition keys of the tags in a request, for services whose tags are lists of Key and Value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def request_tag_keys(params: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return `aws:RequestTag/KEY` and `aws:TagKeys` of the tags that a request adds (`Tags`) or removes (`TagKeys`)."""
    tags = params.get("Tags") or ()
    keys: dict[str, Sequence[str]] = {f"aws:RequestTag/{tag['Key']}": (tag["Value"],) for tag in tags}
    # What is removed has no values, so no RequestTag either.
    names = [tag["Key"] for tag in tags] or list(params.get("TagKeys") or ())
    return keys | {"aws:TagKeys": names} if names else keys
