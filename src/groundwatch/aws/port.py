"""The service port: one entrance for requests to every service, in any of their protocols.

    choose service → authenticate → undo Content-Encoding → parse → authorize → run the operation → serialize

An unknown operation of an AWS JSON service is answered before authentication, as the real services do: its name comes
from a public model. Query and REST services ask for credentials first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from groundwatch.aws.authentication import Authenticated, Authenticator, is_signed
from groundwatch.aws.binding import BoundOperation, bind_operations
from groundwatch.aws.content_encoding import decode_content, too_large
from groundwatch.aws.context import Authorizer, Principal, RequestContext
from groundwatch.aws.errors import NotImplementedByServer, ServiceError
from groundwatch.aws.foreign import refuse_foreign
from groundwatch.aws.http import WireRequest, WireResponse, WireStream
from groundwatch.aws.models import Operation, ServiceDescription, load_service
from groundwatch.aws.profiles import WireProfile, find_profile
from groundwatch.aws.protocols.choice import CodecChoice
from groundwatch.aws.protocols.codec import Codec, StreamingCodec
from groundwatch.aws.request_ids import UUID_BYTES, RandomPool, new_request_id
from groundwatch.aws.selection import ServiceSelector
from groundwatch.aws.service import AccessRule, Service
from groundwatch.aws.streaming import StreamingOutput
from groundwatch.begun import uninterrupted

READS = ("Get", "List", "Describe", "Filter", "Test")
"""How operations begin that change nothing; a task of its own would be a third of what they cost."""
_LOGGER = logging.getLogger(__name__)
_ANONYMOUS = Principal(account_id="", arn="anonymous", kind="Anonymous", user_id="anonymous")


class OfferedService(msgspec.Struct, frozen=True):
    """One service with everything that answering for it takes."""

    description: ServiceDescription
    codecs: CodecChoice
    profile: WireProfile
    operations: dict[str, BoundOperation]
    access: AccessRule
    signing_name: str
    """The service in the scope of signatures."""


class ServicePort:
    """Answers requests to a set of services. Safe for concurrent use within one event loop."""

    def __init__(
        self,
        services: Sequence[Service],
        authenticator: Authenticator,
        authorizer: Authorizer,
        *,
        default_region: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._services = {service.model_name: _offer(service) for service in services}
        descriptions = [offered.description for offered in self._services.values()]
        self._by_endpoint = {description.endpoint_prefix: description.name for description in descriptions}
        signing_names = {service.model_name: service.signing_name for service in services}
        self._selector = ServiceSelector(descriptions, signing_names)
        self._authenticator = authenticator
        self._authorizer = authorizer
        self._default_region = default_region
        self._clock_ms = clock_ms
        self._draw = RandomPool(UUID_BYTES)

    async def handle(self, request: WireRequest) -> WireResponse | WireStream:
        """Answer one request of a client; every failure becomes an answer in the service's own form.

        The caller must close the frames of a `WireStream`.
        """
        name = self._selector.scoped(request)
        if name is None:
            foreign = self._selector.foreign(request)
            if foreign is not None:
                # Before authentication, like unknown operations: what is offered here is no secret.
                return refuse_foreign(foreign, list(self._services), request, new_request_id(self._draw))
            name = self._selector.choose(request)
        return await self._answer(self._services[name], request, None, self._default_region, None)

    async def call(
        self,
        service_name: str,
        request: WireRequest,
        principal: Principal,
        *,
        region: str,
        source_arn: str | None = None,
    ) -> WireResponse:
        """Answer a request from within this process, made as `principal`: like `handle`, but without a signature.

        `service_name` is the model's name or the endpoint's prefix. Raises LookupError when this port does not offer
        the service. An event stream cannot be answered this way and is refused. Where this is cancelled, an operation
        that changes something goes on to its end.
        """
        offered = self._find(service_name)
        answer = await self._answer(offered, request, principal, region, source_arn)
        if isinstance(answer, WireStream):
            raise TypeError(f"{offered.description.name} streams without saying so in its model")
        return answer

    async def refusal(
        self,
        service_name: str,
        request: WireRequest,
        principal: Principal,
        *,
        region: str,
        source_arn: str | None = None,
    ) -> WireResponse | None:
        """Return the answer to a request that `principal` may not make here, None when it may; nothing is run.

        For requests that are carried out elsewhere under other credentials. What this port does not implement cannot be
        judged and is refused. Raises LookupError when this port does not offer the service.
        """
        offered = self._find(service_name)
        codec = offered.codecs.of(request)
        request_id = new_request_id(self._draw)
        sender = Authenticated(principal, region, None, principal.access_key_id)
        try:
            await self._admit(offered, codec, request, self._context(request, sender, request_id, source_arn))
        except ServiceError as error:
            return codec.serialize_error(error, request_id)
        return None

    def max_body_bytes(self, head: WireRequest) -> int:
        """Return how large the body of a request may be whose head (everything else) is known."""
        return _body_bytes(self._services[self._selector.choose(head)], head)

    def refuse_too_large(self, head: WireRequest) -> WireResponse:
        """Return the answer to a request whose body is larger than `max_body_bytes`."""
        offered = self._services[self._selector.choose(head)]
        return self._refusal_of(offered, head, too_large(_body_bytes(offered, head)))

    def refuse_overloaded(self, head: WireRequest) -> WireResponse:
        """Return the answer to a request for whose body there is no room; clients try again."""
        offered = self._services[self._selector.choose(head)]
        crowded = ServiceError("ServiceUnavailable", "Too many large requests arrive.", status=503)
        return self._refusal_of(offered, head, crowded)

    def _refusal_of(self, offered: OfferedService, head: WireRequest, error: ServiceError) -> WireResponse:
        return offered.codecs.of(head).serialize_error(error, new_request_id(self._draw))

    def _find(self, service_name: str) -> OfferedService:
        # CloudWatch's endpoint, by which integrations name it, is `monitoring`.
        offered = self._services.get(service_name) or self._services.get(self._by_endpoint.get(service_name, ""))
        if offered is None:
            raise LookupError(f"no service called '{service_name}' on this port")
        return offered

    async def _answer(
        self,
        offered: OfferedService,
        request: WireRequest,
        principal: Principal | None,
        region: str,
        source_arn: str | None,
    ) -> WireResponse | WireStream:
        codec = offered.codecs.of(request)
        request_id = new_request_id(self._draw)
        try:
            if principal is None:
                sender = await self._authenticate(offered, codec, request)
            else:
                sender = Authenticated(principal, region, None, principal.access_key_id)
            context = self._context(request, sender, request_id, source_arn)
            return await self._run(offered, codec, request, context, is_from_within=principal is not None)
        except ServiceError as error:
            return codec.serialize_error(error, request_id)
        except Exception:
            # The outermost exit: the client learns the request id and nothing else.
            _LOGGER.exception("request %s to %s failed", request_id, offered.description.name)
            message = "An internal error occurred."
            return codec.serialize_error(ServiceError("InternalFailure", message, status=500), request_id)

    async def _authenticate(self, offered: OfferedService, codec: Codec, request: WireRequest) -> Authenticated:
        if codec.names_operation_openly:
            codec.find_operation(request)
        elif self._is_unsigned(offered, codec, request):
            return Authenticated(_ANONYMOUS, self._default_region, None, None)
        sender = await self._authenticator.authenticate(request)
        # The service was chosen before anything could be trusted; what is proved must not be for another.
        if sender.signed_headers is not None and sender.service != offered.signing_name:
            message = f"Credential should be scoped to correct service: '{offered.signing_name}'."
            raise ServiceError("SignatureDoesNotMatch", message)
        return sender

    def _is_unsigned(self, offered: OfferedService, codec: Codec, request: WireRequest) -> bool:
        names = codec.service.unsigned_operations
        if offered.profile.signature_optional and not is_signed(request):
            names |= offered.profile.signature_optional
        if not names:
            return False
        try:
            return codec.find_operation(request).name in names
        except ServiceError:
            # Whatever is wrong is told after authentication.
            return False

    async def _run(
        self,
        offered: OfferedService,
        codec: Codec,
        request: WireRequest,
        context: RequestContext,
        *,
        is_from_within: bool,
    ) -> WireResponse | WireStream:
        operation, bound, params = await self._admit(offered, codec, request, context)
        if is_from_within and operation.has_event_stream:
            # Before anything is begun that a caller who goes away meanwhile could not end.
            raise NotImplementedByServer("An event stream as the answer to an integration")
        work = bound.call(context, params)
        # The gateway gives up calls whose client leaves or that take too long. A change must not be left half done by
        # that, such as a group that is deleted, but remembered.
        is_whole = is_from_within and not operation.name.startswith(READS)
        output = await (uninterrupted(work) if is_whole else work)
        if isinstance(output, StreamingOutput):
            if not isinstance(codec, StreamingCodec):
                raise TypeError(f"no event streams in the protocol of {offered.description.name}")
            return codec.serialize_stream(operation, output, context.request_id)
        return codec.serialize(operation, output, context.request_id)

    async def _admit(
        self, offered: OfferedService, codec: Codec, request: WireRequest, context: RequestContext
    ) -> tuple[Operation, BoundOperation, dict[str, Any]]:
        """Return what a request asks for, once the policies allow it; raises ServiceError."""
        encoding = request.header("content-encoding")
        if encoding is not None:
            body = decode_content(request.body, encoding, _body_bytes(offered, request))
            request = msgspec.structs.replace(request, body=body)
        operation, params = codec.parse(request)
        bound = offered.operations.get(operation.name)
        if bound is None:
            raise NotImplementedByServer(operation.name)
        checks = offered.access(operation.name, params, context)
        if checks:
            await self._authorizer.authorize(context, checks)
        return operation, bound, params

    def _context(
        self, request: WireRequest, sender: Authenticated, request_id: str, source_arn: str | None
    ) -> RequestContext:
        return RequestContext(
            account_id=sender.principal.account_id,
            region=sender.region,
            request_id=request_id,
            principal=sender.principal,
            source_ip=request.source_ip,
            user_agent=request.header("user-agent") or "",
            secure=request.secure,
            received_ms=self._clock_ms(),
            source_arn=source_arn,
        )


def _offer(service: Service) -> OfferedService:
    description = load_service(service.model_name)
    return OfferedService(
        description=description,
        codecs=CodecChoice(description),
        profile=find_profile(description.name, description.protocol),
        operations=bind_operations(description, service.operations),
        access=service.access,
        signing_name=service.signing_name or description.signing_name,
    )


def _body_bytes(offered: OfferedService, head: WireRequest) -> int:
    # Both protocols of JSON and CBOR name the operation at the end of what the head says: Logs_20140328.PutLogEvents,
    # /service/Logs_20140328/operation/PutLogEvents.
    named = head.header("x-amz-target") or head.path
    return offered.profile.body_bytes(named.replace("/", ".").rpartition(".")[2])
