"""`groundwatch env`, and the credentials file that it reads."""

import json
import subprocess
from pathlib import Path

import pytest
from botocore.session import Session

from groundwatch import credentials_file
from groundwatch.cli import env, main
from groundwatch.credentials_file import (
    AdminCredentials,
    CredentialsFileError,
    credentials_path,
    read_credentials,
    write_credentials,
)

CREDENTIALS = AdminCredentials("AKID", "se%cr/et'+", "http://127.0.0.1:4580", "eu-test-1", "/data/tls/ca.pem")
VARIABLES = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4580",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "se%cr/et'+",
    "AWS_DEFAULT_REGION": "eu-test-1",
    "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    "AWS_CA_BUNDLE": "/data/tls/ca.pem",
}


@pytest.fixture
def path(tmp_path):
    (tmp_path / "data").mkdir()
    return credentials_path(tmp_path / "data")


@pytest.mark.parametrize("ca_bundle", [None, "/x/ca.pem"])
def test_what_is_written_is_read(path, ca_bundle):
    credentials = AdminCredentials("AKID", "se%cr/et+", "http://h:1", "r-1", ca_bundle)
    write_credentials(path, credentials)
    assert read_credentials(path) == credentials
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_sdk_reads_the_file_too(path, monkeypatch):
    write_credentials(path, CREDENTIALS)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    client = Session().create_client("logs", verify=False)
    assert client.meta.endpoint_url == CREDENTIALS.endpoint_url
    assert client.meta.region_name == CREDENTIALS.region
    assert not client.meta.config.inject_host_prefix


def test_the_secret_is_not_in_the_representation():
    assert CREDENTIALS.secret_access_key not in repr(CREDENTIALS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[default]\naws_access_key_id = a\n", "lacks aws_secret_access_key; restore it, or delete it and give"),
        (b"[default]\naws_access_key_id = a\naws_secret_access_key = b", "lacks endpoint_url; restart the server"),
        (b"[other]\n", "lacks default; restore it"),
        (b"no section", "is not a credentials file; restore it"),
        (b"\xff", "is not a credentials file"),
    ],
)
def test_a_damaged_file(path, capsys, content, message):
    path.write_bytes(content)
    with pytest.raises(CredentialsFileError, match=message):
        read_credentials(path)
    assert main(["env"]) == 1
    assert message in capsys.readouterr().err


def test_an_unreadable_file(path, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(CredentialsFileError, match=r"cannot read .*: Permission denied; run as the user of the server"):
        read_credentials(path)


def test_no_file(capsys):
    assert main(["env"]) == 1
    assert capsys.readouterr().err == (
        "groundwatch: no file data/admin-credentials; start the server with `groundwatch serve`, or name its data "
        "directory with --data\n"
    )


def test_a_shell_reads_the_exports(path, capsys):
    write_credentials(path, CREDENTIALS)
    assert main(["env", "--data", str(path.parent)]) == 0
    exports = capsys.readouterr().out
    script = exports + "env"
    out = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={}).stdout
    found = dict(line.split("=", 1) for line in out.splitlines())
    assert {name: found.get(name) for name in VARIABLES} == VARIABLES


def test_fish(path, capsys):
    write_credentials(path, CREDENTIALS)
    assert main(["env", "--format", "fish"]) == 0
    assert capsys.readouterr().out.splitlines()[2] == "set -gx AWS_SECRET_ACCESS_KEY 'se%cr/et\\'+'"


def test_json(path, capsys):
    write_credentials(path, CREDENTIALS)
    assert main(["env", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == VARIABLES


def test_no_authority_without_tls():
    plain = AdminCredentials("a", "b", "http://h", "r")
    assert "AWS_CA_BUNDLE" not in env.variables(plain)
    assert credentials_file.FILE_NAME == "admin-credentials"
