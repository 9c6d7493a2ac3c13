"""The settings of clients on the page about them can be read."""

import json
import re
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
READERS = {"json": json.loads, "toml": tomllib.loads}


@pytest.mark.parametrize(
    ("language", "text"),
    [found.groups() for found in re.finditer(r"^```(json|toml)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)],
    ids=lambda part: part.split("\n")[0],
)
def test_a_block_is_well_formed(language, text):
    assert isinstance(READERS[language](text), dict)
