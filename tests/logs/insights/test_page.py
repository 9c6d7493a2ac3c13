from pathlib import Path

from groundwatch.cli.docs import with_generated_part
from groundwatch.insights_page import PART, language

PAGE = Path(__file__).parents[3] / "docs" / "insights.md"


def test_the_page_is_fresh():
    page = PAGE.read_text()
    assert with_generated_part(page, PART, language()) == page, "run `make docs`"
