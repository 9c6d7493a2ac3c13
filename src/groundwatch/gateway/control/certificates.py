"""What an uploaded certificate must fulfil before it is presented to anybody."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from groundwatch.aws.errors import ServiceError
from groundwatch.gateway.control.errors import bad_request
from groundwatch.gateway.domains.values import UploadedCertificate

MAX_PEM_CHARACTERS = 64 * 1024


def uploaded_certificate(
    name: str, body: str | None, private_key: str | None, chain: str | None, now_ms: int
) -> UploadedCertificate | None:
    """Return a certificate with its key, or None when none is handed over.

    Raises BadRequestException for a part that is missing, is no PEM, fits no other or is for another name.
    """
    if body is None and private_key is None and chain is None:
        return None
    if not body or not private_key:
        raise bad_request("Both certificateBody and certificatePrivateKey must be given to upload a certificate")
    if max(map(len, (body, private_key, chain or ""))) > MAX_PEM_CHARACTERS:
        raise bad_request(f"A part of the certificate is longer than {MAX_PEM_CHARACTERS} characters")
    certificate = _certificate(body)
    if _key_bits(private_key) != certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    ):
        raise bad_request("The certificatePrivateKey does not belong to the certificate")
    if not any(_covers(known, name) for known in _names(certificate)):
        raise bad_request(f"The certificate is not for the domain name {name}")
    if chain:
        _certificate(chain)
    return UploadedCertificate("\n".join(part.strip() for part in (body, chain) if part) + "\n", private_key, now_ms)


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_pem("certificate") from error


def _key_bits(pem: str) -> bytes:
    """Return the public half of a private key."""
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # Nothing of the key itself may show in a message or a log.
        raise _no_pem("private key without a passphrase") from error
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _no_pem(what: str) -> ServiceError:
    return bad_request(f"Unable to parse certificate: a part of it is not a {what} in PEM form")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [name.lower() for name in found.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [str(attribute.value).lower() for attribute in common]


def _covers(known: str, name: str) -> bool:
    """Tell whether a name in a certificate is good for a domain; a wildcard stands for one label."""
    return known == name or (known.startswith("*.") and known[2:] == name.partition(".")[2])
