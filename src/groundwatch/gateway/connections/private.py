"""How HTTP integrations leave: through a VPC link where they have one, and with the client certificate of the stage."""

from __future__ import annotations

import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from groundwatch.gateway.connections.values import ClientCertificate, VpcLink
from groundwatch.gateway.store_sql import Place
from groundwatch.outbound import OutboundClient

MAX_CONTEXTS = 256


class Links(Protocol):
    """The VPC links of all tenants."""

    async def find(self, place: Place, value_id: str) -> VpcLink | None:
        """Return a tenant's link, or None."""


class Certificates(Protocol):
    """The client certificates of all tenants."""

    async def find(self, place: Place, value_id: str) -> ClientCertificate | None:
        """Return a tenant's certificate, or None."""


class UnusableConnectionError(Exception):
    """There is no such link or certificate, or the link leads nowhere; the text is for the owner of the API."""


class PrivateConnections:
    """Links with what the operator says of their targets, and certificates ready to be presented.

    `client` reaches every address: where a link leads is the operator's word.
    """

    def __init__(
        self, links: Links, certificates: Certificates, targets: Mapping[str, str], client: OutboundClient
    ) -> None:
        self._links = links
        self._certificates = certificates
        self._targets = targets
        self.client = client
        self._contexts: OrderedDict[tuple[str, bool], tuple[ClientCertificate, ssl.SSLContext]] = OrderedDict()

    async def origin(self, place: Place, link_id: str) -> str:
        """Return where a tenant's VPC link leads, such as `http://10.0.0.5:8080`.

        Raises:
            UnusableConnectionError: when there is no such link or it leads nowhere.
        """
        link = await self._links.find(place, link_id)
        if link is None:
            raise UnusableConnectionError(f"there is no VPC link {link_id}")
        origin = self._targets.get(link.target_arns[0])
        if origin is None:
            raise UnusableConnectionError(
                f"VPC link {link_id} leads nowhere: the operator maps {link.target_arns[0]} to a URL with --vpc-links"
            )
        return origin

    async def identity(self, place: Place, certificate_id: str, *, verify: bool) -> ssl.SSLContext:
        """Return a TLS context that presents a tenant's certificate; the same one while it does not change.

        Raises:
            UnusableConnectionError: when there is no such certificate.
        """
        certificate = await self._certificates.find(place, certificate_id)
        if certificate is None:
            raise UnusableConnectionError(f"there is no client certificate {certificate_id}")
        key = (certificate_id, verify)
        known = self._contexts.get(key)
        if known is None or known[0].key_pem != certificate.key_pem:
            known = self._contexts[key] = (certificate, _presenting(certificate, verify=verify))
            if len(self._contexts) > MAX_CONTEXTS:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(key)
        return known[1]


def _presenting(certificate: ClientCertificate, *, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    # The library reads certificates from files only; this one exists for a moment, in a directory of mode 700.
    with tempfile.TemporaryDirectory(prefix="groundwatch-") as directory:
        path = Path(directory, "identity.pem")
        path.write_text(certificate.key_pem + certificate.certificate_pem, encoding="ascii")
        context.load_cert_chain(path)
    return context
