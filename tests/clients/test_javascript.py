"""Clients from npm: the AWS SDK for JavaScript v3, winston-cloudwatch, pino-cloudwatch.

They are installed from `javascript/package-lock.json` into a cache outside of the repository, once for each state of
that file.
"""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.clients.cache import filled

PROGRAMS = Path(__file__).parent / "javascript"
LOCK = PROGRAMS / "package-lock.json"
OLDEST_NODE = 20
INSTALL_TIMEOUT_S = 300
RUN_TIMEOUT_S = 40


@pytest.fixture(scope="session")
def packages(client_cache) -> Path:
    """A directory with the locked packages in `node_modules`; skip where there is no Node.js or no registry."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js with npm is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(re.match(r"v(\d+)", version)[1]) < OLDEST_NODE:
        pytest.skip(f"Node.js {OLDEST_NODE} or newer is needed, not {version}")
    return filled(client_cache / f"javascript-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}", install)


def install(directory: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PROGRAMS / name, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install the packages within {INSTALL_TIMEOUT_S} s")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the packages: {done.stderr.strip().splitlines()[-1:]}")


@pytest.fixture
def run(packages, server, place):
    """Run one of the programs on the test's group and stream, and return what it reports."""

    def start(name: str) -> dict:
        # Modules are looked up beside the program, so it runs from where the packages are.
        program = shutil.copy(PROGRAMS / name, packages)
        environment = server.environment() | {"AWS_REGION": server.credentials.region}
        done = subprocess.run(
            ["node", program, place.group, place.stream],
            env=environment,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return start


@pytest.mark.timeout(INSTALL_TIMEOUT_S + RUN_TIMEOUT_S)
def test_sdk(run, place):
    report = run("sdk.mjs")
    messages = [f"{n} {'ERROR' if n % 2 else 'ok'} ü" for n in range(7)]
    assert report.pop("missing") == [
        *("ResourceNotFoundException", "The specified log group does not exist.", 400, True),
    ]
    assert report.pop("again") == "ResourceAlreadyExistsException"
    assert report.pop("put") == ["string", None]
    assert [message for page in report.pop("read") for message in page] == messages
    assert report.pop("filtered") == messages[1::2]
    assert report.pop("pages") == {"events": [3, 3, 1], "groups": [1], "streams": [1]}
    assert report.pop("group") == [14, True]
    assert report.pop("tail") == [True, "live"]
    assert report == {}
    assert place.messages() == [*messages, "live"]


@pytest.mark.timeout(INSTALL_TIMEOUT_S + RUN_TIMEOUT_S)
def test_winston_cloudwatch(run, place):
    assert run("winston.mjs") == {"errors": []}
    records = [json.loads(message) for message in place.messages()]
    assert [record["message"] for record in records] == ["first", "second", "third"]
    assert records[0] == {"level": "info", "message": "first", "path": "/orders"}
    (group,) = place.client.describe_log_groups(logGroupNamePrefix=place.group)["logGroups"]
    assert group["retentionInDays"] == 7


@pytest.mark.timeout(INSTALL_TIMEOUT_S + RUN_TIMEOUT_S)
def test_pino_cloudwatch(run, place):
    assert run("pino.cjs") == {"errors": []}
    records = [json.loads(message) for message in place.await_messages(3)]
    assert [record["msg"] for record in records] == ["first", "second", "third"]
    assert records[0]["path"] == "/orders"
    found = place.client.filter_log_events(logGroupName=place.group, filterPattern="orders")["events"]
    assert len(found) == 1


def test_the_lock_file_names_no_registry():
    locked = json.loads(LOCK.read_text())["packages"]
    assert all("resolved" not in package for package in locked.values())
    assert all("integrity" in package for name, package in locked.items() if name)
