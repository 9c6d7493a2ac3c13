"""Requests in the shape that the AWS SDKs send, signed by botocore."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchmarks.client import Endpoint, Request

LOGS_TARGET = "Logs_20140328"
USER_AGENT = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux md/arch#x86_64 lang/python#3.11 cfg/retry-mode#legacy"


class AccessKey(msgspec.Struct, frozen=True):
    """A key pair and the region that its requests are signed for."""

    access_key_id: str
    secret_access_key: str
    region: str = "us-east-1"


class LogsSigner:
    """Makes signed requests to CloudWatch Logs at one endpoint. A signature is good for 15 minutes."""

    def __init__(self, endpoint: Endpoint, key: AccessKey) -> None:
        self._url = f"{endpoint.url}/"
        self._host = f"{endpoint.host}:{endpoint.port}"
        credentials = Credentials(key.access_key_id, key.secret_access_key)
        self._signer: Any = SigV4Auth(credentials, "logs", key.region)

    def request(self, operation: str, body: bytes | memoryview) -> Request:
        """Return a signed call of `operation`; each has its own invocation id, so no two calls are the same bytes."""
        headers = {
            "Host": self._host,
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{LOGS_TARGET}.{operation}",
            "User-Agent": USER_AGENT,
            "amz-sdk-invocation-id": str(uuid.uuid4()),
            "amz-sdk-request": "attempt=1",
        }
        unsigned = AWSRequest("POST", self._url, headers=headers, data=bytes(body))
        self._signer.add_auth(unsigned)
        lines = [f"{name}: {value}" for name, value in unsigned.headers.items()]
        head = "\r\n".join(("POST / HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""))
        return Request(head.encode("latin-1"), body)

    def requests(self, operation: str, bodies: Iterable[bytes | memoryview]) -> Iterator[Request]:
        """Yield a signed call for each body, signed when it is asked for."""
        return (self.request(operation, body) for body in bodies)
