"""Which way a request of an HTTP integration takes: over the Internet or through a VPC link, and as whom."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from groundwatch.gateway.connections.private import PrivateConnections, UnusableConnectionError
from groundwatch.gateway.integrations.uri import fill_stage_variables
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.stages import Routed
from groundwatch.gateway.store_sql import Place
from groundwatch.outbound import OutboundClient

Headers = Sequence[tuple[str, str]]
NO_CONNECTIONS = "there are no VPC links and client certificates here"


@dataclass(frozen=True, slots=True)
class Way:
    """Who sends the request where."""

    client: OutboundClient
    url: str
    headers: Headers
    presenting: ssl.SSLContext | None


async def way_of(
    routed: Routed, url: str, headers: Headers, client: OutboundClient, private: PrivateConnections | None
) -> Way:
    """Return the way of a request to `url`.

    Raises:
        UnusableConnectionError: for a link or a certificate that is not there.
    """
    integration, stage = routed.method.integration, routed.located.stage
    linked = integration.connection_type == "VPC_LINK"
    if not linked and stage.client_certificate_id is None:
        return Way(client, url, headers, None)
    if private is None:
        raise UnusableConnectionError(NO_CONNECTIONS)
    api = routed.located.deployment.api
    place = Place(api.account_id, api.region)
    presenting = None
    if stage.client_certificate_id is not None:
        verify = not integration.insecure_skip_verification
        presenting = await private.identity(place, stage.client_certificate_id, verify=verify)
    if not linked:
        return Way(client, url, headers, presenting)
    try:
        link_id = fill_stage_variables(integration.connection_id or "", stage.variables)
    except MappingError as error:
        raise UnusableConnectionError(f"the VPC link's id cannot be read: {error}") from error
    origin = await private.origin(place, link_id)
    return Way(private.client, *_through(origin, url, headers), presenting)


def _through(origin: str, url: str, headers: Headers) -> tuple[str, Headers]:
    """Return the URL behind a link, and the headers with the host that the integration names.

    As in the service, the URI's host does not say where the request goes, but is what the backend sees as `Host`.
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    behind = origin + (f"{path}?{parts.query}" if parts.query else path)
    if any(name.lower() == "host" for name, _ in headers):
        return behind, headers
    return behind, [("Host", parts.netloc), *headers]
