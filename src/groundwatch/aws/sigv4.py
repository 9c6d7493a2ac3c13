"""AWS Signature Version 4, pure: canonical requests, signatures, and signing of outgoing requests.

Reading what a client sent is in `authorization`; this module computes. Rules are those of every service but S3: paths
are normalised and encoded once more, and the payload is always hashed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote_plus

import msgspec

from groundwatch.aws.http import WireRequest

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
EMPTY_PAYLOAD_HASH = hashlib.sha256(b"").hexdigest()
_UNRESERVED = "-._~"
_BLANKS = re.compile(r"[ \t\r\n]+")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?\Z")


class Scope(msgspec.Struct, frozen=True):
    """The day, region and service that a signature is good for."""

    date: str
    """Eight digits, UTC."""
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


class SigningKeys:
    """Derives signing keys and keeps the most recently made ones: deriving costs four HMACs.

    They are kept with the work done that every HMAC with the same key begins with.
    """

    def __init__(self, max_entries: int = 1024) -> None:
        self._max_entries = max_entries
        self._keys: dict[tuple[str, Scope], hmac.HMAC] = {}

    def sign(self, secret_access_key: str, scope: Scope, text: str) -> str:
        """Return what `signature` does, with the key for one day, one service and one region."""
        made = self._find(secret_access_key, scope).copy()
        made.update(text.encode())
        return made.hexdigest()

    def _find(self, secret_access_key: str, scope: Scope) -> hmac.HMAC:
        entry = (secret_access_key, scope)
        key = self._keys.get(entry)
        if key is None:
            if len(self._keys) >= self._max_entries:
                del self._keys[next(iter(self._keys))]
            key = self._keys[entry] = hmac.new(derive_key(secret_access_key, scope), digestmod="sha256")
        return key


def derive_key(secret_access_key: str, scope: Scope) -> bytes:
    """Return the signing key of a secret for a scope."""
    key = f"AWS4{secret_access_key}".encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def payload_hash(body: bytes) -> str:
    """Return the lower-case hex SHA-256 of a body as sent."""
    return hashlib.sha256(body).hexdigest() if body else EMPTY_PAYLOAD_HASH


def canonical_request(
    request: WireRequest, signed_headers: Sequence[str], body_hash: str, *, without_query: str | None = None
) -> str:
    """Return the canonical form of a request; `without_query` names a query parameter to leave out."""
    headers = canonical_headers(request.headers, signed_headers)
    query = canonical_query(request.query_string, without_query)
    path = canonical_path(request.path)
    return f"{request.method}\n{path}\n{query}\n{headers}\n{';'.join(signed_headers)}\n{body_hash}"


def canonical_path(path: str) -> str:
    """Return the path without empty and dot segments, encoded once more; a trailing slash stays."""
    if path in {"", "/"}:
        return "/"
    if not _PLAIN_PATH.match(path):
        path = _without_dots(path)
    return quote(_bytes(path), safe="/" + _UNRESERVED)


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    # A path that ends in a slash or a dot segment names a folder.
    is_folder = path.endswith(("/", "/.", "/.."))
    return "/" + "/".join(kept) + ("/" if kept and is_folder else "")


def canonical_query(query_string: str, without: str | None = None) -> str:
    """Return the parameters decoded once, encoded, and sorted by encoded name and value."""
    if not query_string:
        return ""
    pairs = []
    for part in query_string.split("&"):
        name, _, value = part.partition("=")
        if part and name != without:
            pairs.append((_recode(name), _recode(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _recode(text: str) -> str:
    return quote(unquote_plus(text, encoding="latin-1").encode("latin-1"), safe=_UNRESERVED)


def canonical_headers(headers: Sequence[tuple[str, str]], signed_headers: Sequence[str]) -> str:
    """Return a line for each signed header: values trimmed, blanks collapsed, duplicates joined in order of arrival."""
    single = dict(headers)
    if len(single) == len(headers):
        # Nearly all requests have every header once.
        return "".join([f"{name}:{_collapse(single.get(name, ''))}\n" for name in signed_headers])
    found: dict[str, str] = {}
    wanted = frozenset(signed_headers)
    for name, value in headers:
        if name in wanted:
            text = _collapse(value)
            found[name] = f"{found[name]},{text}" if name in found else text
    return "".join(f"{name}:{found.get(name, '')}\n" for name in signed_headers)


def _collapse(value: str) -> str:
    # Not all of Unicode's blanks: the last byte of a letter in UTF-8 may be one of Latin-1's.
    text = value.strip(" \t\r\n")
    return _BLANKS.sub(" ", text) if "  " in text or "\t" in text or "\n" in text else text


def string_to_sign(canonical: str, timestamp: str, scope: Scope) -> str:
    """Return what the signing key is applied to; `timestamp` is in ISO 8601 basic format."""
    digest = hashlib.sha256(_bytes(canonical)).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{scope}\n{digest}"


def signature(key: bytes, text: str) -> str:
    """Return the lower-case hex signature of a string to sign."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def _bytes(text: str) -> bytes:
    # Bytes of the wire arrive as Latin-1 text, one character each; only in-process requests can hold more.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


class SigningCredential(msgspec.Struct, frozen=True):
    """A key to sign with; the token accompanies temporary keys."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


def sign_headers(
    request: WireRequest, credential: SigningCredential, *, region: str, service: str, timestamp: str
) -> tuple[tuple[str, str], ...]:
    """Return the headers to add to an outgoing request: `x-amz-date`, `authorization`, and the token if there is one.

    The request must have its `host` header; every header that it has is signed, so pass none that a proxy may change.
    `timestamp` is in ISO 8601 basic format.
    """
    added = [("x-amz-date", timestamp)]
    if credential.session_token is not None:
        added.append(("x-amz-security-token", credential.session_token))
    names = {"x-amz-date", "x-amz-security-token", "authorization"}
    kept = tuple((name, value) for name, value in request.headers if name not in names)
    unsigned = msgspec.structs.replace(request, headers=(*kept, *added))
    scope = Scope(timestamp[:8], region, service)
    signed = sorted({name for name, _ in unsigned.headers})
    body_hash = request.header("x-amz-content-sha256") or payload_hash(request.body)
    text = string_to_sign(canonical_request(unsigned, signed, body_hash), timestamp, scope)
    value = signature(derive_key(credential.secret_access_key, scope), text)
    authorization = (
        f"{ALGORITHM} Credential={credential.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(signed)}, Signature={value}"
    )
    return (*added, ("authorization", authorization))


def presign_query(
    request: WireRequest, credential: SigningCredential, scope: Scope, *, timestamp: str, expires_s: int
) -> str:
    """Return the query string that makes a request valid for `expires_s` seconds without any header but `host`."""
    parameters = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credential.access_key_id}/{scope}",
        "X-Amz-Date": timestamp,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": "host",
    }
    if credential.session_token is not None:
        parameters["X-Amz-Security-Token"] = credential.session_token
    added = "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in parameters.items())
    query = f"{request.query_string}&{added}" if request.query_string else added
    unsigned = msgspec.structs.replace(request, query_string=query)
    text = string_to_sign(canonical_request(unsigned, ["host"], payload_hash(request.body)), timestamp, scope)
    return f"{query}&X-Amz-Signature={signature(derive_key(credential.secret_access_key, scope), text)}"
