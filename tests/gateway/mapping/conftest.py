"""Fixtures for template tests: one call that renders a template with hand-made variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from groundwatch.gateway.mapping.budget import Budget
from groundwatch.gateway.mapping.template import Template
from groundwatch.gateway.mapping.values import ContextMap
from groundwatch.gateway.mapping.variables import InputVariable, template_scope


def _context(value: Any) -> Any:
    return ContextMap({k: _context(v) for k, v in value.items()}) if isinstance(value, dict) else value


@pytest.fixture
def render() -> Callable[..., str]:
    def run(template: str, body: str | None = None, *, steps: int = 1_000_000, **given: Any) -> str:
        headers = given.get("header", {})
        variable = InputVariable(
            body or "",
            path=given.get("path", {}),
            querystring={name: [value] for name, value in given.get("querystring", {}).items()},
            header={name.lower(): [value] for name, value in headers.items()},
            spelling={name.lower(): name for name in headers},
        )
        context = _context(given.get("context", {}))
        scope = template_scope(variable, context, given.get("stageVariables", {}))
        return Template(template).render(scope, Budget(steps))

    return run
