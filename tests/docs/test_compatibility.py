"""docs/compatibility.md says what the code says."""

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"


def test_the_page_is_fresh(tmp_path):
    # A process of its own: the embedded engine opens one directory a process.
    fresh = tmp_path / "compatibility.md"
    command = [sys.executable, "-m", "groundwatch.compatibility_page", str(fresh)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert PAGE.read_text("utf-8") == fresh.read_text("utf-8"), "run `make docs` and commit docs/compatibility.md"
