"""All custom domains in memory, as the runtime asks for them at every request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from groundwatch.gateway.domains.values import NO_BASE_PATH, BasePathMapping, DomainName


class Destination(msgspec.Struct, frozen=True):
    """Where a path on a domain leads."""

    mapping: BasePathMapping
    rest: str
    """The path behind the base path: empty, or with a slash in front."""


class DomainRoutes(msgspec.Struct, frozen=True):
    """One domain with its mappings by base path."""

    domain: DomainName
    mappings: Mapping[str, BasePathMapping]

    def destination(self, path: str) -> Destination | None:
        """Return where a path leads: by its first segment, else by the mapping without base path; None for nowhere."""
        first, slash, rest = path.removeprefix("/").partition("/")
        found = self.mappings.get(first)
        if found is not None and first != NO_BASE_PATH:
            return Destination(found, slash + rest)
        fallback = self.mappings.get(NO_BASE_PATH)
        return None if fallback is None else Destination(fallback, path if path.startswith("/") else f"/{path}")


class DomainTable:
    """The domains by name; immutable, replaced as a whole when one changes."""

    def __init__(self, domains: Iterable[DomainRoutes] = ()) -> None:
        self._domains = {routes.domain.name: routes for routes in domains}

    def find(self, host: str) -> DomainRoutes | None:
        """Return the domain that a host, in lower case, belongs to: the very name before a wildcard."""
        if not self._domains:
            return None
        exact = self._domains.get(host)
        return exact if exact is not None else self._domains.get(f"*.{host.partition('.')[2]}")
