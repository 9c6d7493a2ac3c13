"""Operations on custom domain names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from groundwatch.aws.context import RequestContext
from groundwatch.aws.errors import NotImplementedByServer
from groundwatch.gateway.control import render_domains
from groundwatch.gateway.control.base import ControlPlane, place_of
from groundwatch.gateway.control.certificates import uploaded_certificate
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.control.ids import LONG
from groundwatch.gateway.control.paging import fetch_page
from groundwatch.gateway.control.patch import REPLACE, Operations, Rule, Step, Table, apply_patch, choice, text
from groundwatch.gateway.control.tag_rules import with_tags
from groundwatch.gateway.domains.values import DomainName, EndpointType
from groundwatch.gateway.operator_rules import OperatorRules

ENDPOINT_TYPES = ("EDGE", "REGIONAL", "PRIVATE")
SECURITY_POLICY = "TLS_1_2"
"""What the listener asks of clients; it knows no other policy."""
ROUTING_MODE = "BASE_PATH_MAPPING_ONLY"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$)(?:\*\.)?(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_API_NAME = re.compile(r"(?:^|\.)execute-api(?:\.|$)")


def _endpoint_type(_: str, step: Step) -> EndpointType:
    return check_endpoint_types([step.value or ""])


DOMAIN_NAME = Table(
    (
        text("/certificateName", "certificate_name"),
        text("/certificateArn", "certificate_arn"),
        text("/regionalCertificateName", "regional_certificate_name"),
        text("/regionalCertificateArn", "regional_certificate_arn"),
        choice("/securityPolicy", "security_policy", (SECURITY_POLICY,)),
        choice("/endpointConfiguration/ipAddressType", "ip_address_type", ("ipv4", "dualstack")),
        # The path names the present type or, as Terraform writes it, its index.
        Rule("/endpointConfiguration/types/{type}", "endpoint_type", REPLACE, _endpoint_type),
    ),
    not_built=(
        *("mutualTlsAuthentication", "ownershipVerificationCertificateArn", "policy", "managementPolicy"),
        *("routingMode", "endpointAccessMode", "certificateBody", "certificatePrivateKey", "certificateChain"),
    ),
)
"""Source: "Patch operations" of the API Gateway API reference."""


class DomainNameOperations(ControlPlane):
    """CreateDomainName and its kin. Members of mutual TLS and of private domains are refused by being absent."""

    async def create_domain_name(  # noqa: PLR0913 - the model's members
        self,
        context: RequestContext,
        *,
        domain_name: str,
        certificate_name: str | None = None,
        certificate_body: str | None = None,
        certificate_private_key: str | None = None,
        certificate_chain: str | None = None,
        certificate_arn: str | None = None,
        regional_certificate_name: str | None = None,
        regional_certificate_arn: str | None = None,
        endpoint_configuration: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        security_policy: str | None = None,
        routing_mode: str | None = None,
    ) -> dict[str, Any]:
        """Serve a host name from now on; it answers 403 until a path of it is mapped."""
        check_name(domain_name)
        _check_owner(self._operator, context.account_id, domain_name)
        _refuse_modes(security_policy, routing_mode)
        configuration = dict(endpoint_configuration or {})
        now_ms = self._clock_ms()
        domain = DomainName(
            name=domain_name,
            account_id=context.account_id,
            region=context.region,
            alias=f"d-{self._ids.identifier(LONG)}",
            created_ms=now_ms,
            endpoint_type=check_endpoint_types(configuration.get("types") or ["EDGE"]),
            ip_address_type=configuration.get("ipAddressType") or "ipv4",
            certificate_name=certificate_name,
            certificate_arn=certificate_arn,
            regional_certificate_name=regional_certificate_name,
            regional_certificate_arn=regional_certificate_arn,
            uploaded_certificate=uploaded_certificate(
                domain_name, certificate_body, certificate_private_key, certificate_chain, now_ms
            ),
            tags=with_tags({}, tags),
        )
        return render_domains.domain_name(await self._store.domains.create(domain))

    async def get_domain_name(self, context: RequestContext, *, domain_name: str) -> dict[str, Any]:
        """Return a domain."""
        return render_domains.domain_name(await self._store.domains.get(place_of(context), domain_name))

    async def get_domain_names(
        self, context: RequestContext, *, position: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """List the domains of the account and region in order of their names."""
        fetch = partial(self._store.domains.list, place_of(context))
        return await fetch_page(
            position, limit, fetch, key=lambda domain: domain.name, render=render_domains.domain_name
        )

    async def update_domain_name(
        self, context: RequestContext, *, domain_name: str, patch_operations: Operations | None = None
    ) -> dict[str, Any]:
        """Patch a domain; live at once."""

        def edit(domain: DomainName) -> DomainName:
            patched: DomainName = apply_patch(DOMAIN_NAME, domain, patch_operations)
            # Another certificate takes the place of the one that was uploaded.
            replaced = patched.certificate_arn not in (None, domain.certificate_arn)
            return replace(patched, uploaded_certificate=None) if replaced else patched

        return render_domains.domain_name(await self._store.domains.update(place_of(context), domain_name, edit))

    async def delete_domain_name(self, context: RequestContext, *, domain_name: str) -> None:
        """Remove a domain with its base path mappings."""
        await self._store.domains.delete(place_of(context), domain_name)


def check_name(name: str) -> None:
    """Raise for what is no host name in lower case, or one by which this server knows APIs."""
    if not _NAME.fullmatch(name) or _API_NAME.search(name):
        raise bad_request(
            f"Invalid domain name specified: {name}. Must be a host name of at least two labels in lower case, or *. "
            "and such a name, and not one of execute-api"
        )


def check_endpoint_types(types: Sequence[str]) -> EndpointType:
    """Return the one type; raises for several, unknown ones and those that are not built."""
    if any(kind not in ENDPOINT_TYPES for kind in types):
        raise bad_request("Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE")
    if len(types) != 1:
        raise bad_request("Cannot create a domain name with multiple Endpoint Types.")
    if types[0] == "PRIVATE":
        raise NotImplementedByServer("A private custom domain name")
    return "EDGE" if types[0] == "EDGE" else "REGIONAL"


def _check_owner(rules: OperatorRules, account_id: str, name: str) -> None:
    if not rules.may_take(account_id, name):
        raise bad_request(
            f"The domain name {name} does not belong to account {account_id}; the operator gives domains to accounts "
            "with --domain-owners"
        )


def _refuse_modes(security_policy: str | None, routing_mode: str | None) -> None:
    if security_policy not in (None, SECURITY_POLICY):
        raise NotImplementedByServer(f"The security policy {security_policy}")
    if routing_mode not in (None, ROUTING_MODE):
        raise NotImplementedByServer(f"The routing mode {routing_mode}")
