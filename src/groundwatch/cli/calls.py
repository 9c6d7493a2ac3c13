"""Calls of several services of one server, whose errors are click's, in one line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from groundwatch.cli.api import ServiceClient, Wishes, api_errors, connect

ABSENT = frozenset({"NotFoundException", "NoSuchEntity", "NotImplementedException"})
"""Error codes that say that there is no such thing."""

Answer = Mapping[str, Any]


class Calls:
    """Clients of `services` at one server, with the user's credentials."""

    def __init__(self, wishes: Wishes, services: Iterable[str]) -> None:
        self._clients = {name: connect(wishes, os.environ, name) for name in services}
        self.region = next(iter(self._clients.values())).target.region
        """The region that is asked."""

    def call(self, service: str, operation: str, **words: object) -> Answer:
        """Return an answer."""
        client = self._clients[service]
        with api_errors(client.endpoint_url):
            answer: Answer = getattr(client.api, operation)(**words)
        return answer

    def unless(self, codes: Iterable[str], service: str, operation: str, **words: object) -> Answer | None:
        """Return an answer, None where the service answers with one of these error codes."""
        client = self._clients[service]
        with api_errors(client.endpoint_url):
            try:
                answer: Answer = getattr(client.api, operation)(**words)
            except client.api.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in codes:
                    return None
                raise
        return answer

    def pages(self, service: str, operation: str, member: str, **words: object) -> Iterator[Any]:
        """Yield what every page of a list holds."""
        client: ServiceClient = self._clients[service]
        with api_errors(client.endpoint_url):
            for page in client.api.get_paginator(operation).paginate(**words):
                yield from page.get(member, ())

    def account_id(self) -> str:
        """Return the account that the credentials are of; `sts` must be among the services."""
        return str(self.call("sts", "get_caller_identity")["Account"])
