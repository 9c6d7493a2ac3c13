"""Self-signed certificates by which backends recognise the gateway, in the form that the service makes them."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = dt.timedelta(days=365)
KEY_BITS = 2048
COMMON_NAME = "ApiGateway"


class GeneratedCertificate(NamedTuple):
    """A certificate, its key and its end."""

    certificate_pem: str
    key_pem: str
    expires_ms: int


def generate(now_ms: int) -> GeneratedCertificate:
    """Return a new certificate for a year; takes some 100 ms, so it belongs in a thread."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    begin = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFE)
        # Backends trust the very certificate, which must then count as an authority that signs itself.
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    expires_ms = round((begin + LIFE).timestamp() * 1000)
    return GeneratedCertificate(
        certificate.public_bytes(serialization.Encoding.PEM).decode(), key_pem.decode(), expires_ms
    )
