"""Where a document must hold a mapping: anything else there would be read as nothing at all."""

from __future__ import annotations

from groundwatch.gateway.openapi import extensions
from groundwatch.gateway.openapi.dialects import text
from groundwatch.gateway.openapi.document import Tree
from groundwatch.gateway.openapi.findings import Findings

Step = str | frozenset[str]
"""A member's name, `*` for every member but extensions, or a choice of names."""

VERBS = ("get", "put", "post", "delete", "options", "head", "patch")
_OPERATIONS = frozenset((*VERBS, extensions.ANY_METHOD))
_INTEGRATION: tuple[Step, ...] = ("paths", "*", _OPERATIONS, extensions.INTEGRATION)
_RESPONSE: tuple[Step, ...] = ("paths", "*", _OPERATIONS, "responses", "*")
_MAPS = frozenset(("requestParameters", "requestTemplates", "responseParameters", "responseTemplates", "tlsConfig"))

MAPPINGS: tuple[tuple[Step, ...], ...] = (
    ("info",),
    _RESPONSE,
    (*_RESPONSE, frozenset(("headers", "content"))),
    (*_RESPONSE, "content", "*"),
    ("paths", "*", _OPERATIONS, "requestBody", "content", "*"),
    (*_INTEGRATION, _MAPS),
    (*_INTEGRATION, "responses", "*", _MAPS),
    ("components", frozenset(("securitySchemes", "parameters", "responses", "requestBodies", "headers")), "*"),
    ("securityDefinitions", "*"),
    (extensions.VALIDATORS, "*"),
    (extensions.GATEWAY_RESPONSES, "*", _MAPS),
    (extensions.DOCUMENTATION,),
)
"""Every step of every row leads to a mapping, or to nothing."""


def check_shapes(document: Tree, findings: Findings) -> None:
    """Note an error for every place that holds something else than the mapping that belongs there; null is nothing."""
    faulty: dict[str, None] = {}
    for steps in MAPPINGS:
        _descend(document, steps, "", faulty)
    for place in faulty:
        findings.error(f"Invalid {place} specified: a mapping is expected")


def _descend(holder: Tree, steps: tuple[Step, ...], place: str, faulty: dict[str, None]) -> None:
    if not steps:
        return
    for name in _names(holder, steps[0]):
        held, here = holder[name], f"{place}.{name}" if place else name
        if isinstance(held, dict):
            _descend(held, steps[1:], here, faulty)
        elif held is not None:
            faulty[here] = None


def _names(holder: Tree, step: Step) -> list[str]:
    if step == "*":
        return [name for name in holder if not text(name).startswith("x-")]
    wanted = {step} if isinstance(step, str) else step
    return [name for name in holder if name in wanted]
