"""The doctor's checks of files: each fault in a data directory of its own."""

import datetime as dt
from pathlib import Path

import pytest

from groundwatch.data_directory import RESTORE_MARK
from groundwatch.tls import ensure_local_certificate
from groundwatch.upkeep import file_checks
from groundwatch.upkeep.file_checks import check_files

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def data(tmp_path) -> Path:
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    (made / "metadata.db").touch(mode=0o600)
    ensure_local_certificate(made / "tls", ["localhost"], NOW)
    return made


def faults(data: Path, now: dt.datetime = NOW) -> list[tuple[str, str, str]]:
    found = check_files(data, [], now)
    assert all(bool(finding.advice) == (finding.state != "ok") for finding in found), "a fault comes with advice"
    return [(finding.check, finding.state, finding.text) for finding in found if finding.state != "ok"]


def test_nothing_is_wrong(data):
    assert faults(data) == []


@pytest.mark.parametrize(
    ("later", "state", "word"),
    [
        pytest.param(396 * DAY, "warning", "expires on", id="soon"),
        pytest.param(398 * DAY, "failing", "expired on", id="over"),
    ],
)
def test_certificates_that_end(data, later, state, word):
    (check, found, text) = faults(data, NOW + later)[0]
    assert (check, found) == ("certificate server.pem", state)
    assert word in text


def spoil_certificate(data: Path) -> None:
    (data / "tls" / "server.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


@pytest.mark.parametrize(
    ("spoil", "check", "state"),
    [
        pytest.param(lambda data: data.chmod(0o755), "data directory", "warning", id="a directory for everyone"),
        pytest.param(lambda data: (data / "metadata.db").chmod(0o644), "secrets", "failing", id="an open secret"),
        pytest.param(lambda data: (data / "tls/ca-key.pem").chmod(0o640), "secrets", "failing", id="an open key"),
        pytest.param(lambda data: (data / RESTORE_MARK).touch(), "restore", "failing", id="half a restore"),
        pytest.param(spoil_certificate, "certificate server.pem", "failing", id="no certificate"),
    ],
)
def test_what_may_be_wrong(data, spoil, check, state):
    spoil(data)
    assert [found[:2] for found in faults(data)] == [(check, state)]


@pytest.mark.parametrize(
    ("free", "state"),
    [(10 * 2**30, []), (4 * 2**30, ["warning"]), (2**29, ["failing"])],
)
def test_room_on_the_disk(data, monkeypatch, free, state):
    class Usage:
        def __init__(self) -> None:
            self.free, self.total = free, 100 * 2**30

    monkeypatch.setattr(file_checks.shutil, "disk_usage", lambda _path: Usage())
    assert [found[1] for found in faults(data)] == state


def test_no_data_directory(tmp_path):
    assert [found[0] for found in faults(tmp_path / "gone")] == ["data directory"]
