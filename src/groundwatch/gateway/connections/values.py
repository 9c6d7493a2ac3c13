"""VPC links and client certificates as data, named as the model names their members."""

from __future__ import annotations

import msgspec


class VpcLink(msgspec.Struct, frozen=True, omit_defaults=True):
    """A way into the network behind a load balancer."""

    id: str
    name: str
    account_id: str
    region: str
    created_ms: int
    target_arns: list[str]
    """The load balancer; the service takes exactly one."""
    description: str | None = None
    tags: dict[str, str] = {}


class ClientCertificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A certificate by which backends recognise the gateway, with its key, which is never shown."""

    id: str
    account_id: str
    region: str
    certificate_pem: str
    key_pem: str
    created_ms: int
    expires_ms: int
    description: str | None = None
    tags: dict[str, str] = {}
