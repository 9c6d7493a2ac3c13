"""Mixed mode: some log groups are here and others upstream, told apart by the beginnings of their names.

A team moves group by group: what is named in a request of CloudWatch Logs decides where it goes. A request that names
groups of both sides cannot be answered by either, and is refused rather than answered in part.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.http import WireRequest, WireResponse

SERVICE = "logs"
MAX_QUERIES = 10_000
NAMES = ("logGroupName", "logGroupIdentifier", "logGroupArn", "resourceArn", "resourceIdentifier", "logGroupNamePrefix")
LISTS = ("logGroupNames", "logGroupIdentifiers", "logGroupArns")


class BothSidesError(Exception):
    """A request names log groups that are here and such as are upstream."""


class LogGroupSides:
    """Which requests of CloudWatch Logs go upstream. Without prefixes, all of them do.

    Requests that name no group are answered here, except for those that name a query which was started upstream.
    """

    def __init__(self, prefixes: Iterable[str]) -> None:
        self._prefixes = tuple(prefixes)
        self._queries: OrderedDict[str, None] = OrderedDict()

    def goes_upstream(self, request: WireRequest) -> bool:
        """Tell where a request belongs.

        Raises:
            BothSidesError: when it belongs to neither side alone.
        """
        if not self._prefixes:
            return True
        body = _members(request.body)
        sides = {self._is_upstream(name) for name in _names(body)}
        prefix = body.get("logGroupNamePrefix")
        if isinstance(prefix, str) and any(known.startswith(prefix) and known != prefix for known in self._prefixes):
            sides |= {True, False}
        if len(sides) > 1:
            raise BothSidesError("the request names log groups that are here and log groups that are upstream")
        return next(iter(sides), body.get("queryId") in self._queries)

    def learn(self, request: WireRequest, answer: WireResponse) -> None:
        """Remember the query that a request started upstream, so that its results are asked for there."""
        target = request.header("x-amz-target") or ""
        if self._prefixes and answer.status == 200 and target.endswith(".StartQuery"):
            query_id = _members(answer.body).get("queryId")
            if isinstance(query_id, str):
                self._queries[query_id] = None
                if len(self._queries) > MAX_QUERIES:
                    self._queries.popitem(last=False)

    def _is_upstream(self, name: str) -> bool:
        return name.startswith(self._prefixes)


def _names(body: Mapping[str, Any]) -> Iterator[str]:
    for member in NAMES:
        value = body.get(member)
        if isinstance(value, str):
            yield _group_name(value)
    for member in LISTS:
        values = body.get(member)
        if isinstance(values, list):
            yield from (_group_name(value) for value in values if isinstance(value, str))


def _group_name(identifier: str) -> str:
    """Return the name in an identifier, which may be an ARN with a trailing `:*`."""
    if not identifier.startswith("arn:"):
        return identifier
    try:
        resource = parse_arn(identifier).resource
    except ValueError:
        return identifier
    return resource.removeprefix("log-group:").partition(":")[0]


def _members(body: bytes) -> dict[str, Any]:
    """Return a JSON object; whatever else a body is, the service that gets it says what is wrong."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
