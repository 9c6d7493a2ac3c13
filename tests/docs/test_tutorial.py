"""The commands of the tutorial, of the README and of the page on clients do what the pages say."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/three-ways.md", "docs/clients.md"])
def test_the_commands_work_and_print_what_the_page_shows(check_page, page):
    check_page(ROOT / page)
