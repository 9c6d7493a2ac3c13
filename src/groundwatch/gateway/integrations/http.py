"""HTTP and HTTP_PROXY: a request to a web server that the API's owner names.

HTTP sends what is mapped. HTTP_PROXY sends the client's own request on, with what is mapped added, and its answer goes
back as it is; only headers that belong to one connection, and those of the gateway itself, are not the client's.
"""

from __future__ import annotations

from groundwatch.gateway.connections.private import PrivateConnections, UnusableConnectionError
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.integrations.sending import (
    content_type,
    fill_url,
    forwarded_query,
    forwarding,
    log_answer,
    log_request,
    own_headers,
    query_text,
    user_agent,
)
from groundwatch.gateway.integrations.uri import fill_stage_variables
from groundwatch.gateway.integrations.ways import way_of
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.codings import CodingError, decoded
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.media import JSON
from groundwatch.gateway.runtime.stages import MappedRequest
from groundwatch.outbound import (
    AnswerTooLargeError,
    OutboundAnswer,
    OutboundClient,
    OutboundError,
    OutboundTimeoutError,
    RefusedDestinationError,
)

NETWORK_ERROR = "Network error communicating with endpoint"
_NOT_FORWARDED = frozenset({
    "content-encoding", "host", "keep-alive", "proxy-authorization", "proxy-connection", "via",
    "x-amzn-apigateway-api-id", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto",
})  # fmt: skip
_MAX_STATUS = 599

Headers = list[tuple[str, str]]


class HttpIntegration:
    """Calls a URL; as a proxy when `forward` is set. Without `private` there are no links and no certificates."""

    def __init__(self, client: OutboundClient, private: PrivateConnections | None, *, forward: bool) -> None:
        self._client = client
        self._private = private
        self._forward = forward

    async def integrate(self, mapped: MappedRequest) -> IntegrationAnswer:
        """Return the backend's answer, whatever its status.

        Raises:
            GatewayError: 504 when there is no answer, 500 when the URL or the answer cannot be used.
        """
        routed = mapped.routed
        definition = routed.method.integration
        method = _method(mapped)
        url = _url(mapped, forward=self._forward)
        body = b"" if method in ("GET", "HEAD") and not self._forward else mapped.body
        headers = _forwarded_headers(mapped, body) if self._forward else _mapped_headers(mapped)
        log_request(routed, url, headers, body)
        try:
            way = await way_of(routed, url, headers, self._client, self._private)
            answer = await way.client.send(
                method,
                way.url,
                headers=way.headers,
                body=body,
                timeout_s=definition.timeout_in_millis / 1000,
                verify=not definition.insecure_skip_verification,
                presenting=way.presenting,
            )
        except UnusableConnectionError as error:
            raise configuration_error(str(error)) from error
        except OutboundError as error:
            raise _failure(error) from error
        log_answer(routed, answer.headers, answer.body)
        return _answer(answer, traced=not self._forward)


def _method(mapped: MappedRequest) -> str:
    named = mapped.routed.method.integration.http_method or "ANY"
    return mapped.routed.exchange.method if named == "ANY" else named


def _url(mapped: MappedRequest, *, forward: bool) -> str:
    routed = mapped.routed
    try:
        url = fill_url(
            fill_stage_variables(routed.method.integration.uri or "", routed.located.stage.variables), mapped
        )
    except MappingError as error:
        raise configuration_error(str(error)) from error
    forwarded = forwarded_query(routed) if forward else ""
    base, _, own = url.partition("?")
    query = "&".join(part for part in (own, forwarded, query_text(mapped.query)) if part)
    return f"{base}?{query}" if query else base


def _mapped_headers(mapped: MappedRequest) -> Headers:
    routed = mapped.routed
    given = {name.lower() for name in mapped.headers}
    defaults = [("Accept", JSON), ("User-Agent", user_agent(routed)), ("Content-Type", content_type(routed))]
    return [*(pair for pair in defaults if pair[0].lower() not in given), *mapped.headers.items(), *own_headers(routed)]


def _forwarded_headers(mapped: MappedRequest, body: bytes) -> Headers:
    routed = mapped.routed
    exchange = routed.exchange
    replaced = {name.lower() for name in mapped.headers}
    dropped = _NOT_FORWARDED | replaced | _named_by_connection(mapped)
    spelled = routed.method.header_spelling
    headers = [
        (spelled.get(name) or name.title(), value)
        for name, values in exchange.headers.items()
        if name not in dropped
        for value in values
    ]
    headers += [pair for pair in forwarding(routed) if pair[0].lower() not in replaced]
    present = exchange.headers.keys() | replaced
    if "user-agent" not in present:
        headers.append(("User-Agent", user_agent(routed)))
    if body and "content-type" not in present:
        headers.append(("Content-Type", JSON))
    return [*headers, *mapped.headers.items(), *own_headers(routed)]


def _named_by_connection(mapped: MappedRequest) -> frozenset[str]:
    listed = mapped.routed.exchange.request.header("connection") or ""
    return frozenset(name.strip().lower() for name in listed.split(","))


def _answer(answer: OutboundAnswer, *, traced: bool) -> IntegrationAnswer:
    if answer.status > _MAX_STATUS:
        raise GatewayError("INTEGRATION_FAILURE", NETWORK_ERROR, reason=f"the backend's status is {answer.status}")
    try:
        body, left = decoded(answer.body, answer.header("content-encoding"))
    except CodingError as error:
        raise configuration_error(f"the backend's body cannot be decoded: {error}") from error
    headers = answer.headers
    if left is None:
        headers = tuple(pair for pair in headers if pair[0].lower() != "content-encoding")
    return IntegrationAnswer(answer.status, headers, body, str(answer.status), traced=traced)


def _failure(error: OutboundError) -> GatewayError:
    if isinstance(error, OutboundTimeoutError):
        return GatewayError("INTEGRATION_TIMEOUT", reason=str(error))
    if isinstance(error, RefusedDestinationError | AnswerTooLargeError):
        return configuration_error(str(error))
    return GatewayError("INTEGRATION_FAILURE", NETWORK_ERROR, reason=str(error))
