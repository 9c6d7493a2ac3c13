"""Builders shared by the tests of the wire."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import load_service
from groundwatch.aws.protocols.choice import CODECS, codec_for
from groundwatch.aws.protocols.codec import Codec


@pytest.fixture(scope="session")
def codecs() -> dict[str, Codec]:
    """Codecs by service, and by service and protocol for the one that speaks several."""
    found = {name: codec_for(load_service(name)) for name in ("logs", "iam", "sts", "sns", "apigateway")}
    cloudwatch = load_service("cloudwatch")
    return found | {f"cloudwatch/{protocol}": CODECS[protocol](cloudwatch) for protocol in cloudwatch.protocols}


@pytest.fixture(scope="session")
def json_request() -> Callable[..., WireRequest]:
    def build(operation: str, body: bytes, **headers: str) -> WireRequest:
        given = {"x-amz-target": f"Logs_20140328.{operation}", "content-type": "application/x-amz-json-1.1"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return WireRequest("POST", "/", "", tuple(given.items()), body, "127.0.0.1")

    return build


@pytest.fixture(scope="session")
def query_request() -> Callable[..., WireRequest]:
    def build(body: str, **headers: str) -> WireRequest:
        given = {"content-type": "application/x-www-form-urlencoded"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return WireRequest("POST", "/", "", tuple(given.items()), body.encode(), "127.0.0.1")

    return build
