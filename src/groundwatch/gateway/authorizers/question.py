"""The question that every policy is asked: may this caller do `execute-api:Invoke` on this method?"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from groundwatch.aws.context import AccessCheck, Principal, RequestContext
from groundwatch.gateway.authorizers.guards import Decision
from groundwatch.gateway.runtime.errors import GatewayError, uri_too_long
from groundwatch.gateway.runtime.stages import Routed

ACTION = "execute-api:Invoke"
ANONYMOUS = Principal("", "anonymous", "Anonymous", "anonymous")
"""The caller of everything but `AWS_IAM` methods, as resource policies see it."""
_PATH_CHARACTERS = "!$&'()*+,;=:@-._~"
_EXPLICIT = "explicitDeny"
MAX_ARN_BYTES = 1600
"""For methods that somebody must be allowed to call; the limit is that of "Amazon API Gateway quotas"."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request for a method, as policies are asked about it."""

    routed: Routed
    method_arn: str

    @classmethod
    def of(cls, routed: Routed) -> Question:
        """Return the question about a request; raises 414 when its path makes the ARN of the method too long."""
        arn = method_arn(routed)
        if len(arn) > MAX_ARN_BYTES:
            raise uri_too_long(f"the ARN of the method has more than {MAX_ARN_BYTES} bytes")
        return cls(routed, arn)

    @property
    def policy(self) -> str | None:
        """The resource policy of the API."""
        return self.routed.located.deployment.api.policy

    def check(self) -> AccessCheck:
        """Return action, resource and the keys that only this service knows."""
        referer = self.routed.exchange.request.header("referer")
        return AccessCheck(ACTION, self.method_arn, {} if referer is None else {"aws:Referer": [referer]})

    def context(self, principal: Principal) -> RequestContext:
        """Return the circumstances of the request, made by `principal`."""
        api, exchange = self.routed.located.deployment.api, self.routed.exchange
        return RequestContext(
            account_id=api.account_id,
            region=api.region,
            request_id=exchange.request_id,
            principal=principal,
            source_ip=exchange.request.source_ip,
            user_agent=exchange.request.header("user-agent") or "",
            secure=exchange.request.secure,
            received_ms=exchange.received_ms,
        )

    def refusal(self, principal: Principal, decision: Decision) -> GatewayError:
        """Return the answer to a caller whom the policies do not let in."""
        denied = f"User: {principal.arn} is not authorized to perform: {ACTION} on resource: {masked(self.method_arn)}"
        return GatewayError("ACCESS_DENIED", denied + explicitly(decision), reason=f"{self.method_arn}: {decision}")


def method_arn(routed: Routed) -> str:
    """Return the ARN of the method as it was called, its path in one form however the client wrote it.

    Routing does not mind repeated slashes or needless escapes, so that a policy must not mind them either: `%61dmin`
    and `//admin/` are `admin`. An escaped slash stays escaped, so that a parameter cannot pass for a deeper path.
    """
    api, target = routed.located.deployment.api, routed.exchange.target
    segments = (quote(unquote(segment), safe=_PATH_CHARACTERS) for segment in target.path.split("/") if segment)
    place = f"{api.id}/{target.stage_name}/{routed.exchange.method}/{'/'.join(segments)}"
    return f"arn:aws:execute-api:{api.region}:{api.account_id}:{place}"


def masked(arn: str) -> str:
    """Return an ARN with all but the last four digits of its account hidden."""
    parts = arn.split(":", 5)
    parts[4] = "*" * 8 + parts[4][-4:]
    return ":".join(parts)


def explicitly(decision: Decision) -> str:
    """Return how a refusal ends: with the service's words for a Deny."""
    return " with an explicit deny" if decision.outcome == _EXPLICIT else ""


def is_explicit(decision: Decision) -> bool:
    """Tell whether a policy forbids the call, rather than being silent about it."""
    return decision.outcome == _EXPLICIT
