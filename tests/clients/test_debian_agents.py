"""What Debian packages that can send here: Docker by its awslogs driver, rsyslog by way of `groundwatch put`.

Debian 12 has no Fluent Bit, no Vector and no CloudWatch agent, and its rsyslog no module for CloudWatch Logs.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.debian import Unpacked, unpack
from tests.live import SCRIPTS, free_port

START_TIMEOUT_S = 20
RUN_TIMEOUT_S = 60
FIRST_RUN_S = 300
IMAGE = "groundwatch/busybox"


class Docker:
    """A Docker daemon of the tests' own, which can run containers that have no network."""

    def __init__(self, unpacked: Unpacked, directory: Path, environment: dict[str, str]) -> None:
        self._socket = f"unix://{directory}/sock"
        self._environment = environment | unpacked.environment()
        self.output = directory / "out"
        command = [
            *("/usr/bin/env", "dockerd", "--host", self._socket, "--pidfile", str(directory / "pid")),
            *("--data-root", str(directory / "data"), "--exec-root", str(directory / "exec")),
            *("--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
            *("--storage-driver", "vfs"),
        ]
        with self.output.open("wb") as output:
            self.daemon = subprocess.Popen(command, env=self._environment, stdout=output, stderr=output)

    def run(self, *words: str) -> subprocess.CompletedProcess:
        command = ["/usr/bin/env", "docker", "--host", self._socket, *words]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False
        )

    def is_ready(self) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.daemon.poll() is None and time.monotonic() < deadline:
            if self.run("version").returncode == 0:
                return True
            time.sleep(0.2)
        return False

    def stop(self) -> None:
        self.daemon.terminate()
        try:
            self.daemon.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()


@pytest.fixture(scope="module")
def docker(client_cache, server) -> Iterator[Docker]:
    """The daemon's environment carries the credentials, as the driver wants it."""
    if os.geteuid() != 0:
        pytest.skip("a Docker daemon needs root")
    unpacked = unpack(client_cache, "usr/sbin/dockerd", "docker.io")
    busybox = unpack(client_cache, "bin/busybox", "busybox-static")
    # A path of a socket may have some hundred characters, which those of pytest's directories can exceed.
    directory = Path(tempfile.mkdtemp(prefix="groundwatch-docker-"))
    running = Docker(unpacked, directory, server.environment())
    try:
        if not running.is_ready():
            pytest.skip(f"a Docker daemon does not start here: {running.output.read_text().splitlines()[-1:]}")
        with tarfile.open(directory / "image.tar", "w") as image:
            image.add(busybox.program("bin/busybox"), "bin/busybox")
        imported = running.run("import", str(directory / "image.tar"), IMAGE)
        assert imported.returncode == 0, imported.stderr
        yield running
    finally:
        running.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def contain(docker, place):
    """Run a shell script in a container whose output goes to the test's group and stream."""

    def run(script: str, **options: str) -> subprocess.CompletedProcess:
        wanted = {
            "awslogs-endpoint": place.server.service_url,
            "awslogs-region": place.server.credentials.region,
            "awslogs-group": place.group,
            "awslogs-stream": place.stream,
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        words = [word for name, value in wanted.items() for word in ("--log-opt", f"{name}={value}")]
        done = docker.run(
            *("run", "--rm", "--network", "none", "--log-driver", "awslogs", *words),
            *(IMAGE, "/bin/busybox", "sh", "-c", script),
        )
        if "error mounting" in done.stderr or "operation not permitted" in done.stderr.lower():
            pytest.skip(f"containers do not run here: {done.stderr.strip()}")
        return done

    return run


@pytest.mark.timeout(FIRST_RUN_S)
class TestDocker:
    def test_lines_of_a_container_are_events(self, contain, place):
        done = contain("echo one; echo 'two <&> \u00fc'; echo three >&2", awslogs_create_group="true")
        assert done.returncode == 0, done.stderr
        assert sorted(place.await_messages(3)) == ["one", "three", "two <&> \u00fc"]

    def test_a_second_container_goes_on_with_the_stream(self, contain, place):
        for line in ("first", "second"):
            assert contain(f"echo {line}", awslogs_create_group="true").returncode == 0
        assert place.await_messages(2) == ["first", "second"]

    def test_lines_that_belong_together_are_one_event(self, contain, place):
        done = contain(
            r"printf 'START a\n  more\nSTART b\n'",
            awslogs_create_group="true",
            awslogs_multiline_pattern="^START",
        )
        assert done.returncode == 0, done.stderr
        assert place.await_messages(2) == ["START a\n  more\n", "START b\n"]

    def test_a_group_that_lacks_keeps_the_container_from_starting(self, contain, place):
        done = contain("echo lost")
        assert done.returncode != 0
        assert "ResourceNotFoundException: The specified log group does not exist." in done.stderr


def documented_rsyslog(replacements: dict[str, str]) -> str:
    """Return the configuration on the page about clients, with the test's own values in place of those there."""
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
    configuration = re.search(r"```rsyslog\n(.*?)```", page, re.DOTALL)[1]
    for written, value in replacements.items():
        assert written in configuration
        configuration = configuration.replace(written, value)
    return configuration


@pytest.fixture
def rsyslog(client_cache, place, tmp_path) -> Iterator[int]:
    """The port on which an rsyslogd takes messages over TCP."""
    unpacked = unpack(client_cache, "usr/sbin/rsyslogd", "rsyslog")
    (modules,) = Path(unpacked.root).glob("usr/lib/*-linux-*/rsyslog")
    port, settings = free_port(), tmp_path / "rsyslog.conf"
    replacements = {
        "/opt/groundwatch/bin/groundwatch": str(SCRIPTS / "groundwatch"),
        "/var/lib/groundwatch": str(place.server.data),
        "/var/log/groundwatch-put.log": str(tmp_path / "put.out"),
        "/syslog/all web-1": f"{place.group} {place.stream}",
        "10514": str(port),
    }
    settings.write_text(documented_rsyslog(replacements))
    command = ["/usr/bin/env", "rsyslogd", "-n", "-C", "-f", str(settings), "-i", str(tmp_path / "pid")]
    with (tmp_path / "rsyslog.out").open("wb") as output:
        daemon = subprocess.Popen(
            [*command, "-M", str(modules)], env=unpacked.environment(), stdout=output, stderr=output
        )
    yield port
    daemon.terminate()
    daemon.wait(START_TIMEOUT_S)


def connect(port: int) -> socket.socket:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.timeout(FIRST_RUN_S)
def test_rsyslog_pipes_into_groundwatch_put(rsyslog, place):
    place.make()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with connect(rsyslog) as sender:
        for text in ("disk full", 'a "quoted" ü'):
            sender.sendall(f"<27>1 {moment} web-1 backup 42 - - {text}\n".encode())
        records = [json.loads(message) for message in place.await_messages(2)]
    assert [record["message"] for record in records] == ["disk full", 'a "quoted" ü']
    assert {key: records[0][key] for key in ("host", "program", "severity")} == {
        "host": "web-1",
        "program": "backup",
        "severity": "err",
    }
