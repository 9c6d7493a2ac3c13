"""Starting: what is printed, what is private, and one clear line for everything that can be wrong."""

import contextlib
import os
import socket
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

GROUNDWATCH = str(Path(sys.executable).with_name("groundwatch"))


def serve(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    command = [GROUNDWATCH, "serve", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=60, check=False)


def one_line(done: subprocess.CompletedProcess) -> str:
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_busy_port_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve("--service", f"127.0.0.1:{port}", "--gateway", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode != 0
    assert f"port {port} on 127.0.0.1 is in use" in one_line(done)


def test_a_data_directory_in_use_is_one_clear_line(make_server, tmp_path):
    server = make_server().start()
    done = serve(
        *("--data", str(server.data), "--service", "127.0.0.1:0", "--gateway", "127.0.0.1:0"),
        cwd=tmp_path,
    )
    assert done.returncode != 0
    assert "in use by another server" in one_line(done)


def test_a_data_directory_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = serve(*("--data", "file", "--service", "127.0.0.1:0", "--gateway", "127.0.0.1:0"), cwd=tmp_path)
    assert done.returncode != 0
    assert "data directory" in one_line(done) or "cannot write" in one_line(done)


def newer(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data / "metadata.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
        database.commit()


def no_database(data: Path) -> None:
    (data / "metadata.db").write_bytes(b"x" * 4096)


@pytest.mark.parametrize(
    ("prepare", "words", "part"),
    [
        pytest.param(newer, (), "has been used by a newer version", id="a newer schema"),
        pytest.param(no_database, (), "file is not a database; check --metadata-url", id="no database"),
        pytest.param(
            None,
            ("--metadata-url", "sqlite:////no/such/m.db"),
            "cannot use /no/such/m.db: No such file",
            id="no directory",
        ),
        pytest.param(
            None,
            ("--metadata-url", "postgresql+psycopg2://u:se/cret@h/d"),
            "cannot open postgresql+psycopg2://u:***@h/d: psycopg2 is not installed; write postgresql://",
            id="no driver",
        ),
    ],
)
def test_what_a_database_has_against_a_start_is_one_clear_line(tmp_path, prepare, words, part):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    if prepare is not None:
        prepare(data)
    done = serve("--data", str(data), "--service", "127.0.0.1:0", "--gateway", "127.0.0.1:0", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert part in one_line(done)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--service", "nonsense"), "HOST:PORT"),
        (("--auth", "off", "--service", "0.0.0.0:0"), "loopback"),
        (("--tls", "a.pem"), "CERT,KEY"),
        (("--events-url", "ftp://x"), "events URL"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_a_bad_flag_is_said_without_a_traceback(tmp_path, words, part):
    done = serve(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_the_welcome_has_a_curl_line_that_works_when_pasted(server):
    text = server.output.read_text()
    assert server.service_url in text
    assert server.gateway_url in text
    assert str(server.data / "admin-credentials") in text
    line = next(line for line in text.splitlines() if line.startswith("curl "))
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert '"groups":[' in done.stdout


def test_everything_secret_is_private(server):
    private = [
        server.data / name for name in ("admin-credentials", "metadata.db", "tls/ca-key.pem", "tls/server-key.pem")
    ]
    assert [oct(stat.S_IMODE(path.stat().st_mode)) for path in private] == ["0o600"] * len(private)
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_health_tells_of_both_engines_on_both_ports(server):
    from urllib.request import urlopen

    with urlopen(f"{server.service_url}/health") as answer:
        on_service = answer.read()
    answer = server.get("/health")
    assert answer.body == on_service
    assert answer.json() == {"status": "ok", "events": "ok", "metadata": "ok"}


def test_the_server_has_something_to_read_at_once(server):
    import time

    logs = server.client("logs")
    server.get("/health")
    server.get("/nothing/here")
    deadline = time.monotonic() + 10
    groups: set[str] = set()
    while groups != {"/groundwatch/server", "/groundwatch/access"} and time.monotonic() < deadline:
        found = logs.describe_log_groups(logGroupNamePrefix="/groundwatch/")["logGroups"]
        groups = {group["logGroupName"] for group in found}
    assert groups == {"/groundwatch/server", "/groundwatch/access"}


def test_auth_off_accepts_any_credentials(make_server):
    import boto3

    server = make_server("--auth", "off").start()
    client = boto3.client(
        "sts",
        endpoint_url=server.service_url,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert client.get_caller_identity()["Account"] == "000000000000"
