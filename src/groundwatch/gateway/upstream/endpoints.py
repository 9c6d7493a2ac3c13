"""Where AWS services are called: at AWS, at an endpoint of the operator's choice, or in this server.

Public names and what a signature for them must contain come from the SDK's own endpoint data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.loaders import Loader
from botocore.regions import EndpointResolver

AWS = "aws"
HERE = "off"


@dataclass(frozen=True, slots=True)
class UpstreamRoute:
    """One choice of the operator; None stands for every service, and for every region."""

    service: str | None
    region: str | None
    place: str
    """`aws`, `off` (this server) or a URL."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is called, and the scope of signatures for it."""

    url: str
    """Without a slash at its end."""
    signing_name: str
    signing_region: str


class Endpoints:
    """The operator's choices; the most specific one counts, whatever their order."""

    def __init__(self, routes: Iterable[UpstreamRoute]) -> None:
        self._places = {(route.service, route.region): route.place for route in routes}
        self._public = EndpointResolver(Loader().load_data("endpoints"))
        self._found: dict[tuple[str, str], Endpoint | None] = {}

    def find(self, service: str, region: str) -> Endpoint | None:
        """Return where a service is called in a region, None for this server.

        `service` is the name in an integration's URI, which is the first label of the public endpoint.
        """
        # Both come from definitions, of which there are not many; the URI's region is not the client's to choose.
        key = (service, region)
        if key not in self._found:
            self._found[key] = self._endpoint(service, region)
        return self._found[key]

    def _place(self, service: str, region: str) -> str:
        for key in ((service, region), (service, None), (None, region), (None, None)):
            if key in self._places:
                return self._places[key]
        return HERE

    def _endpoint(self, service: str, region: str) -> Endpoint | None:
        place = self._place(service, region)
        if place == HERE:
            return None
        known: dict[str, Any] = self._public.construct_endpoint(service, region) or {}
        scope = known.get("credentialScope", {})
        host = known.get("hostname", f"{service}.{region}.amazonaws.com")
        return Endpoint(
            url=f"https://{host}" if place == AWS else place.rstrip("/"),
            signing_name=scope.get("service", service),
            signing_region=scope.get("region", region),
        )
