"""What a deployment is compiled into: routes, and for each method its parsed expressions, templates and patterns.

Everything is immutable but for what is compiled at first use, and depends on the snapshot only: stage variables are
live and are read for each request.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping

from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.definition import (
    Deployment,
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    Resource,
    RestApi,
)
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.parameters import (
    RequestParameter,
    ResponseHeader,
    compile_error_parameters,
    compile_request_parameters,
    compile_response_parameters,
)
from groundwatch.gateway.mapping.regex import Regex
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.header_rules import check_request_header, client_header_name, header_text
from groundwatch.gateway.runtime.rendering import TemplateSource
from groundwatch.gateway.runtime.routing import PathMatch, Router
from groundwatch.gateway.validation.schemas import ApiSchemas

PROXIES = frozenset({"HTTP_PROXY", "AWS_PROXY"})
ANY_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
"""The verbs that `ANY` stands for."""


def _templates(templates: Mapping[str, str | None]) -> dict[str, TemplateSource]:
    return {content_type: TemplateSource(text or "") for content_type, text in templates.items()}


def _status(text: str) -> int:
    if not (len(text) == 3 and text.isascii() and text.isdigit() and "200" <= text <= "599"):
        raise MappingError(f"{text!r} is not a status that an answer can have")
    return int(text)


class CompiledResponse:
    """One integration response."""

    def __init__(self, response: IntegrationResponse, declared: Mapping[str, MethodResponse]) -> None:
        """`declared` are the responses of the method by status."""
        self.definition = response
        self.status = _status(response.status_code)
        self.pattern = Regex(response.selection_pattern) if response.selection_pattern else None
        """None for the default response."""
        self.headers: tuple[ResponseHeader, ...] = compile_response_parameters(response.response_parameters)
        self.is_declared = response.status_code in declared
        self.undeclared_header = _undeclared(self.headers, declared.get(response.status_code))
        """The first header that the method's response does not declare."""
        self.sent_as = {header.name: client_header_name(header.name) for header in self.headers}
        """The names under which headers reach the client; None for one that is dropped."""
        self.templates = _templates(response.response_templates)
        self.only_template = next(iter(self.templates.items())) if len(self.templates) == 1 else None
        """The content type and template of every answer, whatever its client accepts."""


def _undeclared(headers: tuple[ResponseHeader, ...], response: MethodResponse | None) -> str | None:
    declared = () if response is None else response.response_parameters
    return next((each.name for each in headers if f"method.response.header.{each.name}" not in declared), None)


def _header_spelling(method: Method) -> dict[str, str]:
    prefix = "method.request.header."
    names = [name.removeprefix(prefix) for name in method.request_parameters if name.startswith(prefix)]
    return {name.lower(): name for name in names}


def _constant_headers(parameters: tuple[RequestParameter, ...], integration_type: str) -> dict[str, str] | None:
    headers: dict[str, str] = {}
    for parameter in parameters:
        if parameter.location != "header" or parameter.constant is None:
            return None
        if parameter.constant:
            try:
                check_request_header(parameter.name, integration_type)
                headers[parameter.name] = header_text(parameter.name, parameter.constant)
            except MappingError:
                # A fault of this kind only shows at run time, in the service as well.
                return None
    return headers


def _greedy_paths(resource: Resource, integration: Integration) -> dict[str, str]:
    greedy = re.search(r"\{([^{}]+)\+\}$", resource.path)
    if greedy is None:
        return {}
    prefix, source = "integration.request.path.", f"method.request.path.{greedy[1]}"
    mapped = integration.request_parameters.items()
    return {name.removeprefix(prefix): greedy[1] for name, given in mapped if given == source and prefix in name}


def _cache_sources(integration: Integration) -> tuple[tuple[str, str], ...]:
    """Return where each cache key parameter is read: location in the client's request, and name.

    Parameters of the integration are read where they are mapped from. The location of what is no parameter is empty.
    """
    sources: list[tuple[str, str]] = []
    for parameter in integration.cache_key_parameters:
        mapped = parameter.startswith("integration.request.")
        source = integration.request_parameters.get(parameter, "") if mapped else parameter
        location, _, name = source.removeprefix("method.request.").partition(".")
        location = location.removeprefix("multivalue") if source.startswith("method.request.") else ""
        sources.append((location, name.lower() if location == "header" else name))
    return tuple(sources)


class CompiledMethod:
    """A method with its integration.

    Raises:
        MappingError: when an expression or pattern of the definition cannot be used.
    """

    def __init__(self, resource: Resource, method: Method, integration: Integration) -> None:
        self.resource = resource
        self.definition = method
        self.integration = integration
        self.parameters: tuple[RequestParameter, ...] = compile_request_parameters(integration.request_parameters)
        self.constant_headers = _constant_headers(self.parameters, integration.type)
        """What all parameters together come to, where they are headers that are the same for every request."""
        self.greedy_paths = _greedy_paths(resource, integration)
        """Placeholder of the URI → the greedy parameter of the resource that it is mapped from."""
        self.is_proxy = integration.type in PROXIES
        """Proxies pass requests and answers on; templates do not apply."""
        self.templates = {} if self.is_proxy else _templates(integration.request_templates)
        self.header_spelling = _header_spelling(method)
        """Lower-case header name → the name as the method declares it."""
        self.cache_sources = _cache_sources(integration)
        self.responses = tuple(CompiledResponse(each, method.responses) for each in integration.responses.values())


class CompiledGatewayResponse:
    """A customised gateway response."""

    def __init__(self, response: GatewayResponse) -> None:
        self.status = _status(response.status_code) if response.status_code else None
        self.headers = compile_error_parameters(response.response_parameters)
        self.templates = response.response_templates


class CompiledDeployment:
    """A snapshot of an API, ready to serve; methods are compiled when they are first called."""

    def __init__(self, deployment_id: str, api: RestApi) -> None:
        self.id = deployment_id
        self.api = api
        self._router = Router(api.resources.values())
        self._methods: dict[tuple[str, str], CompiledMethod | MappingError] = {}
        self._authorizers: dict[str, CompiledAuthorizer] = {}
        self._gateway_responses: dict[str, CompiledGatewayResponse] = {}
        self.schemas = ApiSchemas(api)
        """The models, for bodies that are validated."""

    def match(self, path: str) -> PathMatch | None:
        """Find the resource of a path."""
        return self._router.match(path)

    def method(self, resource: Resource, verb: str) -> CompiledMethod | None:
        """Return the method of a resource for a verb, or None when it has none.

        Raises:
            GatewayError: when the method's definition cannot be used.
        """
        if verb not in ANY_METHODS:
            return None
        method = resource.methods.get(verb)
        if method is None:
            method = resource.methods.get("ANY")
        if method is None:
            return None
        key = (resource.id, method.http_method)
        compiled = self._methods.get(key)
        if compiled is None:
            compiled = self._methods[key] = _compile_method(resource, method)
        if isinstance(compiled, MappingError):
            raise configuration_error(str(compiled))
        return compiled

    def authorizer(self, authorizer_id: str | None) -> CompiledAuthorizer:
        """Return an authorizer of the API.

        Raises:
            GatewayError: when there is none with this id, or its definition cannot be used.
        """
        definition = self.api.authorizers.get(authorizer_id or "")
        if definition is None:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=f"there is no authorizer {authorizer_id}")
        compiled = self._authorizers.get(definition.id)
        if compiled is None:
            try:
                compiled = self._authorizers[definition.id] = CompiledAuthorizer(definition)
            except MappingError as error:
                raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=str(error)) from error
        return compiled

    def gateway_response(self, response_type: str) -> CompiledGatewayResponse | None:
        """Return the API's own form of a gateway response, or None when it has none.

        Raises:
            MappingError: when the definition cannot be used.
        """
        definition = self.api.gateway_responses.get(response_type)
        if definition is None:
            return None
        compiled = self._gateway_responses.get(response_type)
        if compiled is None:
            compiled = self._gateway_responses[response_type] = CompiledGatewayResponse(definition)
        return compiled


def _compile_method(resource: Resource, method: Method) -> CompiledMethod | MappingError:
    if method.integration is None:
        return MappingError("No integration defined for method")
    try:
        return CompiledMethod(resource, method, method.integration)
    except MappingError as error:
        return error


class DeploymentCache:
    """Keeps the deployments that were used last; a deployment never changes, so nothing becomes stale."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str, int], CompiledDeployment] = OrderedDict()

    def get(self, deployment: Deployment) -> CompiledDeployment:
        """Return the compiled form of a deployment."""
        key = (deployment.api.id, deployment.id, deployment.created_ms)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = CompiledDeployment(deployment.id, deployment.api)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found
