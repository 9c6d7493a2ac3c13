"""The integration types that this gateway carries out; a type that is not here is refused at run time."""

from __future__ import annotations

from collections.abc import Mapping

from groundwatch.gateway.integrations.aws import AwsIntegration
from groundwatch.gateway.integrations.base import Integration, Upstreams
from groundwatch.gateway.integrations.function_calls import FunctionCalls
from groundwatch.gateway.integrations.http import HttpIntegration
from groundwatch.gateway.integrations.lambda_proxy import LambdaProxyIntegration
from groundwatch.gateway.integrations.mock import MockIntegration
from groundwatch.gateway.integrations.roles import RoleSessions
from groundwatch.gateway.integrations.upstream import UpstreamCalls


def integrations_by_type(upstreams: Upstreams) -> Mapping[str, Integration]:
    """Return the integration of each type, as named in the definition."""
    sessions = RoleSessions(upstreams.roles, upstreams.authorizer)
    functions = FunctionCalls(upstreams.functions, sessions)
    elsewhere = UpstreamCalls(upstreams.upstream, sessions) if upstreams.upstream else None
    return {
        "AWS": AwsIntegration(upstreams.services, sessions, functions, elsewhere),
        "AWS_PROXY": LambdaProxyIntegration(functions),
        "HTTP": HttpIntegration(upstreams.web, upstreams.private, forward=False),
        "HTTP_PROXY": HttpIntegration(upstreams.web, upstreams.private, forward=True),
        "MOCK": MockIntegration(),
    }
