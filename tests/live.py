"""A real server in a process of its own, on free ports, and the real clients that talk to it."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from groundwatch.credentials_file import AdminCredentials, read_credentials

SCRIPTS = Path(sys.executable).parent
START_TIMEOUT_S = 40
WAIT_S = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    """What a client got over HTTPS."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    def json(self):
        return json.loads(self.body)


class RunningServer:
    """`groundwatch serve` on a data directory; start, stop and kill as often as wanted."""

    def __init__(self, data: Path, *flags: str) -> None:
        self.data = data
        self.flags = flags
        self.service_port = free_port()
        self.gateway_port = free_port()
        self.process: subprocess.Popen | None = None
        self.output = data.with_suffix(".out")

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.service_port}"

    @property
    def gateway_url(self) -> str:
        return f"https://127.0.0.1:{self.gateway_port}"

    @property
    def credentials(self) -> AdminCredentials:
        return read_credentials(self.data / "admin-credentials")

    def start(self) -> "RunningServer":
        command = [
            *(SCRIPTS / "groundwatch", "serve", "--data", self.data),
            *("--service", f"127.0.0.1:{self.service_port}", "--gateway", f"127.0.0.1:{self.gateway_port}"),
            *self.flags,
        ]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.output.read_text()}")
            time.sleep(0.05)
        return self

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.service_url}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def environment(self) -> dict[str, str]:
        credentials = self.credentials
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.data),
            "AWS_ACCESS_KEY_ID": credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
            "AWS_DEFAULT_REGION": credentials.region,
            "AWS_ENDPOINT_URL": self.service_url,
            "AWS_PAGER": "",
        }

    def aws(self, *words: str) -> subprocess.CompletedProcess:
        """Run the real AWS CLI against the service port."""
        command = [str(SCRIPTS / "aws"), *words]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60, check=False)

    def aws_json(self, *words: str):
        """Run the AWS CLI, which must succeed, and return what it printed."""
        done = self.aws(*words)
        assert done.returncode == 0, f"aws {' '.join(words)}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def client(self, service: str):
        """Return a boto3 client of the administrator."""
        credentials = self.credentials
        return boto3.client(
            service,
            endpoint_url=self.service_url,
            region_name=credentials.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            config=Config(retries={"max_attempts": 1}, inject_host_prefix=False),
        )

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        """Ask the gateway port, trusting its local certificate authority and nothing else."""
        trust = ssl.create_default_context(cafile=self.data / "tls" / "ca.pem")
        request = urllib.request.Request(self.gateway_url + path, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, context=trust, timeout=35) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    """One server for all tests that can share it."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    assert running.stop() == 0, running.output.read_text()


@pytest.fixture
def make_server(tmp_path) -> Iterator[Callable[..., RunningServer]]:
    """Servers of a test's own."""
    made: list[RunningServer] = []

    def make(*flags: str, data: Path | None = None) -> RunningServer:
        made.append(RunningServer(data or tmp_path / f"data{len(made)}", *flags))
        return made[-1]

    yield make
    for running in made:
        if running.process is not None and running.process.poll() is None:
            running.kill()


def run_command(*words: str, environment: dict[str, str] | None = None, code: int = 0) -> subprocess.CompletedProcess:
    """Run `groundwatch WORDS`, which must end with the exit code."""
    own = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "COLUMNS": "200", **(environment or {})}
    command = [str(SCRIPTS / "groundwatch"), *words]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == code, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def wait_for(found, what: str):
    deadline = time.monotonic() + WAIT_S
    while not (result := found()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)
    return result


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of a moto_server: an AWS that no one here wrote."""
    port = free_port()
    command = [str(SCRIPTS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: moto_answers(url), "moto_server")
        yield url
        process.terminate()


def moto_client(service: str, url: str):
    """A client of a moto_server."""
    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="peer", aws_secret_access_key="peer"
    )


def moto_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False
