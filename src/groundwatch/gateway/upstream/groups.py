"""Mixed mode: some log groups are here and others upstream, told apart by the beginnings of their names.

A team moves group by group: what is named in a request of CloudWatch Logs decides where it goes. A request that names
groups of both sides cannot be answered by either, and is refused rather than answered in part.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.http import WireRequest, WireResponse

SERVICE = "logs"
MAX_QUERIES = 10_000
NAMES = ("logGroupName", "logGroupIdentifier", "logGroupArn", "resourceArn", "resourceIdentifier", "logGroupNamePrefix")
LISTS = ("logGroupNames", "logGroupIdentifiers", "logGroupArns")


class QueryReach(Protocol):
    """Reads queries of CloudWatch Logs Insights."""

    def __call__(self, language: str, text: str) -> tuple[Sequence[str], Sequence[str]] | None:
        """Return the log groups that a query names itself, and the beginnings of names by which it chooses more.

        An empty beginning chooses all groups. None for a query that cannot be read.
        """


class BothSidesError(Exception):
    """A request names log groups that are here and such as are upstream."""


class LogGroupSides:
    """Which requests of CloudWatch Logs go upstream. Without prefixes, all of them do.

    Requests that name no group are answered here, except for those that name a query which was started upstream.
    """

    def __init__(self, prefixes: Iterable[str], reach: QueryReach) -> None:
        self._prefixes = tuple(prefixes)
        self._reach = reach
        self._queries: OrderedDict[str, None] = OrderedDict()

    def goes_upstream(self, request: WireRequest) -> bool:
        """Tell where a request belongs.

        Raises:
            BothSidesError: when it belongs to neither side alone.
        """
        if not self._prefixes:
            return True
        body = _members(request.body)
        names, chosen = self._of_query(request, body)
        sides = {self._is_upstream(name) for name in (*_names(body), *map(_group_name, names), *chosen)}
        prefix = body.get("logGroupNamePrefix")
        if any(self._is_on_both(one) for one in (*chosen, *([prefix] if isinstance(prefix, str) else []))):
            sides |= {True, False}
        if len(sides) > 1:
            raise BothSidesError("the request names log groups that are here and log groups that are upstream")
        return next(iter(sides), body.get("queryId") in self._queries)

    def chooses_by_prefix(self, request: WireRequest) -> bool:
        """Tell whether a request starts a query over groups that are not known by its text."""
        return bool(self._of_query(request, _members(request.body))[1])

    def learn(self, request: WireRequest, answer: WireResponse) -> None:
        """Remember the query that a request started upstream, so that its results are asked for there."""
        if self._prefixes and answer.status == 200 and _is_start(request):
            query_id = _members(answer.body).get("queryId")
            if isinstance(query_id, str):
                self._queries[query_id] = None
                if len(self._queries) > MAX_QUERIES:
                    self._queries.popitem(last=False)

    def _of_query(self, request: WireRequest, body: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
        text, language = body.get("queryString"), body.get("queryLanguage", "CWLI")
        if not _is_start(request) or not isinstance(text, str) or not isinstance(language, str):
            return (), ()
        # What cannot be read goes where its named groups are; without any, this server says what is wrong with it.
        return self._reach(language, text) or ((), ())

    def _is_on_both(self, prefix: str) -> bool:
        return any(known.startswith(prefix) and known != prefix for known in self._prefixes)

    def _is_upstream(self, name: str) -> bool:
        return name.startswith(self._prefixes)


def _is_start(request: WireRequest) -> bool:
    return (request.header("x-amz-target") or "").endswith(".StartQuery")


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
