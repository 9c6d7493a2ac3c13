"""The commands of the example of tenants do what its page says, with a real issuer of tokens."""

from pathlib import Path

import pytest
from tests.issuer import running_issuer

PAGE = Path(__file__).parents[2] / "examples" / "tenants" / "README.md"
DOCUMENTED_ISSUER = "https://login.example.com"


@pytest.fixture
def issuer(monkeypatch):
    with running_issuer() as running:
        monkeypatch.setenv("GROUNDWATCH_JWT_ISSUERS", f"us-east-1_customers={running.url}")
        yield running


@pytest.mark.timeout(300)
def test_the_commands_work_and_print_what_the_page_shows(issuer, check_page):
    check_page(PAGE, {DOCUMENTED_ISSUER: issuer.url})
