"""A custom domain name and its base path mappings as data, named as the model names their members."""

from __future__ import annotations

from typing import Literal

import msgspec

EndpointType = Literal["EDGE", "REGIONAL"]
NO_BASE_PATH = "(none)"
"""How the API names the empty base path."""


class UploadedCertificate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A certificate that was handed over with its key, to be presented to clients of the domain."""

    chain_pem: str
    """The certificate, followed by those that vouch for it."""
    key_pem: str
    uploaded_ms: int


class DomainName(msgspec.Struct, frozen=True, omit_defaults=True):
    """A host name under which APIs of its account are reachable."""

    name: str
    """In lower case; `*.` at the beginning stands for one label."""
    account_id: str
    region: str
    alias: str
    """The first label of the name that the service gives the domain, for DNS to point to."""
    created_ms: int
    endpoint_type: EndpointType = "EDGE"
    ip_address_type: str = "ipv4"
    security_policy: str = "TLS_1_2"
    certificate_name: str | None = None
    certificate_arn: str | None = None
    regional_certificate_name: str | None = None
    regional_certificate_arn: str | None = None
    uploaded_certificate: UploadedCertificate | None = None
    tags: dict[str, str] = {}


class BasePathMapping(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which API answers below the first segment of a domain's paths."""

    base_path: str
    """One segment, or `NO_BASE_PATH` for what no other mapping takes."""
    rest_api_id: str
    stage: str | None = None
    """None: the next segment of the path names the stage."""
