"""Pages of a list: `limit` items, and an opaque position that the next request continues from."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from groundwatch.gateway.control.errors import bad_request

T = TypeVar("T")
BY_ID: Callable[[Any], str] = attrgetter("id")
_BAD_POSITION = "Invalid position parameter specified"
DEFAULT_LIMIT = 25
MAX_LIMIT = 500
MAX_POSITION_CHARACTERS = 4096
"""More than the longest key of any list makes."""


async def fetch_page(
    position: str | None,
    limit: int | None,
    fetch: Callable[[str | None, int], Awaitable[list[T]]],
    *,
    key: Callable[[T], str] = BY_ID,
    render: Callable[[T], dict[str, Any]],
) -> dict[str, Any]:
    """Return `items` and, when there are more, `position`.

    `fetch(after, count)` returns up to `count` values in order, beginning behind the one whose key is `after`.
    """
    count = _count(limit)
    # One more than is shown tells whether there is a next page.
    return _page(await fetch(_decode(position), count + 1), count, key, render)


def page_of(
    values: Iterable[T],
    position: str | None,
    limit: int | None,
    *,
    key: Callable[[T], str] = BY_ID,
    render: Callable[[T], dict[str, Any]],
) -> dict[str, Any]:
    """Return a page of values in memory, in order of their keys."""
    count = _count(limit)
    after = _decode(position)
    # By keys rather than by places, so that what comes and goes meanwhile shifts no page.
    ordered = sorted(values, key=key)
    found = ordered if after is None else [value for value in ordered if key(value) > after]
    return _page(found, count, key, render)


def _page(
    found: Sequence[T], count: int, key: Callable[[T], str], render: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    page: dict[str, Any] = {"items": [render(value) for value in found[:count]]}
    if len(found) > count:
        page["position"] = _encode(key(found[count - 1]))
    return page


def _count(limit: int | None) -> int:
    if limit is None:
        return DEFAULT_LIMIT
    if limit < 1:
        raise bad_request(f"Invalid limit specified: {limit}. Must be between 1 and {MAX_LIMIT}")
    # What the service says of more is not known; a full page harms nobody.
    return min(limit, MAX_LIMIT)


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode(position: str | None) -> str | None:
    if not position:
        return None
    if len(position) > MAX_POSITION_CHARACTERS:
        raise bad_request(_BAD_POSITION)
    try:
        return base64.b64decode(position, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise bad_request(_BAD_POSITION) from error
