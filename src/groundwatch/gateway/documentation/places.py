"""Every place of an API that documentation can be about, in the order in which a reader meets them."""

from __future__ import annotations

from collections.abc import Iterator

from groundwatch.gateway.definition import Method, RestApi
from groundwatch.gateway.documentation.parts import Location

PARAMETER_TYPES = {"path": "PATH_PARAMETER", "querystring": "QUERY_PARAMETER", "header": "REQUEST_HEADER"}


def places_of(api: RestApi) -> Iterator[Location]:
    """Return the locations of everything that an API has."""
    yield Location("API")
    for authorizer in api.authorizers.values():
        yield Location("AUTHORIZER", name=authorizer.name)
    for model in api.models.values():
        yield Location("MODEL", name=model.name)
    for resource in sorted(api.resources.values(), key=lambda held: held.path):
        yield Location("RESOURCE", path=resource.path)
        for method in resource.methods.values():
            yield from _method_places(resource.path, method)


def _method_places(path: str, method: Method) -> Iterator[Location]:
    verb = method.http_method
    yield Location("METHOD", path=path, method=verb)
    for parameter in method.request_parameters:
        place, _, name = parameter.removeprefix("method.request.").partition(".")
        yield Location(PARAMETER_TYPES[place], path=path, method=verb, name=name)
    if method.request_models:
        yield Location("REQUEST_BODY", path=path, method=verb)
    for response in method.responses.values():
        code = response.status_code
        yield Location("RESPONSE", path=path, method=verb, status_code=code)
        for header in response.response_parameters:
            name = header.removeprefix("method.response.header.")
            yield Location("RESPONSE_HEADER", path=path, method=verb, status_code=code, name=name)
        if response.response_models:
            yield Location("RESPONSE_BODY", path=path, method=verb, status_code=code)
