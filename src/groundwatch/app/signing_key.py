"""The key that signs notifications, and its certificate: made at the first start, kept in the data directory."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from groundwatch.config import StartupError
from groundwatch.data_directory import make_private_directory, write_private_file
from groundwatch.notifications.signing import Signer

KEY_BITS = 2048
LIFE = dt.timedelta(days=20 * 365)
BACKDATING = dt.timedelta(hours=1)
COMMON_NAME = "sns.groundwatch"


def load_signer(directory: Path, now: dt.datetime) -> Signer:
    """Return the signer whose key is in `directory`; a key or certificate that is missing is made.

    Raises StartupError for files that are no such pair: a new key would make what was sent look forged.
    """
    key_path, certificate_path = directory / "signing-key.pem", directory / "signing.pem"
    make_private_directory(directory)
    if not key_path.exists():
        write_private_file(key_path, _key_pem(rsa.generate_private_key(65537, KEY_BITS)))
        certificate_path.unlink(missing_ok=True)
    key_pem = key_path.read_bytes()
    try:
        if not certificate_path.exists():
            write_private_file(certificate_path, _certificate_pem(key_pem, now))
        return Signer(key_pem, certificate_path.read_bytes())
    except (ValueError, TypeError) as error:
        raise StartupError(
            f"{key_path} and {certificate_path} are not an RSA key and its certificate: {error}; restore them, or "
            "delete both to sign with a new key"
        ) from error


def _certificate_pem(key_pem: bytes, now: dt.datetime) -> bytes:
    key = serialization.load_pem_private_key(key_pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key is not an RSA key")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
