"""`CUSTOM`: a Lambda function says who calls and, as a policy document, what the caller may do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.authorizers.cache import ResultCache
from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.authorizers.event import request_event, token_event
from groundwatch.gateway.authorizers.guards import Decision, MethodGuards
from groundwatch.gateway.authorizers.identity import Identity
from groundwatch.gateway.authorizers.pools import authorizer_of, unauthorized
from groundwatch.gateway.authorizers.question import ANONYMOUS, Question, explicitly, is_explicit
from groundwatch.gateway.definition import Authorizer
from groundwatch.gateway.functions import FunctionAnswer, FunctionTimeoutError, FunctionUnavailableError, function_of
from groundwatch.gateway.integrations.base import RoleSource
from groundwatch.gateway.integrations.roles import SERVICE_PRINCIPAL, SESSION_NAME
from groundwatch.gateway.integrations.uri import fill_stage_variables
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.mapping.values import ContextMap
from groundwatch.gateway.runtime.context import build_context, message_for
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.overrides import Overrides
from groundwatch.gateway.runtime.stages import Routed

MAX_ANSWER_BYTES = 64 * 1024
CACHE_BYTES = 32 * 1024 * 1024
_INVOKE = "lambda:InvokeFunction"
_ENTRY_BYTES = 512
"""What an entry of the cache takes beside its texts."""


class Verdict(msgspec.Struct, frozen=True):
    """What a function said of a caller."""

    principal_id: str
    policy: str
    context: dict[str, str]
    usage_identifier_key: str | None = None


class FunctionMethods:
    """`CUSTOM`: asks the method's function, or remembers what it said about the same caller on this stage."""

    def __init__(self, guards: MethodGuards, roles: RoleSource, clock_ms: Callable[[], int]) -> None:
        self._guards = guards
        self._roles = roles
        self._clock_ms = clock_ms
        self._cache: ResultCache[Verdict] = ResultCache(CACHE_BYTES)

    async def authorize(self, routed: Routed) -> Identity:
        """Raise 401 without an identity, 403 where policies forbid the call, 500 where the function does not decide."""
        compiled = authorizer_of(routed)
        question = Question.of(routed)
        by_resource = None
        if question.policy is not None:
            anonymous = question.context(ANONYMOUS)
            by_resource = await self._guards.policies.decide(anonymous, question.check(), question.policy)
            if is_explicit(by_resource):
                raise question.refusal(ANONYMOUS, by_resource)
        verdict = await self.verdict(routed, compiled, question)
        self._decide(question, verdict, by_resource)
        context = ContextMap({**verdict.context, "principalId": verdict.principal_id})
        return Identity(authorizer=context, usage_identifier_key=verdict.usage_identifier_key)

    async def verdict(
        self, routed: Routed, compiled: CompiledAuthorizer, question: Question, *, fresh: bool = False
    ) -> Verdict:
        """Return what the function says of the caller; `fresh` asks it whatever is remembered."""
        identity = self._identity(routed, compiled)
        key = self._key(routed, compiled, identity) if compiled.ttl_ms and not fresh else None
        now_ms = self._clock_ms()
        found = self._cache.get(key, now_ms) if key is not None else None
        if found is not None:
            return found
        verdict = await self._ask(routed, compiled, question, identity)
        if key is not None:
            size_bytes = _ENTRY_BYTES + len(verdict.policy) + sum(len(k) + len(v) for k, v in verdict.context.items())
            # Counted from the answer, so that a slow function does not shorten the time.
            until_ms = self._clock_ms() + compiled.ttl_ms
            self._cache.put(key, verdict, until_ms=until_ms, size_bytes=size_bytes)
        return verdict

    def flush(self, api_id: str, stage_name: str) -> None:
        """Forget what functions said of the callers of a stage."""
        self._cache.forget(lambda key: isinstance(key, tuple) and key[:2] == (api_id, stage_name))

    def _identity(self, routed: Routed, compiled: CompiledAuthorizer) -> tuple[str, ...]:
        identity = compiled.identity(message_for(routed, build_context(routed, Overrides())))
        is_token = compiled.definition.type == "TOKEN"
        if identity is None:
            if is_token or compiled.ttl_ms:
                raise unauthorized("an identity source is missing")
            return ()
        if is_token and (len(identity) != 1 or not compiled.accepts(identity[0])):
            raise unauthorized("the token does not have the form that the authorizer asks for")
        return identity

    def _key(self, routed: Routed, compiled: CompiledAuthorizer, identity: tuple[str, ...]) -> tuple[str, ...]:
        # Never the token itself: it would stay readable in memory for as long as an hour.
        digest = hashlib.sha256(msgspec.json.encode(identity)).hexdigest()
        deployment = routed.located.deployment
        return (deployment.api.id, routed.located.stage.name, deployment.id, compiled.definition.id, digest)

    async def _ask(
        self, routed: Routed, compiled: CompiledAuthorizer, question: Question, identity: tuple[str, ...]
    ) -> Verdict:
        function = await self._function(compiled, question)
        if compiled.definition.type == "TOKEN":
            event = token_event(question.method_arn, identity[0])
        else:
            event = request_event(routed, compiled, question.method_arn)
        try:
            answer = await self._guards.functions.invoke(function, msgspec.json.encode(event))
        except FunctionTimeoutError as error:
            raise GatewayError("AUTHORIZER_FAILURE", reason=str(error)) from error
        except FunctionUnavailableError as error:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=str(error)) from error
        if answer.error is not None:
            raise _failure(answer)
        verdict = read_verdict(answer.payload)
        fault = self._guards.documents.fault(verdict.policy)
        if fault is not None:
            raise _unusable(f"its policy document is malformed: {fault}")
        return verdict

    async def _function(self, compiled: CompiledAuthorizer, question: Question) -> str:
        """Return the ARN of the function, which must be of the API's own account, as must the role for it."""
        located = question.routed.located
        api, variables = located.deployment.api, located.stage.variables
        definition = compiled.definition
        try:
            function = function_of(fill_stage_variables(definition.authorizer_uri or "", variables))
        except MappingError as error:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=str(error)) from error
        if function is None or parse_arn(function).account_id != api.account_id:
            raise _unusable("its URI names no function of this account")
        if definition.authorizer_credentials is not None:
            await self._check_role(definition, question, function)
        return function

    async def _check_role(self, definition: Authorizer, question: Question, function: str) -> None:
        """Return when the role trusts the gateway and may run the function, which it does not do itself."""
        api, role_arn = question.routed.located.deployment.api, definition.authorizer_credentials or ""
        source_arn = f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.id}/authorizers/{definition.id}"
        try:
            principal = await self._roles.assume_for_service(
                role_arn,
                SERVICE_PRINCIPAL,
                account_id=api.account_id,
                session_name=SESSION_NAME,
                source_arn=source_arn,
            )
        except ServiceError as error:
            raise _unusable(f"the role {role_arn} cannot be assumed") from error
        context = msgspec.structs.replace(
            question.context(principal), user_agent=SERVICE_PRINCIPAL, secure=True, source_arn=source_arn
        )
        decision = await self._guards.policies.decide(context, AccessCheck(_INVOKE, function))
        if not decision.allowed:
            raise _unusable(f"the role {role_arn} may not {_INVOKE}")

    def _decide(self, question: Question, verdict: Verdict, by_resource: Decision | None) -> None:
        context, check = question.context(ANONYMOUS), question.check()
        decision = self._guards.documents.decide(context, check, verdict.policy)
        if decision.allowed:
            return
        # Where the document is silent, the policy of the API may speak for it.
        if not is_explicit(decision) and by_resource is not None and by_resource.allowed:
            return
        message = f"User is not authorized to access this resource{explicitly(decision)}"
        raise GatewayError("ACCESS_DENIED", message, reason=f"{verdict.principal_id} at {question.method_arn}")


def read_verdict(payload: bytes) -> Verdict:
    """Return what a function answered.

    Raises:
        GatewayError: 500 when it is not the answer of an authorizer.
    """
    if len(payload) > MAX_ANSWER_BYTES:
        raise _unusable(f"its answer exceeds {MAX_ANSWER_BYTES} bytes")
    try:
        answer = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unusable("its answer is not JSON") from error
    if not isinstance(answer, dict):
        raise _unusable("its answer is no object")
    principal_id, document = answer.get("principalId"), answer.get("policyDocument")
    key = answer.get("usageIdentifierKey")
    if not isinstance(principal_id, str) or not principal_id or not isinstance(document, dict):
        raise _unusable("its answer has no principalId or no policyDocument")
    if key is not None and not isinstance(key, str):
        raise _unusable("its usageIdentifierKey is no text")
    return Verdict(principal_id, msgspec.json.encode(document).decode(), _context(answer.get("context")), key)


def _context(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise _unusable("its context is no object")
    return {name: _scalar(name, value) for name, value in given.items() if value is not None}


def _scalar(name: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    raise _unusable(f"the member {name} of its context is neither text, number nor boolean")


def _failure(answer: FunctionAnswer) -> GatewayError:
    try:
        described = msgspec.json.decode(answer.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        described = None
    message = described.get("errorMessage") if isinstance(described, dict) else None
    # Exactly this text is how a function says that it does not know the caller.
    if message == "Unauthorized":
        return unauthorized("the function does not know the caller")
    return GatewayError("AUTHORIZER_FAILURE", reason=f"the function failed: {message}")


def _unusable(reason: str) -> GatewayError:
    return GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=f"the authorizer cannot be used: {reason}")
