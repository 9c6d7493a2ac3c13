"""A signed HTTP request put together byte by byte, as a given client sends it, and its reply.

HTTP libraries normalise what this is about: the case and order of headers, the framing of the body, the headers that a
signature covers. The signature here is written from the documentation of Signature Version 4, not from the server's.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from string import Template

TIMEOUT_S = 30
CHUNKS = 3


@dataclass(frozen=True)
class Keys:
    """Whose requests these are."""

    access_key_id: str
    secret_access_key: str
    region: str


@dataclass(frozen=True)
class Shape:
    """How a client words its requests: headers in the order sent, as templates, and which of them it signs."""

    headers: Sequence[tuple[str, str]]
    signed: Sequence[str]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def json(self) -> dict:
        return json.loads(self.body) if self.body else {}


class Connection:
    """One kept-alive connection, as agents use it."""

    def __init__(self, host: str, port: int, keys: Keys) -> None:
        self._socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self._authority = f"{host}:{port}"
        self._keys = keys

    def close(self) -> None:
        self._socket.close()

    def send(self, shape: Shape, operation: str, body: bytes) -> Reply:
        """Send one request in a client's shape and return the reply."""
        names = {name.lower(): value for name, value in shape.headers}
        payload = gzip.compress(body) if names.get("content-encoding") == "gzip" else body
        headers = self._headers(shape, operation, payload)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._socket.sendall(f"POST / HTTP/1.1\r\n{head}\r\n".encode())
        if names.get("expect") == "100-continue":
            self._await_continue()
        self._socket.sendall(_chunked(payload) if "transfer-encoding" in names else payload)
        response = HTTPResponse(self._socket, method="POST")
        response.begin()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, received, response.read())

    def _headers(self, shape: Shape, operation: str, payload: bytes) -> list[tuple[str, str]]:
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        values = {
            "host": self._authority,
            "date": date,
            "length": str(len(payload)),
            "operation": operation,
            "uuid": str(uuid.uuid4()),
            "sha256": hashlib.sha256(payload).hexdigest(),
        }
        partly = [(name, Template(value).safe_substitute(values)) for name, value in shape.headers]
        authorization = self._authorization(partly, shape.signed, date, values["sha256"])
        return [(name, Template(value).substitute(authorization=authorization)) for name, value in partly]

    def _authorization(
        self, headers: Sequence[tuple[str, str]], signed: Sequence[str], date: str, payload_hash: str
    ) -> str:
        values = {name.lower(): " ".join(value.split()) for name, value in headers}
        names = sorted(signed)
        canonical_headers = "".join(f"{name}:{values[name]}\n" for name in names)
        canonical = "\n".join(["POST", "/", "", canonical_headers, ";".join(names), payload_hash])
        scope = f"{date[:8]}/{self._keys.region}/logs/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = f"AWS4{self._keys.secret_access_key}".encode()
        for part in (date[:8], self._keys.region, "logs", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return (
            f"AWS4-HMAC-SHA256 Credential={self._keys.access_key_id}/{scope}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )

    def _await_continue(self) -> None:
        """Read up to the end of the interim reply, and nothing of what follows."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise ConnectionError("the server closed the connection instead of asking for the body")
            head += byte
        assert head.startswith(b"HTTP/1.1 100"), head


def _chunked(payload: bytes) -> bytes:
    size = len(payload) // CHUNKS + 1
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
