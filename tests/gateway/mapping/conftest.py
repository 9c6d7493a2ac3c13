"""Fixtures for template tests: one call that renders a template with hand-made variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.values import ContextMap, HeaderMap
from groundwatch.gateway.mapping.variables import InputVariable, template_scope


def _context(value: Any) -> Any:
    return ContextMap({k: _context(v) for k, v in value.items()}) if isinstance(value, dict) else value


@pytest.fixture
def render() -> Callable[..., str]:
    def run(template: str, body: str | None = None, *, steps: int = 1_000_000, **given: Any) -> str:
        variable = InputVariable(
            body or "",
            path=given.get("path", {}),
            querystring=given.get("querystring", {}),
            header=HeaderMap(given.get("header", {})),
        )
        context = _context(given.get("context", {}))
        scope = template_scope(variable, context, given.get("stageVariables", {}))
        return Template(template).render(scope, Budget(steps))

    return run
