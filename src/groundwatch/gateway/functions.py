"""Calling Lambda functions: where they are is the operator's setting `lambda_url`, which one is the definition's ARN.

Requests are signed with the credentials of this process, found as the SDK finds them; a compatible endpoint is called
unsigned when there are none. Roles that definitions name mean nothing to it and are checked by whoever calls.

    FunctionUnavailableError     a function was not run
    └── FunctionTimeoutError     its answer did not arrive in time
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from groundwatch.aws.arn import parse_arn
from groundwatch.gateway.upstream.credentials import OwnCredentials, UpstreamCredentialsError
from groundwatch.outbound import OutboundAnswer, OutboundClient, OutboundError, OutboundTimeoutError

OFF = "off"
AWS = "aws"
TIMEOUT_S = 30
"""A second more than any integration may take, so that the gateway's own limit decides."""
_FUNCTION_URI = re.compile(
    r"arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/+2015-03-31/functions/"
    r"(?P<arn>arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_.:$-]+)/invocations"
)
_NO_HEADERS: Mapping[str, str] = {}


class FunctionAnswer(msgspec.Struct, frozen=True):
    """What a function returned."""

    payload: bytes
    error: str | None = None
    """`Handled` or `Unhandled` when the function failed; the payload then describes the failure."""
    status: int = 200
    """202 for an event that was only queued."""


class FunctionUnavailableError(Exception):
    """A function could not be run: no endpoint, no connection, no such function, or the endpoint refused.

    `status` is what the endpoint answered, None when it did not answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class FunctionTimeoutError(FunctionUnavailableError):
    """The answer did not arrive in time."""


class Functions(Protocol):
    """Runs functions."""

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        timeout_s: float = TIMEOUT_S,
    ) -> FunctionAnswer:
        """Run a function with a JSON document and wait for its answer.

        `headers` are those of the Invoke operation, such as `X-Amz-Invocation-Type`.

        Raises:
            FunctionUnavailableError: when it was not run, or its answer did not arrive.
        """


def function_of(uri: str) -> str | None:
    """Return the ARN of the function that a Lambda URI of the gateway names, or None when it is no such URI."""
    match = _FUNCTION_URI.fullmatch(uri)
    return match["arn"] if match else None


class LambdaFunctions:
    """Functions behind the Lambda API: at AWS, in the region of the function, or at a compatible endpoint.

    `client` must be allowed to reach the endpoint, which is the operator's and may be private.
    """

    def __init__(self, endpoint: str, client: OutboundClient, credentials: OwnCredentials) -> None:
        self._endpoint = endpoint
        self._client = client
        self._credentials = credentials

    async def invoke(
        self,
        function_arn: str,
        payload: bytes,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        timeout_s: float = TIMEOUT_S,
    ) -> FunctionAnswer:
        """Run a function and wait for its answer; raises FunctionUnavailableError."""
        if self._endpoint == OFF:
            raise FunctionUnavailableError("no endpoint is set for Lambda functions (lambda_url)")
        try:
            region = parse_arn(function_arn).region
            request = self._request(function_arn, region, payload, headers)
            await self._sign(request, region)
            answer = await self._client.send(
                "POST", request.url, headers=list(request.headers.items()), body=payload, timeout_s=timeout_s
            )
        except OutboundTimeoutError as error:
            raise FunctionTimeoutError(f"{function_arn} did not answer: {error}") from error
        except (OutboundError, UpstreamCredentialsError, ValueError) as error:
            raise FunctionUnavailableError(f"{function_arn} was not run: {error}") from error
        return _function_answer(function_arn, answer)

    def _request(self, function_arn: str, region: str, payload: bytes, headers: Mapping[str, str]) -> AWSRequest:
        base = f"https://lambda.{region}.amazonaws.com" if self._endpoint == AWS else self._endpoint.rstrip("/")
        url = f"{base}/2015-03-31/functions/{quote(function_arn, safe='')}/invocations"
        return AWSRequest("POST", url, {"Content-Type": "application/json", **headers}, payload)

    async def _sign(self, request: AWSRequest, region: str) -> None:
        keys = await self._credentials.find()
        # Stand-ins for Lambda take unsigned calls; AWS itself would refuse them with less of an explanation.
        if keys is not None:
            SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "lambda", region).add_auth(request)
        elif self._endpoint == AWS:
            raise FunctionUnavailableError("this process has no AWS credentials to call functions with")


def _function_answer(function_arn: str, answer: OutboundAnswer) -> FunctionAnswer:
    if not 200 <= answer.status < 300:
        reason = answer.header("x-amzn-errortype") or answer.body[:200].decode("utf-8", "replace")
        raise FunctionUnavailableError(f"{function_arn} was not run: {answer.status} {reason}", answer.status)
    return FunctionAnswer(answer.body, answer.header("x-amz-function-error"), answer.status)
