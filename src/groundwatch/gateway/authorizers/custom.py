"""`CUSTOM`: a Lambda function says who calls and, as a policy document, what the caller may do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import NamedTuple

import msgspec

from groundwatch.gateway.authorizers.asking import FunctionDesk
from groundwatch.gateway.authorizers.cache import ResultCache
from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.authorizers.flights import SingleFlight
from groundwatch.gateway.authorizers.guards import Decision, MethodGuards
from groundwatch.gateway.authorizers.identity import Identity
from groundwatch.gateway.authorizers.pools import authorizer_of
from groundwatch.gateway.authorizers.question import ANONYMOUS, Question, explicitly, is_explicit
from groundwatch.gateway.authorizers.verdicts import Verdict, unauthorized
from groundwatch.gateway.integrations.base import RoleSource
from groundwatch.gateway.mapping.parameters import Message
from groundwatch.gateway.mapping.values import ContextMap
from groundwatch.gateway.runtime.context import message_for
from groundwatch.gateway.runtime.errors import GatewayError
from groundwatch.gateway.runtime.execution_log import half_masked
from groundwatch.gateway.runtime.stages import Routed

CACHE_BYTES = 32 * 1024 * 1024


class _Key(NamedTuple):
    """Under what a verdict is remembered."""

    api_id: str
    stage_name: str
    deployment_id: str
    authorizer_id: str
    digest: str
    """Of the identity. Never the token itself: it would stay readable in memory for as long as an hour."""


class FunctionMethods:
    """`CUSTOM`: asks the method's function, or remembers what it said about the same caller on this stage."""

    def __init__(self, guards: MethodGuards, roles: RoleSource, clock_ms: Callable[[], int]) -> None:
        self._guards = guards
        self._clock_ms = clock_ms
        self._desk = FunctionDesk(guards, roles)
        self._cache: ResultCache[Verdict] = ResultCache(CACHE_BYTES)
        self._flights: SingleFlight[Verdict] = SingleFlight()
        self._flushes = 0

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
        log = routed.exchange.log
        log.line(f"Starting authorizer: {compiled.definition.id} for request: {routed.exchange.request_id}")
        started_ms = self._clock_ms()
        verdict = await self.verdict(routed, compiled, question)
        latency_ms = self._clock_ms() - started_ms
        log.line("Successfully completed authorizer execution")
        self._decide(question, verdict, by_resource)
        own = {"principalId": verdict.principal_id, "integrationLatency": latency_ms}
        return Identity(
            authorizer=ContextMap({**verdict.context, **own}), usage_identifier_key=verdict.usage_identifier_key
        )

    async def verdict(
        self, routed: Routed, compiled: CompiledAuthorizer, question: Question, *, fresh: bool = False
    ) -> Verdict:
        """Return what the function says of the caller; `fresh` asks it whatever is remembered.

        Of several requests that would ask the same, and remember the answer, only one does.
        """
        message, log = message_for(routed), routed.exchange.log
        identity = self._identity(message, compiled)
        if log.active:
            log.line(f"Incoming identity: {','.join(map(half_masked, identity))}")
        # With several values of one source, the function must see for itself which of them the backend might take.
        if fresh or not compiled.ttl_ms or compiled.is_repeated(message):
            verdict = await self._desk.ask(compiled, question, identity)
        else:
            key = _key(routed, compiled, identity)
            verdict = self._cache.get(key, self._clock_ms()) or await self._flights.run(
                key, lambda: self._ask_and_remember(key, compiled, question, identity)
            )
        if log.active:
            log.line(f"Using valid authorizer policy for principal: {half_masked(verdict.principal_id)}")
        return verdict

    def flush(self, api_id: str, stage_name: str) -> None:
        """Forget what functions said of the callers of a stage, and what they are about to say."""

        def is_of_stage(key: Hashable) -> bool:
            return isinstance(key, _Key) and (key.api_id, key.stage_name) == (api_id, stage_name)

        self._flushes += 1
        self._cache.forget(is_of_stage)
        self._flights.forget(is_of_stage)

    def _identity(self, message: Message, compiled: CompiledAuthorizer) -> tuple[str, ...]:
        identity = compiled.identity(message)
        is_token = compiled.definition.type == "TOKEN"
        if identity is None:
            if is_token or compiled.ttl_ms:
                raise unauthorized("an identity source is missing")
            return ()
        if is_token and compiled.is_repeated(message):
            raise unauthorized("more than one token")
        if is_token and (len(identity) != 1 or not compiled.accepts(identity[0])):
            raise unauthorized("the token does not have the form that the authorizer asks for")
        return identity

    async def _ask_and_remember(
        self, key: _Key, compiled: CompiledAuthorizer, question: Question, identity: tuple[str, ...]
    ) -> Verdict:
        flushes = self._flushes
        verdict = await self._desk.ask(compiled, question, identity)
        # What was asked before a flush may be what the flush was meant to forget.
        if flushes == self._flushes:
            # Counted from the answer, so that a slow function does not shorten the time.
            until_ms = self._clock_ms() + compiled.ttl_ms
            self._cache.put(key, verdict, until_ms=until_ms, size_bytes=verdict.size_bytes)
        return verdict

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


def _key(routed: Routed, compiled: CompiledAuthorizer, identity: tuple[str, ...]) -> _Key:
    digest = hashlib.sha256(msgspec.json.encode(identity)).hexdigest()
    deployment = routed.located.deployment
    return _Key(deployment.api.id, routed.located.stage.name, deployment.id, compiled.definition.id, digest)
