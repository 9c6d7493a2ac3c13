"""What would be decided, and why: the evaluator run on policies and circumstances that a caller describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from groundwatch.identity.policy.document import Effect, Policy
from groundwatch.identity.policy.evaluate import (
    Decision,
    PolicyRequest,
    PolicySet,
    deciding_statements,
    evaluate,
)
from groundwatch.identity.policy.keys import RequestKeys
from groundwatch.identity.policy.positions import Span
from groundwatch.identity.policy.principals import Caller

SourceType = Literal["user", "group", "role", "aws-managed", "user-managed", "resource", "none"]


class Source(msgspec.Struct, frozen=True):
    """A policy and where it comes from."""

    source_id: str
    """Such as `PolicyInputList.1`, or the name of an attached policy."""
    source_type: SourceType
    text: str
    policy: Policy
    spans: tuple[Span, ...]
    """Where in the text the statements stand."""


class Scene(msgspec.Struct, frozen=True):
    """Everything that decides but action and resource."""

    caller: Caller
    keys: RequestKeys
    sources: tuple[Source, ...] = ()
    """The identity policies."""
    boundaries: tuple[Source, ...] = ()
    """At most one: the permissions boundary."""
    resource: Source | None = None
    """The policy of the resource."""
    resource_account: str | None = None


class Match(msgspec.Struct, frozen=True):
    """A statement that the decision rests on."""

    source: Source
    span: Span


class Verdict(msgspec.Struct, frozen=True):
    """The decision on one action and one resource, and what it rests on."""

    action: str
    resource: str
    decision: Decision
    matches: tuple[Match, ...]
    missing_keys: tuple[str, ...]
    """Condition keys that policies for this action ask for and the scene lacks."""
    boundary_allows: bool | None
    """Whether the boundary lets the action pass; None without one."""


class _Recorder:
    """Answers like other keys, and remembers which were asked for in vain."""

    def __init__(self, keys: RequestKeys) -> None:
        self._keys = keys
        self.missing: dict[str, None] = {}

    def find(self, name: str) -> Sequence[str] | None:
        found = self._keys.find(name)
        if not found:
            self.missing[name] = None
        return found


def simulate(scene: Scene, action: str, resource: str) -> Verdict:
    """Decide as for a real request."""
    request = PolicyRequest(scene.caller, action, resource, scene.keys, scene.resource_account)
    decision = evaluate(request, _policy_set(scene))
    boundary_allows = None
    if scene.boundaries:
        alone = evaluate(request, PolicySet(identity=tuple(source.policy for source in scene.boundaries)))
        boundary_allows = alone.allowed
    return Verdict(
        action=action,
        resource=resource,
        decision=decision,
        matches=_matches(scene, request, decision),
        missing_keys=_missing_keys(scene, request),
        boundary_allows=boundary_allows,
    )


def _policy_set(scene: Scene) -> PolicySet:
    return PolicySet(
        identity=tuple(source.policy for source in scene.sources),
        boundary=scene.boundaries[0].policy if scene.boundaries else None,
        resource=scene.resource.policy if scene.resource else None,
    )


def _sources(scene: Scene) -> Iterable[Source]:
    return (*scene.sources, *scene.boundaries, *((scene.resource,) if scene.resource else ()))


def _matches(scene: Scene, request: PolicyRequest, decision: Decision) -> tuple[Match, ...]:
    effects: Mapping[str, Effect] = {"allowed": "Allow", "explicitDeny": "Deny"}
    effect = effects.get(decision.outcome)
    if effect is None:
        return ()
    return tuple(
        Match(source, source.spans[place])
        for source in _sources(scene)
        for place in deciding_statements(request, source.policy, effect)
    )


def _missing_keys(scene: Scene, request: PolicyRequest) -> tuple[str, ...]:
    recorder = _Recorder(scene.keys)
    service, _, name = request.action.lower().partition(":")
    for source in _sources(scene):
        for statement in source.policy.statements:
            if not statement.actions.match(service, name):
                continue
            # Every condition is asked, since each key that is missing counts, whatever the others say.
            if statement.resources is not None:
                statement.resources.match(request.resource, recorder)
            for condition in statement.conditions:
                condition.holds(recorder)
    return tuple(recorder.missing)
