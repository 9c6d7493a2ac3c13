"""Asking the function of an authorizer: whether it may be run, what it is told, and what it answers."""

from __future__ import annotations

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.context import AccessCheck
from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.authorizers.compiled import CompiledAuthorizer
from groundwatch.gateway.authorizers.event import request_event, shown_event, token_event
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.question import Question
from groundwatch.gateway.authorizers.verdicts import Verdict, read_verdict, unusable
from groundwatch.gateway.definition import Authorizer
from groundwatch.gateway.functions import FunctionAnswer, FunctionTimeoutError, FunctionUnavailableError, function_of
from groundwatch.gateway.integrations.base import RoleSource
from groundwatch.gateway.integrations.roles import SERVICE_PRINCIPAL, SESSION_NAME
from groundwatch.gateway.integrations.uri import fill_stage_variables
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import GatewayError

_INVOKE = "lambda:InvokeFunction"


class FunctionDesk:
    """Runs the functions of authorizers."""

    def __init__(self, guards: MethodGuards, roles: RoleSource) -> None:
        self._guards = guards
        self._roles = roles

    async def ask(self, compiled: CompiledAuthorizer, question: Question, identity: tuple[str, ...]) -> Verdict:
        """Return what the function says of a caller.

        Raises:
            GatewayError: 401 when it does not know the caller, 500 when it does not decide.
        """
        function = await self._function(compiled, question)
        routed = question.routed
        if compiled.definition.type == "TOKEN":
            event = token_event(question.method_arn, identity[0])
        else:
            event = request_event(routed, compiled, question.method_arn)
        log = routed.exchange.log
        if log.enabled:
            log.line(f"Endpoint request URI: {compiled.definition.authorizer_uri}")
            shown = msgspec.json.encode(shown_event(event, identity)).decode()
            log.line(f"Endpoint request body after transformations: {shown}")
            log.line(f"Sending request to {compiled.definition.authorizer_uri}")
        answer = await self._run(function, msgspec.json.encode(event))
        if log.enabled:
            log.line(f"Authorizer result body before parsing: {answer.payload.decode('utf-8', 'replace')}")
        verdict = read_verdict(answer)
        fault = self._guards.documents.fault(verdict.policy)
        if fault is not None:
            raise unusable(f"its policy document is malformed: {fault}")
        return verdict

    async def _run(self, function: str, event: bytes) -> FunctionAnswer:
        try:
            return await self._guards.functions.invoke(function, event)
        except FunctionTimeoutError as error:
            raise GatewayError("AUTHORIZER_FAILURE", reason=str(error)) from error
        except FunctionUnavailableError as error:
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", reason=str(error)) from error

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
            raise unusable("its URI names no function of this account")
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
            raise unusable(f"the role {role_arn} cannot be assumed") from error
        context = msgspec.structs.replace(
            question.context(principal), user_agent=SERVICE_PRINCIPAL, secure=True, source_arn=source_arn
        )
        decision = await self._guards.policies.decide(context, AccessCheck(_INVOKE, function))
        if not decision.allowed:
            raise unusable(f"the role {role_arn} may not {_INVOKE}")
