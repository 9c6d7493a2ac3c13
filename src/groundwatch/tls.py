"""TLS files: a local certificate authority with a server certificate in the data directory, or the operator's own.

The local authority lives as long as the data directory, since people trust it once; the server certificate is issued
anew when it nears its end or when the names that the server goes by change.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import shlex
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from groundwatch.config import StartupError, TlsFiles, TlsMode
from groundwatch.data_directory import make_private_directory, write_private_file

LOCAL_NAMES = ("localhost", "*.execute-api.localhost", "127.0.0.1", "::1")
AUTHORITY_LIFE = dt.timedelta(days=20 * 365)
# Apple's clients refuse server certificates that are valid for longer than 398 days.
CERTIFICATE_LIFE = dt.timedelta(days=397)
RENEW_BEFORE = dt.timedelta(days=60)
# A clock that runs behind the server's must not refuse a fresh certificate.
BACKDATING = dt.timedelta(hours=1)
UNSPECIFIED_HOSTS = {"0.0.0.0", "::"}  # noqa: S104 - recognised, not bound


class TlsError(StartupError):
    """TLS cannot be set up; the text is one line."""


class ServerTls(msgspec.Struct, frozen=True):
    """What a listener needs to speak TLS, and what the operator is told."""

    files: TlsFiles
    context: ssl.SSLContext
    authority: Path | None
    """The local authority's certificate; None with the operator's own files."""
    trust_hint: str
    """One sentence on how clients trust the server."""


class _Authority(msgspec.Struct, frozen=True):
    """A certificate authority that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def set_up_tls(mode: TlsMode, directory: Path, hosts: Sequence[str], now: dt.datetime) -> ServerTls | None:
    """Return what a listener needs in this mode, None for `off`.

    In mode `auto`, `directory` (DATA/tls) receives the authority and a certificate for `LOCAL_NAMES` and `hosts`, the
    hosts that listeners are bound to. `now` has a time zone. Raises TlsError and DataDirectoryError.
    """
    if mode == "off":
        return None
    if isinstance(mode, TlsFiles):
        return ServerTls(mode, server_context(mode), None, f"TLS uses the certificate in {mode.certificate}.")
    files = ensure_local_certificate(directory, hosts, now)
    authority = directory / "ca.pem"
    hint = (
        f"Clients trust this server by its local certificate authority: curl --cacert {shlex.quote(str(authority))} …"
    )
    return ServerTls(files, server_context(files), authority, hint)


def ensure_local_certificate(directory: Path, hosts: Sequence[str], now: dt.datetime) -> TlsFiles:
    """Return a certificate by the local authority that is good for `hosts` and for a while, made if needed."""
    make_private_directory(directory)
    files = TlsFiles(directory / "server.pem", directory / "server-key.pem")
    names = certificate_names(hosts)
    if not _is_current(files, directory / "ca.pem", names, now):
        authority = _ensure_authority(directory / "ca.pem", directory / "ca-key.pem", now)
        key = ec.generate_private_key(ec.SECP256R1())
        # The key goes first: a crash in between leaves a pair that does not match and is made anew.
        write_private_file(files.key, _key_pem(key))
        write_private_file(files.certificate, _pem(_issue(authority, key.public_key(), names, now)))
    return files


def issue_local_certificate(directory: Path, name: str, now: dt.datetime) -> tuple[str, str]:
    """Return a certificate of the local authority in `directory` for one more host name, and its key, in PEM form."""
    authority = _ensure_authority(directory / "ca.pem", directory / "ca-key.pem", now)
    key = ec.generate_private_key(ec.SECP256R1())
    return _pem(_issue(authority, key.public_key(), (name,), now)).decode(), _key_pem(key).decode()


def certificate_names(hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the names and addresses for the certificate, sorted; listening everywhere means this machine's name."""
    own = {socket.gethostname() if host in UNSPECIFIED_HOSTS else host for host in hosts}
    return tuple(sorted({*LOCAL_NAMES, *own}))


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a server's context for these files: TLS 1.2 and newer, HTTP/1.1. Raises TlsError for unusable files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for path in (files.certificate, files.key):
        _read(path)
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse_password)
    except ssl.SSLError as error:
        raise TlsError(
            f"{files.certificate} and {files.key} are not a PEM certificate and its private key: {_reason(error)}"
        ) from error
    return context


def _refuse_password() -> str:
    # Without this, OpenSSL would ask on the terminal and the start would hang.
    raise TlsError("the private key is encrypted; give one without a passphrase, readable by the server alone")


def _reason(error: ssl.SSLError) -> str:
    known = {"KEY_VALUES_MISMATCH": "the key belongs to another certificate"}
    return known.get(error.reason or "", (error.reason or str(error)).lower().replace("_", " "))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(
            f"cannot read {path}: {error.strerror}; give --tls CERT,KEY as PEM files, auto or off"
        ) from error


def _is_current(files: TlsFiles, authority: Path, names: tuple[str, ...], now: dt.datetime) -> bool:
    paths = (files.certificate, files.key, authority)
    if not all(path.is_file() for path in paths):
        return False
    try:
        certificate, issuer = (x509.load_pem_x509_certificate(_read(path)) for path in (files.certificate, authority))
        key = serialization.load_pem_private_key(_read(files.key), password=None)
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    fresh = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE
    return fresh and key.public_key() == certificate.public_key() and _names_of(certificate) == names


def _names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(sorted(str(name.value) for name in names))


def _ensure_authority(certificate_path: Path, key_path: Path, now: dt.datetime) -> _Authority:
    if not certificate_path.exists():
        return _make_authority(certificate_path, key_path, now)
    try:
        certificate = x509.load_pem_x509_certificate(_read(certificate_path))
        key = serialization.load_pem_private_key(_read(key_path), password=None)
    except (ValueError, TypeError, TlsError) as error:
        raise _broken_authority(certificate_path, key_path) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise _broken_authority(certificate_path, key_path)
    if now + CERTIFICATE_LIFE > certificate.not_valid_after_utc:
        return _make_authority(certificate_path, key_path, now)
    return _Authority(certificate, key)


def _broken_authority(certificate_path: Path, key_path: Path) -> TlsError:
    # Replacing it silently would break every client that trusts it.
    return TlsError(
        f"{certificate_path} and {key_path} are not a certificate authority and its key; "
        "restore them, or delete both to make a new authority that clients must trust anew"
    )


def _make_authority(certificate_path: Path, key_path: Path, now: dt.datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(f"Groundwatch local authority on {socket.gethostname()}"[:64])
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private_file(key_path, _key_pem(key))
    write_private_file(certificate_path, _pem(certificate))
    return _Authority(certificate, key)


def _issue(
    authority: _Authority, public_key: ec.EllipticCurvePublicKey, names: tuple[str, ...], now: dt.datetime
) -> x509.Certificate:
    issuer_key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return (
        _builder(_name("Groundwatch"), authority.certificate.subject, public_key, now, CERTIFICATE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(issuer_key_id, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: dt.datetime, life: dt.timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
