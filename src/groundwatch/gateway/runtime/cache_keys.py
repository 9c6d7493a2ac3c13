"""What tells one cached answer of a method from another: the values of its cache key parameters.

Nothing else does, as in the service: a path or query parameter that is not listed does not vary the entry.
"""

from __future__ import annotations

import msgspec

from groundwatch.gateway.definition import Integration
from groundwatch.gateway.runtime.response_cache import Key
from groundwatch.gateway.runtime.stages import Routed

_ABSENT = ""


def cache_key(routed: Routed) -> Key | None:
    """Return the key of the request's answer; None when a parameter of the key cannot be read from the request."""
    method = routed.method
    key = [method.integration.cache_namespace or method.resource.id, method.resource.path, routed.exchange.method]
    for parameter in method.integration.cache_key_parameters:
        value = _value(routed, _source(method.integration, parameter))
        if value is None:
            return None
        key.append(value)
    return tuple(key)


def _source(integration: Integration, parameter: str) -> str:
    """Return the parameter of the method that a parameter of the integration is mapped from."""
    if parameter.startswith("integration.request."):
        return integration.request_parameters.get(parameter, "")
    return parameter


def _value(routed: Routed, source: str) -> str | None:
    if not source.startswith("method.request."):
        return None
    _, _, location, name = source.split(".", 3)
    if location == "path":
        # As it was received: a backend that gets it so may know `a%2Fb` and `a/b` as different things.
        return routed.raw_path_parameters.get(name, _ABSENT)
    if location in ("querystring", "multivaluequerystring"):
        values = routed.exchange.query.get(name)
    elif location in ("header", "multivalueheader"):
        values = routed.exchange.headers.get(name.lower())
    else:
        return None
    # A list in a form of its own: no value that a client may send reads like two, or like none.
    return msgspec.json.encode(values).decode() if values else _ABSENT
