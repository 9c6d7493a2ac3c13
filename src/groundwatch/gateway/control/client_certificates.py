"""Operations on client certificates, by which backends recognise the requests of a stage."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.connections.generation import generate
from groundwatch.gateway.connections.references import require_unused_certificate
from groundwatch.gateway.connections.values import ClientCertificate
from groundwatch.gateway.control import render
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.ids import SHORT
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import Operations, Table, apply_patch, text
from groundwatch.gateway.control.tag_rules import with_tags

CLIENT_CERTIFICATE = Table((text("/description", "description"),))


class ClientCertificateOperations(ControlPlane):
    """GenerateClientCertificate and its kin."""

    async def generate_client_certificate(
        self, context: RequestContext, *, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Make a certificate for a year; its key never leaves the server."""
        now_ms = self._clock_ms()
        made = await asyncio.to_thread(generate, now_ms)
        certificate = ClientCertificate(
            id=self._ids.identifier(SHORT),
            account_id=context.account_id,
            region=context.region,
            certificate_pem=made.certificate_pem,
            key_pem=made.key_pem,
            created_ms=now_ms,
            expires_ms=made.expires_ms,
            description=description,
            tags=with_tags({}, tags),
        )
        return _shown(await self._store.connections.certificates.create(certificate))

    async def get_client_certificate(self, context: RequestContext, *, client_certificate_id: str) -> dict[str, Any]:
        """Return a certificate."""
        return _shown(await self._store.connections.certificates.get(place_of(context), client_certificate_id))

    async def get_client_certificates(
        self, context: RequestContext, *, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the certificates of the account and region."""
        fetch = partial(self._store.connections.certificates.list, place_of(context))
        return await fetch_page(position, limit, fetch, render=_shown)

    async def update_client_certificate(
        self, context: RequestContext, *, client_certificate_id: str, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Patch the description of a certificate."""

        def edit(certificate: ClientCertificate) -> ClientCertificate:
            return apply_patch(CLIENT_CERTIFICATE, certificate, patch_operations)

        certificates = self._store.connections.certificates
        return _shown(await certificates.update(place_of(context), client_certificate_id, edit))

    async def delete_client_certificate(self, context: RequestContext, *, client_certificate_id: str) -> None:
        """Remove a certificate that no stage presents."""
        place = place_of(context)
        await self._store.connections.certificates.delete(
            place,
            client_certificate_id,
            lambda connection: require_unused_certificate(connection, place, client_certificate_id),
        )


def _shown(value: ClientCertificate) -> dict[str, Any]:
    return {
        **render.members(value, "id", "account_id", "region", "certificate_pem", "key_pem", "created_ms", "expires_ms"),
        "clientCertificateId": value.id,
        "pemEncodedCertificate": value.certificate_pem,
        "createdDate": render.seconds(value.created_ms),
        "expirationDate": render.seconds(value.expires_ms),
    }
