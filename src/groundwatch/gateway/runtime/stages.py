"""The stages of a request: what each step of the pipeline has established, as a value of its own type.

    Arrived → Located → Routed → Authorized → Admitted → Validated → MappedRequest → Integrated → Selected → Answered
                                                                 └→ ServedFromCache

A stage is made by exactly one step and holds the stage before it, so a later one can only exist where the earlier steps
have run. `reached(stage, Routed)` finds an earlier stage when it is not known how far a request came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from groundwatch.aws.context import Principal
from groundwatch.aws.http import WireResponse
from groundwatch.gateway.definition import ApiKey, Stage
from groundwatch.gateway.integrations.answer import IntegrationAnswer
from groundwatch.gateway.mapping.values import VtlValue
from groundwatch.gateway.runtime.compiled import CompiledDeployment, CompiledMethod, CompiledResponse
from groundwatch.gateway.runtime.exchange import Exchange
from groundwatch.gateway.runtime.overrides import Overrides


class Arrived(msgspec.Struct, frozen=True):
    """A request with its ids; nothing is known of the API."""

    exchange: Exchange


class Located(msgspec.Struct, frozen=True):
    """The stage exists, and this is its deployment."""

    previous: Arrived
    stage: Stage
    """As the request sees it: a canary has its own values of variables."""
    deployment: CompiledDeployment
    is_canary: bool | None = None
    """Whether the canary answers; None where the stage has none."""


class Routed(msgspec.Struct, frozen=True):
    """The resource and method exist."""

    previous: Located
    exchange: Exchange
    """The request; here since everything that follows asks for it, two dozen times."""
    method: CompiledMethod
    path_parameters: dict[str, str]
    """Percent-decoded."""
    raw_path_parameters: dict[str, str] = msgspec.field(default_factory=dict)
    """As received."""

    @property
    def located(self) -> Located:
        """The stage of the API."""
        return self.previous


class Authorized(msgspec.Struct, frozen=True):
    """The caller may use the method."""

    previous: Routed
    principal: Principal | None
    """Who signed the request; None where no signature is asked for."""
    access_key_id: str | None = None
    authorizer: Mapping[str, VtlValue] = msgspec.field(default_factory=dict)
    """`$context.authorizer`: what an authorizer said of the caller."""
    usage_identifier_key: str | None = None
    """The API key that an authorizer named for the caller."""


class Admitted(msgspec.Struct, frozen=True):
    """The API key, where one is needed, opens this stage."""

    previous: Authorized
    api_key: ApiKey | None


class Validated(msgspec.Struct, frozen=True):
    """What the method's validator demands is there."""

    previous: Admitted
    body: bytes
    """The client's payload without content codings."""


class MappedRequest(msgspec.Struct, frozen=True):
    """What the integration shall do."""

    previous: Validated
    routed: Routed
    """The method."""
    path: dict[str, str]
    """Values for the `{name}` placeholders of the URI."""
    query: list[tuple[str, str]]
    headers: dict[str, str]
    """By name as mapped; without the gateway's own headers."""
    body: bytes
    overrides: Overrides


class Integrated(msgspec.Struct, frozen=True):
    """The integration has answered."""

    previous: MappedRequest
    answer: IntegrationAnswer
    latency_ms: int


class Selected(msgspec.Struct, frozen=True):
    """This integration response fits the answer; None for proxies, whose answers pass as they are."""

    previous: Integrated
    response: CompiledResponse | None


class Answered(msgspec.Struct, frozen=True):
    """The client's answer."""

    previous: Selected
    response: WireResponse


class ServedFromCache(msgspec.Struct, frozen=True):
    """The stage's cache had the client's answer; nothing was called."""

    previous: Validated
    response: WireResponse


AnyStage = (
    Arrived
    | Located
    | Routed
    | Authorized
    | Admitted
    | Validated
    | MappedRequest
    | Integrated
    | Selected
    | Answered
    | ServedFromCache
)
S = TypeVar("S", bound=AnyStage)


def reached(stage: AnyStage, kind: type[S]) -> S | None:
    """Return the stage of that kind on the way to `stage`, or None when the request did not get there."""
    current: Any = stage
    while type(current) is not kind:
        if type(current) is Arrived:
            return None
        current = current.previous
    found: S = current
    return found


def stages_of(stage: AnyStage) -> dict[type, Any]:
    """Return all stages on the way to `stage` by their kind, for those who need many."""
    found: dict[type, Any] = {type(stage): stage}
    current: Any = stage
    while type(current) is not Arrived:
        current = current.previous
        found[type(current)] = current
    return found


def exchange_of(stage: AnyStage) -> Exchange:
    """Return the request of any stage."""
    current: Any = stage
    while type(current) is not Arrived:
        current = current.previous
    exchange: Exchange = current.exchange
    return exchange
