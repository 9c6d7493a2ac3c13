"""The key that signs notifications: made once, private, and never replaced by itself."""

import datetime as dt

import pytest

from groundwatch.app.signing_key import load_signer
from groundwatch.config import StartupError

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def test_the_key_is_made_once_and_private(tmp_path):
    directory = tmp_path / "notifications"
    first = load_signer(directory, NOW)
    assert (directory / "signing-key.pem").stat().st_mode & 0o777 == 0o600
    again = load_signer(directory, NOW + dt.timedelta(days=9))
    assert again.certificate_path == first.certificate_path
    assert again.sign("text", "2") == first.sign("text", "2")


def test_a_certificate_that_is_lost_is_made_for_the_same_key(tmp_path):
    first = load_signer(tmp_path, NOW)
    (tmp_path / "signing.pem").unlink()
    again = load_signer(tmp_path, NOW)
    assert again.certificate_path != first.certificate_path
    assert again.sign("text", "1") == first.sign("text", "1")


def test_a_certificate_without_its_key_is_replaced(tmp_path):
    first = load_signer(tmp_path, NOW)
    (tmp_path / "signing-key.pem").unlink()
    assert load_signer(tmp_path, NOW).certificate_path != first.certificate_path


@pytest.mark.parametrize("name", ["signing-key.pem", "signing.pem"])
def test_broken_files_stop_the_start(tmp_path, name):
    load_signer(tmp_path, NOW)
    (tmp_path / name).write_text("nonsense")
    with pytest.raises(StartupError, match="are not an RSA key and its certificate"):
        load_signer(tmp_path, NOW)


def test_a_pair_that_does_not_match_stops_the_start(tmp_path):
    load_signer(tmp_path / "a", NOW)
    load_signer(tmp_path / "b", NOW)
    (tmp_path / "a" / "signing.pem").write_bytes((tmp_path / "b" / "signing.pem").read_bytes())
    with pytest.raises(StartupError, match="the certificate belongs to another key"):
        load_signer(tmp_path / "a", NOW)
