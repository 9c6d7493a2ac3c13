"""Requests made by hand, where an SDK would not send them, over real sockets."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import socket
import ssl
import time
from typing import NamedTuple

from groundwatch.aws.http import WireRequest
from groundwatch.aws.sigv4 import SigningCredential, sign_headers

JSON = "application/x-amz-json-1.1"
GROUP, STREAM = "/bad/input", "stream"
INVALID = "InvalidParameterException"
LEAKS = re.compile(rb'Traceback|File "|\.py\b|object has no attribute|NoneType|sqlalchemy|msgspec')


class Answer(NamedTuple):
    status: int
    head: bytes
    body: bytes

    @property
    def error(self) -> tuple[str, str | None]:
        told = json.loads(self.body)
        return told["__type"], told.get("message")


def connect(port: int, *, tls: bool) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    if not tls:
        return plain
    trust = ssl._create_unverified_context()
    return trust.wrap_socket(plain, server_hostname="localhost")


def read_answer(connection: socket.socket) -> Answer:
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        assert piece, f"the connection was closed after {got!r}"
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    pieces, missing = [body], int(length[1]) - len(body) if length else 0
    while missing > 0:
        pieces.append(connection.recv(65536))
        assert pieces[-1], "the body was cut off"
        missing -= len(pieces[-1])
    return Answer(int(head.split()[1]), head.lower(), b"".join(pieces))


def exchange(port: int, request: bytes, *, tls: bool = False) -> Answer:
    with connect(port, tls=tls) as connection:
        # A server that refuses early may close before everything is sent.
        with contextlib.suppress(OSError):
            connection.sendall(request)
        return read_answer(connection)


def http(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("latin-1") + body


class Caller:
    """Signs requests by hand, with whatever in them."""

    def __init__(self, server) -> None:
        self.server = server
        credentials = server.credentials
        self.key = SigningCredential(credentials.access_key_id, credentials.secret_access_key, None)

    def signed(
        self, body: bytes, headers: dict[str, str], *, service="logs", target="/", moment=None, key=None, method="POST"
    ) -> dict[str, str]:
        """Return the headers of a request, its signature among them."""
        stamp = f"{moment or dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}"
        path, _, query = target.partition("?")
        sent = {"host": f"127.0.0.1:{self.server.service_port}", **headers}
        wire = WireRequest(method, path, query, tuple(sent.items()), body, "127.0.0.1")
        added = sign_headers(wire, key or self.key, region="us-east-1", service=service, timestamp=stamp)
        return {**sent, **dict(added)}

    def send(self, body: bytes, headers: dict[str, str], *, target="/", method="POST", **how) -> Answer:
        signed = self.signed(body, headers, target=target, method=method, **how)
        return exchange(self.server.service_port, http(method, target, signed, body))

    def logs(self, operation: str, body: object, extra: dict[str, str] | None = None, **how) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": JSON, "x-amz-target": f"Logs_20140328.{operation}", **(extra or {})}
        return self.send(raw, headers, **how)


def key_of(made: dict[str, str], token: str | None = None) -> SigningCredential:
    return SigningCredential(made["AccessKeyId"], made["SecretAccessKey"], token)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(message: str = "x", at_ms: int = 0) -> dict[str, object]:
    return {"timestamp": now_ms() + at_ms, "message": message}


def put(*events: object, **more: object) -> dict[str, object]:
    return {"logGroupName": GROUP, "logStreamName": STREAM, "logEvents": list(events), **more}


def raw_put(message: bytes = b"x", timestamp: bytes | None = None) -> bytes:
    at = timestamp or b"%d" % now_ms()
    start = b'{"logGroupName":"%s","logStreamName":"%s",' % (GROUP.encode(), STREAM.encode())
    return start + b'"logEvents":[{"timestamp":%s,"message":"%s"}]}' % (at, message)


IMPORT = "/restapis?mode=import"


def import_definition(caller: Caller, document: bytes) -> Answer:
    headers = {"content-type": "application/json", "accept": "application/json"}
    return caller.send(document, headers, service="apigateway", target=IMPORT)
