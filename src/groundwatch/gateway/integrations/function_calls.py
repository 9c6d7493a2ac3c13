"""Lambda functions as integrations: who may call which, what failures are, and the plain (AWS) form of a call.

The call leaves this server with the credentials of its process. So a function must be of the API's own account, and
where a role is named, this server's identities must let it invoke the function; without a role, the function's own
policy at the endpoint decides.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from groundwatch.aws.arn import parse_arn
from groundwatch.aws.context import AccessCheck
from groundwatch.gateway.functions import (
    FunctionAnswer,
    Functions,
    FunctionTimeoutError,
    FunctionUnavailableError,
    function_of,
)
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.integrations.roles import RoleSessions
from groundwatch.gateway.integrations.sending import log_answer, log_request
from groundwatch.gateway.integrations.uri import fill_stage_variables
from groundwatch.gateway.mapping.errors import MappingError
from groundwatch.gateway.runtime.errors import GatewayError, configuration_error
from groundwatch.gateway.runtime.media import JSON
from groundwatch.gateway.runtime.stages import MappedRequest

_REFUSALS = frozenset({401, 403, 404})
_NO_HEADERS: Mapping[str, str] = {}


class FunctionCalls:
    """Calls the function that an integration's URI names."""

    def __init__(self, functions: Functions, sessions: RoleSessions) -> None:
        self._functions = functions
        self._sessions = sessions

    async def call(
        self, mapped: MappedRequest, payload: bytes, headers: Mapping[str, str] = _NO_HEADERS
    ) -> FunctionAnswer:
        """Return what the function answered.

        Raises:
            GatewayError: when it was not run: 504 in time, 500 for what the definition causes, else 502.
        """
        routed = mapped.routed
        definition = routed.method.integration
        variables = routed.located.stage.variables
        try:
            function_arn = _function_arn(fill_stage_variables(definition.uri or "", variables))
            role_arn = fill_stage_variables(definition.credentials or "", variables)
        except MappingError as error:
            raise configuration_error(str(error)) from error
        if parse_arn(function_arn).account_id != routed.located.deployment.api.account_id:
            raise configuration_error(f"Invalid permissions on Lambda function: {function_arn} is of another account")
        if role_arn:
            await self._sessions.check(mapped, role_arn, AccessCheck("lambda:InvokeFunction", function_arn))
        log_request(routed, definition.uri or "", headers.items(), payload)
        try:
            answer = await self._functions.invoke(
                function_arn, payload, headers=headers, timeout_s=definition.timeout_in_millis / 1000
            )
        except FunctionUnavailableError as error:
            raise _failure(error) from error
        log_answer(routed, (), answer.payload)
        return answer

    async def integrate(self, mapped: MappedRequest) -> IntegrationAnswer:
        """Return the function's answer to the mapped body, for response selection.

        Selection patterns are compared with the `errorMessage` of a function that failed, and with nothing otherwise.
        """
        if mapped.query:
            raise configuration_error("query strings cannot be passed to Lambda functions")
        answer = await self.call(mapped, mapped.body or b"{}", mapped.headers)
        match_text = None if answer.error is None else _error_message(answer.payload)
        return IntegrationAnswer(answer.status, (("Content-Type", JSON),), answer.payload, match_text, traced=True)


def _function_arn(uri: str) -> str:
    found = function_of(uri)
    if found is None:
        raise MappingError("Invalid endpoint address: the URI names no Lambda function")
    return found


def _failure(error: FunctionUnavailableError) -> GatewayError:
    if isinstance(error, FunctionTimeoutError):
        return GatewayError("INTEGRATION_TIMEOUT", reason=str(error))
    if error.status in _REFUSALS:
        return configuration_error(f"Invalid permissions on Lambda function: {error}")
    return GatewayError("INTEGRATION_FAILURE", reason=str(error), status=502)


def _error_message(payload: bytes) -> str:
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    message = document.get("errorMessage") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""
