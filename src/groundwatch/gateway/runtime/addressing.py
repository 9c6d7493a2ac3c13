"""Which API, stage and path a request is for, from its host and path.

Three forms are understood: the service's own, where the host begins with `{apiId}.execute-api.` and the path with the
stage; custom domains, whose base path mappings say what is meant; and for any other host a path that begins with API id
and stage, so that no DNS is needed.
"""

from __future__ import annotations

import functools
import re
from typing import Protocol

from groundwatch.gateway.domains.directory import DomainRoutes
from groundwatch.gateway.runtime.exchange import Target

_API_HOST = re.compile(r"([A-Za-z0-9-]+)\.execute-api\.[A-Za-z0-9.-]+")
_API_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_STAGE = re.compile(r"[A-Za-z0-9_-]{1,128}")


class Domains(Protocol):
    """The custom domains of all tenants."""

    async def find(self, host: str) -> DomainRoutes | None:
        """Return the domain of a host, in lower case and without port, or None."""

    def peek(self, host: str) -> DomainRoutes | None:
        """Return the same from what is in memory."""


class Addresses:
    """Finds out what requests are for.

    `domain` completes the host name that is shown for requests in path style, such as `us-east-1.amazonaws.com`;
    without `domains` there are no custom ones.
    """

    def __init__(self, domain: str, domains: Domains | None) -> None:
        self._domain = domain
        self._domains = domains

    async def target(self, host: str, path: str) -> Target | None:
        """Return what a request is for; None when host and path name no API and stage."""
        if self._domains is not None:
            name = _host_name(host)
            routes = await self._domains.find(name.lower())
            if routes is not None:
                return _mapped(routes, name, path)
        return resolve(host, path, self._domain)

    def own_every_path(self, host: str) -> bool:
        """Tell whether the host alone names an API or a custom domain, so that every path belongs to it."""
        known = self._domains is not None and self._domains.peek(_host_name(host).lower()) is not None
        return known or names_api(host)


def _mapped(routes: DomainRoutes, name: str, path: str) -> Target | None:
    found = routes.destination(path)
    if found is None:
        return None
    mapping, rest = found.mapping, found.rest
    stage_name = mapping.stage
    if stage_name is None:
        _, stage_name, rest = _split(rest)
        if not _STAGE.fullmatch(stage_name):
            return None
    return Target(
        api_id=mapping.rest_api_id,
        stage_name=stage_name,
        path=rest or "/",
        domain_name=name,
        base_path=mapping.base_path,
        prefix=path.removesuffix(rest),
    )


def resolve(host: str, path: str, domain: str) -> Target | None:
    """Return what a request is for; None when host and path name no API and stage.

    `domain` completes the host name that is shown for requests in path style, such as `us-east-1.amazonaws.com`.
    """
    name = _host_name(host)
    match = _API_HOST.fullmatch(name)
    if match is not None:
        api_id, rest, shown = match.group(1), path, name
    else:
        _, api_id, rest = _split(path)
        shown = f"{api_id}.execute-api.{domain}"
    _, stage_name, below = _split(rest)
    if not _API_ID.fullmatch(api_id) or not _STAGE.fullmatch(stage_name):
        return None
    return Target(api_id=api_id, stage_name=stage_name, path=below or "/", domain_name=shown)


def names_api(host: str) -> bool:
    """Tell whether the host alone names an API, so that every path belongs to it."""
    return _API_HOST.fullmatch(host.rpartition(":")[0] or host) is not None


@functools.lru_cache(maxsize=256)
def _host_name(host: str) -> str:
    """Return a `Host` header without its port, and without the dot that ends a full name."""
    name, _, port = host.rpartition(":")
    return (name if port.isdigit() else host).removesuffix(".")


def _split(path: str) -> tuple[str, str, str]:
    """Split `/first/rest` into `/`, `first` and `/rest`."""
    first, slash, rest = path.removeprefix("/").partition("/")
    return "/", first, slash + rest
