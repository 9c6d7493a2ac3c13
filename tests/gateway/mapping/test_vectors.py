"""Renderings of the service, as recorded or reproduced with its libraries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VECTORS = json.loads(Path(__file__).with_name("template_vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in VECTORS])
def test_rendering_of_the_service(vector: dict[str, Any], render: Callable[..., str]) -> None:
    given = dict(vector["input"])
    assert render(vector["template"], given.pop("body"), **given) == vector["expected"]


def test_all_vectors_are_here() -> None:
    assert len(VECTORS) == 51
