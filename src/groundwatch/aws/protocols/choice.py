"""Which codec speaks which protocol, and which protocol a request speaks."""

from __future__ import annotations

from collections.abc import Callable

from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import ProtocolName, ServiceDescription
from groundwatch.aws.protocols.cbor import PROTOCOL_HEADER, PROTOCOL_NAME, CborCodec
from groundwatch.aws.protocols.codec import Codec
from groundwatch.aws.protocols.json import JsonCodec
from groundwatch.aws.protocols.query import QueryCodec
from groundwatch.aws.protocols.rest_json import RestJsonCodec

CODECS: dict[str, Callable[[ServiceDescription], Codec]] = {
    "json": JsonCodec,
    "query": QueryCodec,
    "rest-json": RestJsonCodec,
    "smithy-rpc-v2-cbor": CborCodec,
}
QUERY_MODE_CODECS: dict[str, Callable[..., Codec]] = {"json": JsonCodec, "smithy-rpc-v2-cbor": CborCodec}
QUERY_MODE_HEADER = "x-amzn-query-mode"
"""Sent by clients that once spoke the query protocol to a service and want its error codes still."""


def codec_for(service: ServiceDescription) -> Codec:
    """Return the codec of a service's first protocol; raises `LookupError` when that is not spoken here."""
    make = CODECS.get(service.protocol)
    if make is None:
        raise LookupError(f"{service.name} speaks {service.protocol}, which no codec here does")
    return make(service)


class CodecChoice:
    """The codecs of one service, of which each request chooses by how it is made."""

    def __init__(self, service: ServiceDescription) -> None:
        # Nearly all services speak one protocol in one way, and their requests need not be looked at.
        self._only = None if len(service.protocols) > 1 or service.is_query_compatible else codec_for(service)
        self._first = service.protocol
        self._codecs: dict[tuple[ProtocolName, bool], Codec] = {}
        for protocol in service.protocols:
            plain = CODECS[protocol](service)
            queried = QUERY_MODE_CODECS.get(protocol) if service.is_query_compatible else None
            self._codecs[protocol, False] = plain
            self._codecs[protocol, True] = plain if queried is None else queried(service, query_mode=True)

    def of(self, request: WireRequest) -> Codec:
        """Return the codec of the protocol that the request speaks."""
        if self._only is not None:
            return self._only
        return self._codecs[self._protocol(request), request.header(QUERY_MODE_HEADER) == "true"]

    def _protocol(self, request: WireRequest) -> ProtocolName:
        """Return the protocol by its marks; where nothing tells, the query protocol, of which a form may be empty."""
        marks: tuple[tuple[ProtocolName, bool], ...] = (
            ("smithy-rpc-v2-cbor", request.header(PROTOCOL_HEADER) == PROTOCOL_NAME),
            ("json", request.header("x-amz-target") is not None),
            ("query", True),
        )
        return next((name for name, is_there in marks if is_there and (name, False) in self._codecs), self._first)
