"""Programs of Debian packages, unpacked beside the system: nothing is installed, and no root is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.cache import filled

FETCH_TIMEOUT_S = 120


@dataclass(frozen=True)
class Unpacked:
    """A root directory with some packages in it; empty where the system has them installed."""

    root: Path

    def program(self, path: str) -> str:
        """Return where `usr/bin/x` is."""
        return str(self.root / path)

    def environment(self) -> dict[str, str]:
        """Return what its programs need to find one another, their libraries and Python modules."""
        programs = [str(self.root / part) for part in ("usr/bin", "usr/sbin")]
        return {
            "PATH": ":".join([*programs, "/usr/bin", "/usr/sbin", "/bin", "/sbin"]),
            "LD_LIBRARY_PATH": str(next(iter(self.root.glob("usr/lib/*-linux-*")), self.root)),
            "PYTHONPATH": str(self.root / "usr/lib/python3/dist-packages"),
        }


def unpack(cache: Path, program: str, *packages: str) -> Unpacked:
    """Return where `program` (such as `usr/bin/aws`) of these packages is; skip the test where they cannot be had."""
    if (Path("/") / program).exists():
        return Unpacked(Path("/"))
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip(f"{Path(program).name} is not installed, and this is no Debian to fetch {packages[0]} from")
    return Unpacked(filled(cache / f"debian-{packages[0]}", lambda root: _fetch(root, packages)))


def _fetch(root: Path, packages: tuple[str, ...]) -> None:
    try:
        plan = _run(root, "apt-get", "install", "--simulate", "--no-install-recommends", *packages)
        needed = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
        _run(root, "apt-get", "download", *needed)
        for archive in root.glob("*.deb"):
            _run(root, "dpkg", "-x", str(archive), str(root))
            archive.unlink()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        reason = (error.stderr or "").strip().splitlines()[-1:] or [str(error)]
        pytest.skip(f"the Debian package {packages[0]} cannot be fetched (apt-get update?): {reason[0]}")


def _run(directory: Path, *words: str) -> str:
    environment = os.environ | {"LC_ALL": "C"}
    done = subprocess.run(
        words, cwd=directory, env=environment, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=True
    )
    return done.stdout
