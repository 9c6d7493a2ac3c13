"""Which codec speaks which protocol."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.aws.models import ServiceDescription
from groundwatch.aws.protocols.codec import Codec
from groundwatch.aws.protocols.json import JsonCodec
from groundwatch.aws.protocols.query import QueryCodec
from groundwatch.aws.protocols.rest_json import RestJsonCodec

CODECS: dict[str, Callable[[ServiceDescription], Codec]] = {
    "json": JsonCodec,
    "query": QueryCodec,
    "rest-json": RestJsonCodec,
}


def codec_for(service: ServiceDescription) -> Codec:
    """Return the codec of a service; raises `LookupError` for a protocol that is not spoken here."""
    make = CODECS.get(service.protocol)
    if make is None:
        raise LookupError(f"{service.name} speaks {service.protocol}, which no codec here does")
    return make(service)
