"""What tells one cached answer of a method from another: the values of its cache key parameters.

Nothing else does, as in the service: a path or query parameter that is not listed does not vary the entry.
"""

from __future__ import annotations

import msgspec

from groundwatch.gateway.runtime.response_cache import Key
from groundwatch.gateway.runtime.stages import Routed

_ABSENT = ""
_ENCODER = msgspec.json.Encoder()


def cache_key(routed: Routed) -> Key | None:
    """Return the key of the request's answer; None when a parameter of the key cannot be read from the request."""
    method = routed.method
    key = [method.integration.cache_namespace or method.resource.id, method.resource.path, routed.exchange.method]
    for location, name in method.cache_sources:
        value = _value(routed, location, name)
        if value is None:
            return None
        key.append(value)
    return tuple(key)


def _value(routed: Routed, location: str, name: str) -> str | None:
    if location == "querystring":
        values = routed.exchange.query.get(name)
    elif location == "header":
        values = routed.exchange.headers.get(name)
    elif location == "path":
        # As it was received: a backend that gets it so may know `a%2Fb` and `a/b` as different things.
        return routed.raw_path_parameters.get(name, _ABSENT)
    else:
        return None
    # A list in a form of its own: no value that a client may send reads like two, or like none.
    return _ENCODER.encode(values).decode() if values else _ABSENT
