"""What the control plane asks of the runtime: run a method of the current definition, and forget what is cached.

The control plane calls it and turns the answer into the model's members; the runtime implements it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from groundwatch.aws.context import RequestContext
from groundwatch.gateway.definition import Authorizer, Method, Resource, RestApi


class TestRequest(msgspec.Struct, frozen=True):
    """The request that the caller made up; absent members are None or empty."""

    path_with_query_string: str | None = None
    """As a client would send it, such as `/pets/5?limit=2`; None leaves path parameters unfilled."""
    body: str | None = None
    headers: dict[str, str] = {}
    multi_value_headers: dict[str, list[str]] = {}
    stage_variables: dict[str, str] = {}
    client_certificate_id: str | None = None
    """What HTTP backends are shown, as a stage would."""

    __test__ = False


def test_request(
    path_with_query_string: str | None,
    body: str | None,
    headers: Mapping[str, str] | None,
    multi_value_headers: Mapping[str, Sequence[str]] | None,
    stage_variables: Mapping[str, str] | None,
) -> TestRequest:
    """Return the request that the members of a Test operation make up."""
    return TestRequest(
        path_with_query_string=path_with_query_string,
        body=body,
        headers=dict(headers or {}),
        multi_value_headers={name: list(values) for name, values in (multi_value_headers or {}).items()},
        stage_variables=dict(stage_variables or {}),
    )


class TestResult(msgspec.Struct, frozen=True):
    """What the method would have answered, with its execution log."""

    status: int
    body: str
    headers: dict[str, str]
    multi_value_headers: dict[str, list[str]]
    latency_ms: int
    log: str
    """The execution log, one line a step, ending in a newline."""

    __test__ = False


class AuthorizerTestResult(msgspec.Struct, frozen=True):
    """What an authorizer decided, and how."""

    client_status: int
    """The status that a client would get before the method runs: 200 when it may go on."""
    latency_ms: int
    log: str
    principal_id: str | None = None
    policy: str | None = None
    """The policy document of a function."""
    claims: dict[str, str] = {}
    """The claims of a token."""

    __test__ = False


class TestInvoker(Protocol):
    """Runs a method as it is defined now; authorizers, API keys and throttling are skipped."""

    async def test_invoke(
        self, api: RestApi, resource: Resource, method: Method, request: TestRequest, context: RequestContext
    ) -> TestResult:
        """Return the answer and the log; a method that fails is a result with its error status, not an exception."""

    async def test_authorizer(
        self, api: RestApi, authorizer: Authorizer, request: TestRequest, context: RequestContext
    ) -> AuthorizerTestResult:
        """Return what the authorizer says of the request; its failures are results too."""


class StageCaches(Protocol):
    """What the runtime keeps of a stage's answers."""

    def flush_data(self, api_id: str, stage_name: str) -> None:
        """Forget all cached responses of a stage."""

    def flush_authorizers(self, api_id: str, stage_name: str) -> None:
        """Forget all results of authorizers that are kept for a stage."""
