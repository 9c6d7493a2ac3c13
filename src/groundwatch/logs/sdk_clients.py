"""Clients of the SDK by the region that a request names, of which there may be any number: the latest used are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

MAX_CLIENTS = 32
"""A client takes a quarter of a megabyte, and its connections."""
Client = Any


class SdkClients:
    """Makes a client at its first use. Safe to use from several threads."""

    def __init__(self) -> None:
        self._clients: OrderedDict[tuple[str, str], Client] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, service: str, region: str, connect: Callable[[], Client]) -> Client:
        """Return the client of a service in a region; raises what `connect` raises."""
        # A session is not safe to make clients from in several threads.
        with self._lock:
            client = self._clients.get((service, region))
            if client is None:
                client = self._clients[service, region] = connect()
            self._clients.move_to_end((service, region))
            if len(self._clients) > MAX_CLIENTS:
                # Not closed: another thread may be sending by it.
                self._clients.popitem(last=False)
            return client

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()
