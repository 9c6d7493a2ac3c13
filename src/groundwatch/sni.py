"""Certificates by host name: which one a TLS client is shown depends on the name that it asks for.

The operator's files come first, then what the owners of custom domains have; the listener's own certificate is for
everybody else. Files that change are read again, so that a renewal needs no restart.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from groundwatch.config import TlsFiles
from groundwatch.tls import TlsError, server_context

_log = logging.getLogger(__name__)
KEY_SUFFIX = "-key.pem"
MAX_CONTEXTS = 1000
REFRESH_S = 1.0
"""How long a host name that a renewed file has got may stay unknown; what a known name has is new at once."""


class CertificatePair(NamedTuple):
    """A certificate, with those that vouch for it, and its key, in PEM form."""

    chain_pem: str
    key_pem: str


Lookup = Callable[[str], CertificatePair | None]
"""Returns what belongs to a host name, in lower case, without waiting for anything; may raise TlsError."""


class HostCertificates:
    """Chooses the certificate of each handshake, for one event loop.

    `own` are the files of the listener's own certificate, None where these need not be watched. Raises TlsError when
    `directory`, which may be None, or a pair of files in it cannot be used.
    """

    def __init__(
        self,
        directory: Path | None,
        lookup: Lookup,
        own: TlsFiles | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = [_WatchedFiles(files, _names) for files in _pairs(directory)] if directory is not None else []
        self._lookup = lookup
        self._clock_s = clock_s
        self._refreshed_s = clock_s()
        self._own = _WatchedFiles(own, _no_names) if own is not None else None
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    def install(self, context: ssl.SSLContext) -> None:
        """Let a listener's context show these certificates."""
        context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        try:
            found = self._context(name.lower().removesuffix(".")) if name else None
            if found is None and self._own is not None:
                found = self._own.context()
        except (TlsError, OSError, ValueError) as error:
            _log.warning("cannot show a certificate for %s: %s", name, error)
            return
        if found is not None:
            connection.context = found

    def _context(self, name: str) -> ssl.SSLContext | None:
        self._refresh_names()
        for wanted in (name, f"*.{name.partition('.')[2]}"):
            for files in self._files:
                if wanted in files.names:
                    return files.context()
        pair = self._lookup(name)
        return None if pair is None else self._of_pair(pair)

    def _refresh_names(self) -> None:
        # Which names a renewed certificate has shows only when it is read; there may be thousands of files.
        now_s = self._clock_s()
        if now_s < self._refreshed_s + REFRESH_S:
            return
        self._refreshed_s = now_s
        for files in self._files:
            files.refresh()

    def _of_pair(self, pair: CertificatePair) -> ssl.SSLContext:
        key = hashlib.sha256("\0".join(pair).encode()).hexdigest()
        known = self._contexts.get(key)
        if known is None:
            known = self._contexts[key] = _context_of(pair)
            if len(self._contexts) > MAX_CONTEXTS:
                self._contexts.popitem(last=False)
        self._contexts.move_to_end(key)
        return known


class _WatchedFiles:
    """A certificate of the operator, read again when its files change; `names_of` says for which hosts it is."""

    def __init__(self, files: TlsFiles, names_of: Callable[[Path], frozenset[str]]) -> None:
        self._files = files
        self._names_of = names_of
        self._changed = self._stamp()
        self._context = server_context(files)
        self.names = names_of(files.certificate)

    def context(self) -> ssl.SSLContext:
        """Return the context of the newest files that can be used."""
        self.refresh()
        return self._context

    def refresh(self) -> None:
        """Read the files when they have changed, and keep what was read before when they cannot be used."""
        stamp = self._stamp()
        if stamp == self._changed:
            return
        self._changed = stamp
        try:
            self._context, self.names = server_context(self._files), self._names_of(self._files.certificate)
        except (TlsError, OSError, ValueError) as error:
            # Half of a renewal may be written; the next handshake after the other half tries again.
            _log.warning("keeping the former certificate: %s", error)

    def _stamp(self) -> tuple[int, ...]:
        try:
            return tuple(path.stat().st_mtime_ns for path in (self._files.certificate, self._files.key))
        except OSError:
            return ()


def _pairs(directory: Path) -> Sequence[TlsFiles]:
    try:
        found = sorted(directory.iterdir())
    except OSError as error:
        raise TlsError(f"cannot read {directory}: {error.strerror}; give --tls-domains DIRECTORY or off") from error
    keys = {path.name.removesuffix(KEY_SUFFIX): path for path in found if path.name.endswith(KEY_SUFFIX)}
    certificates = [path for path in found if path.suffix == ".pem" and not path.name.endswith(KEY_SUFFIX)]
    for path in certificates:
        if path.stem not in keys:
            raise TlsError(f"{path} has no key; put it beside it as {path.stem}{KEY_SUFFIX}")
    return [TlsFiles(path, keys[path.stem]) for path in certificates]


def _names(certificate: Path) -> frozenset[str]:
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    try:
        found = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise TlsError(f"{certificate} names no hosts; clients want them as subject alternative names") from error
    return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _no_names(_certificate: Path) -> frozenset[str]:
    return frozenset()


def _context_of(pair: CertificatePair) -> ssl.SSLContext:
    # The library reads certificates from files only; these exist for the blink of an eye, in a directory of mode 700.
    with tempfile.TemporaryDirectory(prefix="groundwatch-") as directory:
        files = TlsFiles(Path(directory, "certificate.pem"), Path(directory, "key.pem"))
        files.key.write_text(pair.key_pem, encoding="ascii")
        files.certificate.write_text(pair.chain_pem, encoding="ascii")
        return server_context(files)
