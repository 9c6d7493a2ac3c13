"""The whole control plane: every group of operations on one object, as the service port wants it."""

from __future__ import annotations

from groundwatch.gateway.control.account import AccountOperations
from groundwatch.gateway.control.authorizers import AuthorizerOperations
from groundwatch.gateway.control.base_paths import BasePathOperations
from groundwatch.gateway.control.client_certificates import ClientCertificateOperations
from groundwatch.gateway.control.documentation import DocumentationOperations
from groundwatch.gateway.control.domain_names import DomainNameOperations
from groundwatch.gateway.control.exports import ExportOperations
from groundwatch.gateway.control.gateway_responses import GatewayResponseOperations
from groundwatch.gateway.control.imports import ImportOperations
from groundwatch.gateway.control.integrations import IntegrationOperations
from groundwatch.gateway.control.key_imports import ApiKeyImportOperations
from groundwatch.gateway.control.keys import ApiKeyOperations
from groundwatch.gateway.control.models import ModelOperations
from groundwatch.gateway.control.plans import UsagePlanOperations
from groundwatch.gateway.control.releases import ReleaseOperations
from groundwatch.gateway.control.resources import ResourceOperations
from groundwatch.gateway.control.rest_apis import RestApiOperations
from groundwatch.gateway.control.tags import TagOperations
from groundwatch.gateway.control.usage import UsageOperations
from groundwatch.gateway.control.vpc_links import VpcLinkOperations


class ApiGatewayOperations(
    RestApiOperations,
    ImportOperations,
    ResourceOperations,
    IntegrationOperations,
    ReleaseOperations,
    ApiKeyOperations,
    UsagePlanOperations,
    ModelOperations,
    GatewayResponseOperations,
    AuthorizerOperations,
    TagOperations,
    AccountOperations,
    ApiKeyImportOperations,
    UsageOperations,
    ExportOperations,
    DocumentationOperations,
    DomainNameOperations,
    BasePathOperations,
    VpcLinkOperations,
    ClientCertificateOperations,
):
    """Amazon API Gateway's control plane for REST APIs (`apigateway`, 2015-07-09).

    Each method is an operation of the model in snake case; it works in the account and region of its context only.
    """
