"""Runs the shell commands of a page in one shell against a fresh server, and compares what they print.

A ```sh block is run. A ```text or ```json block that follows it at once is what it prints, apart from what differs from
run to run (`UNSTABLE`). ```console blocks are only for reading.

With UPDATE_DOCS=1 the printed blocks are written into the page instead of being compared.
"""

from __future__ import annotations

import difflib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent
BLOCK = re.compile(
    r"^```sh\n(?P<commands>.*?)^```\n(?:\n```(?:text|json)\n(?P<output>.*?)^```\n)?", re.DOTALL | re.MULTILINE
)
END_OF_BLOCK = "--- end of block ---"
DOCUMENTED_GATEWAY = "https://127.0.0.1:8443"
UNSTABLE = [
    (r"\b\d{56}\b", "EVENT-ID"),
    (r"\b1\d{12}\b", "MILLISECONDS"),
    (r"\b1\d{9}\b", "SECONDS"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", "TIME"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "REQUEST-ID"),
    (r"\b(AROA|AIDA|AKIA)[A-Z0-9]{10,}\b", r"\1-ID"),
    (r"matched, \d+\.\d s", "matched, SECONDS"),
    (r'("(id|cacheNamespace|rootResourceId|parentId)": )"[a-z0-9]{6,10}"', r'\1"ID"'),
]


@dataclass
class Documented:
    """One ```sh block."""

    commands: str
    expected: str | None


@dataclass
class DocumentedServer:
    """A server on free ports, and a directory that looks like a clone of the project in which it was started."""

    directory: Path
    gateway_url: str

    def run(self, blocks: list[Documented], places: Mapping[str, str]) -> list[str]:
        """Return what each block prints; all run in one shell, which ends at the first failure.

        `places` are addresses in the page and what is meant by them here.
        """
        script = "exec 2>&1\nset -euo pipefail\n"
        script += "\n".join(f"{block.commands}\nprintf '\\n%s\\n' '{END_OF_BLOCK}'" for block in blocks)
        for documented, meant in {DOCUMENTED_GATEWAY: self.gateway_url, **places}.items():
            script = script.replace(documented, meant)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"the page's commands fail:\n{done.stdout[-3000:]}"
        return [text.strip("\n") for text in done.stdout.split(f"\n{END_OF_BLOCK}\n")[:-1]]


@pytest.fixture
def documented_server(tmp_path) -> Iterator[DocumentedServer]:
    for name, target in {".venv": SCRIPTS.parent, "examples": ROOT / "examples"}.items():
        (tmp_path / name).symlink_to(target)
    command = [SCRIPTS / "groundwatch", "serve", "--service", "127.0.0.1:0", "--gateway", "127.0.0.1:0"]
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield DocumentedServer(tmp_path, _gateway_url(process, tmp_path / "server.log"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)


def _gateway_url(process: subprocess.Popen[str], log: Path) -> str:
    for line in process.stdout or ():
        if line.startswith("Gateway port"):
            return line.split()[2]
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def blocks_of(page: str) -> list[Documented]:
    return [Documented(found["commands"], found["output"]) for found in BLOCK.finditer(page)]


def stable(text: str) -> str:
    for pattern, name in UNSTABLE:
        text = re.sub(pattern, name, text)
    return text.strip("\n")


def difference(expected: str, printed: str) -> str:
    """Return what differs, empty when the page is right."""
    wanted, found = stable(expected).splitlines(), stable(printed).splitlines()
    return "\n".join(difflib.unified_diff(wanted, found, "page", "printed", lineterm=""))


def updated(page: str, printed: list[str]) -> str:
    """Return the page with what was printed in its printed blocks."""
    outputs = iter(printed)

    def replace(found: re.Match[str]) -> str:
        text = next(outputs)
        if found["output"] is None:
            return found[0]
        start, end = found.start("output") - found.start(), found.end("output") - found.start()
        return f"{found[0][:start]}{text}\n{found[0][end:]}"

    return BLOCK.sub(replace, page)


@pytest.fixture
def check_page(documented_server) -> Callable[..., None]:
    """Run a page's commands and compare, or, with UPDATE_DOCS=1, write what they print into the page."""

    def check(path: Path, places: Mapping[str, str] | None = None) -> None:
        page = path.read_text("utf-8")
        blocks = blocks_of(page)
        assert blocks, f"{path.name} has no sh blocks"
        url = documented_server.gateway_url
        printed = [text.replace(url, DOCUMENTED_GATEWAY) for text in documented_server.run(blocks, places or {})]
        if os.environ.get("UPDATE_DOCS"):
            path.write_text(updated(page, printed), "utf-8")
            return
        differences = [
            f"{block.commands}\n{found}"
            for block, text in zip(blocks, printed, strict=True)
            if block.expected is not None and (found := difference(block.expected, text))
        ]
        remedy = f"run `UPDATE_DOCS=1 make test ARGS=tests/docs` and read {path.name} before you commit it"
        assert not differences, "\n\n".join([*differences, remedy])

    return check
