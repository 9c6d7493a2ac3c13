"""Checks of what lies around the stores: the data directory, the disk, secrets and certificates."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from groundwatch.data_directory import PRIVATE_DIRECTORY, RESTORE_MARK
from groundwatch.upkeep.findings import Finding

LEAST_FREE_BYTES = 1024**3
LEAST_FREE_SHARE = 0.05
SOON = dt.timedelta(days=30)
SECRETS = (
    *("admin-credentials", "metadata.db", "deliveries.db"),
    *("tls/ca-key.pem", "tls/server-key.pem", "notifications/signing-key.pem"),
)
OTHERS_MASK = 0o077


def check_files(data: Path, certificates: Iterable[Path], now: dt.datetime) -> list[Finding]:
    """Check the data directory, its disk, its secrets, and the certificates in it and beside it."""
    if not data.is_dir():
        return [Finding("data directory", "failing", f"{data} does not exist", "name the right one with --data")]
    findings = [_directory(data), _disk(data), *_secrets(data)]
    if (data / RESTORE_MARK).exists():
        shown = f"{data} holds half of a backup: a restore was cut short"
        findings.append(Finding("restore", "failing", shown, "empty the directory and restore again"))
    found = {*certificates, *(data / "tls").glob("*.pem")}
    return [*findings, *(finding for path in sorted(found) for finding in _certificate(path, now))]


def _directory(data: Path) -> Finding:
    status = data.stat()
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return Finding("data directory", "failing", f"{data} cannot be written", f"chown -R the server's user {data}")
    if status.st_mode & OTHERS_MASK:
        shown = f"others may enter {data} (mode {status.st_mode & 0o777:o})"
        return Finding("data directory", "warning", shown, f"chmod {PRIVATE_DIRECTORY:o} {data}")
    return Finding("data directory", "ok", f"{data}, private")


def _disk(data: Path) -> Finding:
    usage = shutil.disk_usage(data)
    shown = f"{usage.free / 1024**3:.1f} of {usage.total / 1024**3:.1f} GiB are free"
    if usage.free < min(LEAST_FREE_BYTES, usage.total * LEAST_FREE_SHARE):
        return Finding("disk", "failing", shown, "shorten retentions, or give the disk more room: merges need it")
    if usage.free < usage.total * LEAST_FREE_SHARE:
        return Finding("disk", "warning", shown, "shorten retentions, or give the disk more room")
    return Finding("disk", "ok", shown)


def _secrets(data: Path) -> Iterable[Finding]:
    open_ones = [name for name in SECRETS if (data / name).exists() and (data / name).stat().st_mode & OTHERS_MASK]
    if not open_ones:
        yield Finding("secrets", "ok", "none can be read by others")
    for name in open_ones:
        yield Finding("secrets", "failing", f"others can read {data / name}", f"chmod 600 {data / name}")


def _certificate(path: Path, now: dt.datetime) -> Iterable[Finding]:
    check = f"certificate {path.name}"
    try:
        content = path.read_bytes()
        found = x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []
    except (OSError, ValueError) as error:
        yield Finding(
            check, "failing", f"{path} cannot be read: {error}", "give a PEM file with --tls or --tls-domains"
        )
        return
    if not found:
        return
    until = min(certificate.not_valid_after_utc for certificate in found)
    if until <= now:
        advice = "renew it; the local one is renewed when the server starts"
        yield Finding(check, "failing", f"{path} expired on {until:%Y-%m-%d}", advice)
    elif until - now < SOON:
        yield Finding(check, "warning", f"{path} expires on {until:%Y-%m-%d}", "renew it")
    else:
        yield Finding(check, "ok", f"valid until {until:%Y-%m-%d}")
