"""Media types: which template fits, and whether a payload is text or bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")
JSON = "application/json"
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024
"""In both directions; the service's own limit."""


def mime(value: str | None) -> str | None:
    """Return the media type of a `Content-Type`, or the first of an `Accept`, without parameters, or None."""
    if not value:
        return None
    return value.partition(",")[0].partition(";")[0].strip().lower() or None


def is_binary(media_type: str | None, binary_media_types: Sequence[str]) -> bool:
    """Tell whether an API treats payloads of this type as bytes."""
    if not binary_media_types:
        return False
    wanted = media_type or JSON
    kind = wanted.partition("/")[0]
    return any(listed.lower() in (wanted, f"{kind}/*", "*/*") for listed in binary_media_types)


def for_type(by_type: Mapping[str, T], media_type: str) -> tuple[str, T] | None:
    """Return the entry of a media type, compared without regard to case, or None."""
    found = by_type.get(media_type)
    if found is not None:
        return media_type, found
    return next(((key, value) for key, value in by_type.items() if key.lower() == media_type), None)


def for_accept(by_type: Mapping[str, T], accept: str | None) -> tuple[str, T] | None:
    """Return the entry for the first media type that the client accepts.

    Without a fitting entry it is the one for JSON, else the first; None when there are no entries.
    """
    chosen = for_type(by_type, mime(accept) or JSON) or for_type(by_type, JSON)
    return chosen or next(iter(by_type.items()), None)
