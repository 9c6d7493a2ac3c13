"""The pages on settings and commands say what the code does."""

from pathlib import Path

import pytest

from groundwatch.cli import docs

PAGES = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", docs.PARTS)
def test_generated_parts_are_fresh(page):
    name, generate = docs.PARTS[page]
    text = (PAGES / page).read_text("utf-8")
    assert docs.with_generated_part(text, name, generate()) == text, "run `python -m groundwatch.cli.docs docs`"


def test_main_rewrites_the_pages(tmp_path):
    for page, (name, _) in docs.PARTS.items():
        (tmp_path / page).write_text(f"a\n<!-- generated: {name} -->\nold\n<!-- end of generated part -->\nb\n")
    docs.main(tmp_path)
    text = (tmp_path / "cli.md").read_text("utf-8")
    assert text.startswith("a\n")
    assert text.endswith("\nb\n")
    assert "## groundwatch put" in text
    assert "\nold\n" not in text


def test_a_page_without_its_part_is_refused():
    with pytest.raises(ValueError, match="0 parts called help"):
        docs.with_generated_part("x", "help", "y")
