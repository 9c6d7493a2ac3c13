"""The table of costs adds up: every figure follows from the prices and the load that the page names."""

from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
DAYS = 30
GIGABYTES = (1, 10, 100)
IN_PER_GB, STORED_PER_GB, COMPRESSED, SCANNED_PER_GB = 0.50, 0.03, 0.15, 0.005
QUERIES_A_DAY, REQUESTS_A_DAY, PER_MILLION = 20, 100_000, 3.50
MACHINE, DISK_GB, OTHER_GB, DISK_PER_GB, RATIO = 24.0, 80, 20, 0.10, 7.2


def aws(daily_gb):
    return {
        "CloudWatch Logs, in": DAYS * daily_gb * IN_PER_GB,
        "CloudWatch Logs, stored": DAYS * daily_gb * COMPRESSED * STORED_PER_GB,
        "Insights": DAYS * QUERIES_A_DAY * daily_gb * SCANNED_PER_GB,
        "API Gateway": DAYS * REQUESTS_A_DAY / 1_000_000 * PER_MILLION,
    }


def own(daily_gb):
    needed = DAYS * daily_gb / RATIO + OTHER_GB
    return {"machine": MACHINE, "more disk": max(0.0, needed - DISK_GB) * DISK_PER_GB}


def expected(daily_gb):
    there, here = aws(daily_gb), own(daily_gb)
    return {**there, "AWS": sum(there.values()), **here, "on your own ground": sum(here.values())}


def rows():
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip().strip("*") for cell in line.strip("|").split("|")]
        if line.startswith("|") and "$" in line:
            yield cells[0], [float(cell.replace("$", "").replace(",", "")) for cell in cells[1:]]


@pytest.mark.parametrize(("name", "figures"), list(rows()))
def test_figures(name, figures):
    # Half a cent is rounded up on the page.
    assert figures == pytest.approx([expected(daily_gb)[name] for daily_gb in GIGABYTES], abs=0.0051)


def test_no_row_is_missing():
    assert {name for name, _ in rows()} == expected(1).keys()
