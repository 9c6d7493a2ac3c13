"""The page on filter patterns says what happens."""

import io
import re
import sys
from pathlib import Path

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.cli import main
from groundwatch.logs.patterns.parse import parse_pattern

PAGE = (Path(__file__).parents[3] / "docs" / "filter-patterns.md").read_text(encoding="utf-8")
REFUSALS = re.findall(r"^\| `(.+)` \| `(Invalid filter pattern.*)` \|$", PAGE, re.MULTILINE)
EXAMPLES = re.findall(
    r"^```console\n\$ echo '(.+)' \| groundwatch pattern '(.+)'\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE
)


def test_the_page_has_examples():
    assert len(REFUSALS) >= 3
    assert EXAMPLES


@pytest.mark.parametrize(("pattern", "message"), REFUSALS)
def test_refusals(pattern, message):
    with pytest.raises(ServiceError) as caught:
        parse_pattern(pattern)
    assert caught.value.message == message


@pytest.mark.parametrize(("line", "pattern", "printed"), EXAMPLES)
def test_examples(line, pattern, printed, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{line}\n".encode())))
    main(["pattern", pattern])
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("pattern", re.findall(r"^([\[{] .*|\[.*\])$", PAGE, re.MULTILINE))
def test_patterns_of_the_page_parse(pattern):
    parse_pattern(pattern)
