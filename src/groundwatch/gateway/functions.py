"""Calling Lambda functions: where they are is the operator's setting `lambda_url`, which one is the definition's ARN.

Requests are signed with the credentials of this process, found as the SDK finds them; a compatible endpoint is called
unsigned when there are none. Roles that definitions name mean nothing to it and are checked by whoever calls.
"""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import botocore.session
import msgspec
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from groundwatch.aws.arn import parse_arn

OFF = "off"
AWS = "aws"
MAX_CALLS = 64
"""Calls at the same time; more wait for their turn."""
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 30
"""A second more than any integration may take, so that the gateway's own limit decides."""
_FUNCTION_URI = re.compile(
    r"arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/"
    r"(?P<arn>arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_.:$-]+)/invocations"
)


class FunctionAnswer(msgspec.Struct, frozen=True):
    """What a function returned."""

    payload: bytes
    error: str | None = None
    """`Handled` or `Unhandled` when the function failed; the payload then describes the failure."""


class FunctionUnavailableError(Exception):
    """A function could not be run: no endpoint, no connection, no such function, or the endpoint refused."""


class Functions(Protocol):
    """Runs functions."""

    async def invoke(self, function_arn: str, payload: bytes) -> FunctionAnswer:
        """Run a function with a JSON document and wait for its answer.

        Raises:
            FunctionUnavailableError: when it was not run, or its answer did not arrive.
        """


def function_of(uri: str) -> str | None:
    """Return the ARN of the function that a Lambda URI of the gateway names, or None when it is no such URI."""
    match = _FUNCTION_URI.fullmatch(uri)
    return match["arn"] if match else None


class LambdaFunctions:
    """Functions behind the Lambda API: at AWS, in the region of the function, or at a compatible endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = botocore.session.Session()
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._executor = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="function")

    async def invoke(self, function_arn: str, payload: bytes) -> FunctionAnswer:
        """Run a function and wait for its answer; raises FunctionUnavailableError."""
        if self._endpoint == OFF:
            raise FunctionUnavailableError("no endpoint is set for Lambda functions (lambda_url)")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._invoke, function_arn, payload)

    def close(self) -> None:
        """Close the connections; calls must have been answered."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _invoke(self, function_arn: str, payload: bytes) -> FunctionAnswer:
        try:
            client = self._client(parse_arn(function_arn).region)
            answer = client.invoke(FunctionName=function_arn, InvocationType="RequestResponse", Payload=payload)
            return FunctionAnswer(answer["Payload"].read(), answer.get("FunctionError"))
        except (BotoCoreError, ClientError, ValueError) as error:
            raise FunctionUnavailableError(f"{function_arn} was not run: {error}") from error

    def _client(self, region: str) -> Any:  # noqa: ANN401 - botocore has no types
        # A session is not safe to make clients from in several threads.
        with self._lock:
            client = self._clients.get(region)
            if client is None:
                client = self._clients[region] = self._connect(region)
            return client

    def _connect(self, region: str) -> Any:  # noqa: ANN401 - botocore has no types
        elsewhere = self._endpoint != AWS
        unsigned = elsewhere and self._session.get_credentials() is None
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 1},
            max_pool_connections=MAX_CALLS,
            signature_version=UNSIGNED if unsigned else None,
        )
        url = self._endpoint if elsewhere else None
        return self._session.create_client("lambda", region_name=region, endpoint_url=url, config=config)
