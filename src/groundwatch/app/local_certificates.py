"""Certificates of the local authority for custom domains: for trials, where nobody else vouches for the name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from groundwatch.sni import CertificatePair
from groundwatch.tls import issue_local_certificate

MAX_AGE = dt.timedelta(days=30)


class LocalCertificates:
    """Issues a certificate when a name is first asked for, and anew each month; one entry a custom domain."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._issued: dict[str, tuple[dt.datetime, CertificatePair]] = {}

    def pair(self, name: str) -> CertificatePair:
        """Return a certificate for a host name or a wildcard."""
        now = dt.datetime.now(dt.UTC)
        known = self._issued.get(name)
        if known is None or now - known[0] > MAX_AGE:
            known = self._issued[name] = (now, CertificatePair(*issue_local_certificate(self._directory, name, now)))
        return known[1]
