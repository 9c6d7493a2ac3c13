"""Signatures of messages, by a key of the server's own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HASHES: Mapping[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - version 1 of the protocol
DEFAULT_VERSION = "1"
REMEMBERED = 16
"""Signatures: a message for many subscribers is signed once. Keys are whole messages, so few."""


class Signer:
    """Signs with an RSA key, whose certificate verifiers fetch from this server."""

    def __init__(self, key_pem: bytes, certificate_pem: bytes) -> None:
        key = serialization.load_pem_private_key(key_pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("messages are signed by an RSA key")
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        if certificate.public_key() != key.public_key():
            raise ValueError("the certificate belongs to another key")
        self._key = key
        self.certificate_pem = certificate_pem
        # The name changes with the certificate, since verifiers keep what they fetched.
        digest = hashlib.sha256(certificate_pem).hexdigest()[:32]
        self.certificate_path = f"/SimpleNotificationService-{digest}.pem"
        self.sign = lru_cache(maxsize=REMEMBERED)(self._sign)

    def _sign(self, text: str, version: str) -> str:
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), HASHES[version])
        return base64.b64encode(signature).decode()
