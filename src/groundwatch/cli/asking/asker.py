"""Insights queries through the public API: start, watch, read the pages of the result, stop on the way out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import click
import msgspec

from groundwatch.cli.api import ServiceClient, api_errors

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
ACTIVE = frozenset({"Scheduled", "Running"})
MAX_LIMIT = 100_000
"""The most rows that StartQuery's `limit` may ask for."""
Row = dict[str, str]


class Question(msgspec.Struct, frozen=True):
    """What is asked; times are seconds since the epoch, both included."""

    groups: tuple[str, ...]
    query: str
    start_s: int
    end_s: int
    language: str = "CWLI"
    limit: int | None = None

    def request(self) -> dict[str, Any]:
        """Return the StartQuery request."""
        request: dict[str, Any] = {
            "queryString": self.query,
            "startTime": self.start_s,
            "endTime": self.end_s,
            "queryLanguage": self.language,
        }
        if self.groups:
            request["logGroupIdentifiers"] = list(self.groups)
        if self.limit is not None:
            request["limit"] = self.limit
        return request


class Progress(msgspec.Struct, frozen=True):
    """How far a query is."""

    status: str
    statistics: dict[str, float]
    rows: list[Row]
    elapsed_s: float


Watch = Callable[[Progress], None]


class Asker:
    """Asks one server."""

    def __init__(
        self,
        client: ServiceClient,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._clock_s = clock_s
        self._sleep = sleep

    def ask(self, question: Question, watch: Watch) -> tuple[Progress, Iterator[list[Row]]]:
        """Return the end of a query and the pages of its result; the first is that of the end itself.

        `watch` is told of each look at it. Raises click.ClickException when it does not complete. When it is
        interrupted, the query is stopped.
        """
        query_id = self._call("start_query", **question.request())["queryId"]
        try:
            answer, elapsed_s = self._watched(query_id, watch)
        except BaseException:
            # Ctrl-C as well: nobody will ask for the result.
            self._stop(query_id)
            raise
        status = answer["status"]
        if status != "Complete":
            reason = "it took longer than a query may" if status == "Timeout" else "the server's log says why"
            raise click.ClickException(f"query {query_id} ended as {status} after {elapsed_s:.1f} s: {reason}")
        return _progress(answer, elapsed_s), self._pages(query_id, answer)

    def _watched(self, query_id: str, watch: Watch) -> tuple[dict[str, Any], float]:
        begun_s, pause_s = self._clock_s(), FIRST_PAUSE_S
        while True:
            answer = self._call("get_query_results", queryId=query_id)
            elapsed_s = self._clock_s() - begun_s
            watch(_progress(answer, elapsed_s))
            if answer["status"] not in ACTIVE:
                return answer, elapsed_s
            self._sleep(pause_s)
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)

    def _pages(self, query_id: str, answer: dict[str, Any]) -> Iterator[list[Row]]:
        while True:
            yield _rows(answer)
            token = answer.get("nextToken")
            if not token:
                return
            answer = self._call("get_query_results", queryId=query_id, nextToken=token)

    def _stop(self, query_id: str) -> None:
        try:
            self._call("stop_query", queryId=query_id)
        except click.ClickException:
            # It had ended, or the server is gone: there is nothing to stop, and something else to tell.
            return

    def _call(self, operation: str, **request: object) -> dict[str, Any]:
        with api_errors(self._client.endpoint_url):
            return dict(getattr(self._client.api, operation)(**request))


def _progress(answer: dict[str, Any], elapsed_s: float) -> Progress:
    return Progress(answer["status"], answer.get("statistics", {}), _rows(answer), elapsed_s)


def _rows(answer: dict[str, Any]) -> list[Row]:
    return [{pair["field"]: pair["value"] for pair in row} for row in answer.get("results", [])]
