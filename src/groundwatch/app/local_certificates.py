"""Certificates of the local authority while the server runs: of the listeners, and of custom domains, for trials."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from groundwatch.background import BackgroundWork
from groundwatch.sni import CertificatePair
from groundwatch.tls import ensure_local_certificate, issue_local_certificate

MAX_AGE = dt.timedelta(days=30)
RENEWAL_S = 24 * 3600.0
RETRY_S = 3600.0


def utc_now() -> dt.datetime:
    """Return the time, with its zone."""
    return dt.datetime.now(dt.UTC)


class Renewal(BackgroundWork):
    """Issues the listeners' certificate anew when it nears its end; whoever shows it watches the files.

    `directory` and `hosts` are those that it was made with.
    """

    def __init__(self, directory: Path, hosts: Sequence[str], clock: Callable[[], dt.datetime] = utc_now) -> None:
        super().__init__("renewal of the local certificate", retry_s=RETRY_S)
        self._directory = directory
        self._hosts = hosts
        self._clock = clock

    async def _round(self) -> float:
        await asyncio.to_thread(ensure_local_certificate, self._directory, self._hosts, self._clock())
        return RENEWAL_S


class LocalCertificates:
    """Issues a certificate when a name is first asked for, and anew each month; one entry a custom domain."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._issued: dict[str, tuple[dt.datetime, CertificatePair]] = {}

    def pair(self, name: str) -> CertificatePair:
        """Return a certificate for a host name or a wildcard."""
        now = utc_now()
        known = self._issued.get(name)
        if known is None or now - known[0] > MAX_AGE:
            known = self._issued[name] = (now, CertificatePair(*issue_local_certificate(self._directory, name, now)))
        return known[1]
