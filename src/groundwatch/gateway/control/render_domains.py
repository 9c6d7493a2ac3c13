"""The model's output members of custom domains and of what integrations connect with."""

from __future__ import annotations

from groundwatch.gateway.control.render import Rendered, members, seconds
from groundwatch.gateway.domains.values import BasePathMapping, DomainName


def domain_name(value: DomainName) -> Rendered:
    """Return a DomainName.

    The names for DNS to point to end in `localhost`, since the server does not know under which name it is reached.
    """
    rendered = members(
        value, "name", "account_id", "region", "alias", "created_ms", "endpoint_type", "ip_address_type",
        "uploaded_certificate",
    )  # fmt: skip
    rendered["domainName"] = value.name
    rendered["domainNameArn"] = f"arn:aws:apigateway:{value.region}::/domainnames/{value.name}"
    rendered["endpointConfiguration"] = {"types": [value.endpoint_type], "ipAddressType": value.ip_address_type}
    rendered["domainNameStatus"] = "AVAILABLE"
    rendered["routingMode"] = "BASE_PATH_MAPPING_ONLY"
    if value.endpoint_type == "REGIONAL":
        rendered["regionalDomainName"] = f"{value.alias}.execute-api.{value.region}.localhost"
    else:
        rendered["distributionDomainName"] = f"{value.alias}.cloudfront.localhost"
    if value.certificate_arn or value.certificate_name or value.uploaded_certificate:
        uploaded = value.uploaded_certificate
        rendered["certificateUploadDate"] = seconds(uploaded.uploaded_ms if uploaded else value.created_ms)
    return rendered


def base_path_mapping(value: BasePathMapping) -> Rendered:
    """Return a BasePathMapping."""
    return members(value)
