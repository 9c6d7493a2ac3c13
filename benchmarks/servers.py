"""Starts and stops the servers that are measured, each a process of its own on free ports and fresh data."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.client import Endpoint
from benchmarks.signing import AccessKey, LogsSigner
from groundwatch.credentials_file import credentials_path, read_credentials

HOST = "127.0.0.1"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
POLL_INTERVAL_S = 0.005
LOG_TAIL_BYTES = 4000
LOCAL_AUTHORITY = "tls/ca.pem"
BINARIES = Path(sys.executable).parent
MINISTACK_HOME = Path(sys.prefix, "ministack")


class ServerError(Exception):
    """A server did not start, or its files are not where they should be."""


class Server(msgspec.Struct, frozen=True):
    """A running server and how to reach it."""

    name: str
    pid: int
    service: Endpoint
    key: AccessKey
    start_s: float
    """From starting the process to its first answer of readiness."""
    gateway: Endpoint | None = None

    def signer(self) -> LogsSigner:
        """Return a signer of requests to the service port."""
        return LogsSigner(self.service, self.key)

    def resident_bytes(self) -> int:
        """Return the memory that the process and its descendants hold in RAM."""
        return sum(_status_bytes(pid, "VmRSS") for pid in _tree(self.pid))

    def cpu_s(self) -> float:
        """Return the processor time that the process and its descendants have used so far."""
        return sum(_ticks(pid) for pid in _tree(self.pid)) / os.sysconf("SC_CLK_TCK")

    def peak_resident_bytes(self) -> int:
        """Return the largest `resident_bytes` so far; for several processes, the sum of their peaks."""
        return sum(_status_bytes(pid, "VmHWM") for pid in _tree(self.pid))


@contextmanager
def groundwatch_server(
    data: Path | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    tls: Literal["gateway", "both", "none"] = "gateway",
) -> Iterator[Server]:
    """Run Groundwatch on `data`, or on a fresh directory that is removed afterwards, with signatures on.

    By default the gateway port alone speaks TLS; `both` needs `data` of an earlier run, which made the authority.
    """
    with tempfile.TemporaryDirectory(prefix="groundwatch-bench-") as scratch:
        directory = data or Path(scratch, "data")
        service, gateway = free_port(), free_port()
        command = [str(BINARIES / "groundwatch"), "serve", "--data", str(directory)]
        command += ["--service", f"{HOST}:{service}", "--gateway", f"{HOST}:{gateway}", *options]
        command += ["--tls", "off" if tls == "none" else "auto", "--service-tls", "auto" if tls == "both" else "off"]
        authority, log = str(directory / LOCAL_AUTHORITY), Path(scratch, "groundwatch.log")
        public = Endpoint(HOST, gateway, None if tls == "none" else authority)
        own = Endpoint(HOST, service, authority if tls == "both" else None)
        with _running(command, service, "/health", log, environment, own.ssl_context()) as (pid, start_s):
            yield Server("Groundwatch", pid, own, administrator_key(directory), start_s, public)


@contextmanager
def moto_server() -> Iterator[Server]:
    """Run the `moto_server` of the environment: in memory, one thread per connection, signatures not verified."""
    with tempfile.TemporaryDirectory(prefix="moto-bench-") as scratch:
        port = free_port()
        command = [str(BINARIES / "moto_server"), "-H", HOST, "-p", str(port)]
        with _running(command, port, "/moto-api/", Path(scratch, "moto.log")) as (pid, start_s):
            yield Server("moto_server", pid, Endpoint(HOST, port), AccessKey("benchmark", "benchmark"), start_s)


@contextmanager
def bare_server(body: bytes, headers: Sequence[tuple[str, str]], like: Endpoint | None) -> Iterator[Endpoint]:
    """Run a bare uvicorn application that answers with these bytes, with the certificate of `like` if that has one."""
    with tempfile.TemporaryDirectory(prefix="bare-bench-") as scratch:
        files = {"BARE_BODY": Path(scratch, "body"), "BARE_HEADERS": Path(scratch, "headers")}
        files["BARE_BODY"].write_bytes(body)
        files["BARE_HEADERS"].write_bytes(json.dumps(headers).encode())
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_app:app", "--host", HOST, "--port", str(port)]
        command += ["--no-access-log", "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
        endpoint = Endpoint(HOST, port, like.ca_file if like else None)
        if endpoint.ca_file:
            tls = Path(endpoint.ca_file).parent
            command += ["--ssl-certfile", str(tls / "server.pem"), "--ssl-keyfile", str(tls / "server-key.pem")]
        environment = os.environ | {name: str(path) for name, path in files.items()}
        with _running(command, port, "/", Path(scratch, "bare.log"), environment, endpoint.ssl_context()):
            yield endpoint


@contextmanager
def kinesis_sink() -> Iterator[Endpoint]:
    """Run a target of deliveries that takes everything at once; see its module."""
    with tempfile.TemporaryDirectory(prefix="sink-bench-") as scratch:
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.kinesis_sink", str(port)]
        with _running(command, port, "/", Path(scratch, "sink.log")):
            yield Endpoint(HOST, port)


@contextmanager
def ministack_server() -> Iterator[Server]:
    """Run ministack, an emulator in memory that does not verify signatures, from an environment of its own.

    It pins another botocore than ours, so it cannot live in ours; the first run installs it beside.
    """
    with tempfile.TemporaryDirectory(prefix="ministack-bench-") as scratch:
        port = free_port()
        environment = os.environ | {"GATEWAY_PORT": str(port), "MINISTACK_HOST": HOST, "TMPDIR": scratch}
        log = Path(scratch, "ministack.log")
        with _running([str(_ministack())], port, "/_ministack/health", log, environment) as (pid, start_s):
            yield Server("ministack", pid, Endpoint(HOST, port), AccessKey("benchmark", "benchmark"), start_s)


def _ministack() -> Path:
    """Return the program, installed from its lock file if it is not there yet."""
    program = MINISTACK_HOME / "bin" / "ministack"
    if not program.exists():
        python = str(MINISTACK_HOME / "bin" / "python")
        lock = str(Path(__file__).with_name("ministack.lock"))
        install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
        for command in ([sys.executable, "-m", "venv", str(MINISTACK_HOME)], install):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ServerError(f"cannot install ministack:\n{done.stderr[-LOG_TAIL_BYTES:]}")
    return program


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def administrator_key(data: Path) -> AccessKey:
    """Return the access key that Groundwatch made for its administrator in the data directory."""
    found = read_credentials(credentials_path(data))
    return AccessKey(found.access_key_id, found.secret_access_key, found.region)


@contextmanager
def _running(
    command: Sequence[str],
    port: int,
    ready_path: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[tuple[int, float]]:
    """Run a command until the block ends; yield its process id and the seconds until `ready_path` was answered 200."""
    with log.open("wb") as output:
        start_s = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
        )
        try:
            _await_ready(process, port, ready_path, log, context)
            yield process.pid, time.perf_counter() - start_s
        finally:
            _stop(process)


def _await_ready(
    process: subprocess.Popen[bytes], port: int, path: str, log: Path, context: ssl.SSLContext | None
) -> None:
    deadline_s = time.perf_counter() + START_TIMEOUT_S
    while not _answers(port, path, context):
        if process.poll() is not None or time.perf_counter() > deadline_s:
            tail = log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
            raise ServerError(f"{process.args!r} did not become ready (exit code {process.poll()}):\n{tail}")
        time.sleep(POLL_INTERVAL_S)


def _answers(port: int, path: str, context: ssl.SSLContext | None) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    if context is not None:
        connection = http.client.HTTPSConnection(HOST, port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children += map(int, (task / "children").read_text().split())
    return [pid, *(each for child in children for each in _tree(child))]


def _ticks(pid: int) -> int:
    # The name before these fields is in parentheses, and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _status_bytes(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    match = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if match is None:
        raise ServerError(f"/proc/{pid}/status has no {field}")
    return int(match[1]) * 1024
