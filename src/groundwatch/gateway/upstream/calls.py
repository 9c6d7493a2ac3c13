"""Signed calls of AWS services elsewhere, over the pooled connections of the outbound client."""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.upstream.credentials import Keys
from groundwatch.gateway.upstream.endpoints import Endpoint
from groundwatch.outbound import OutboundClient

_XML_CODE = re.compile(rb"<Code>([A-Za-z0-9.]+)</Code>")
_NOT_SENT = frozenset({"host", "content-length", "x-amz-date", "x-amz-source-arn", "connection"})
"""What the client or the signature adds; `aws:SourceArn` is a word between AWS services, not for signed requests."""


async def call_upstream(
    client: OutboundClient, endpoint: Endpoint, path: str, request: WireRequest, keys: Keys, *, timeout_s: float
) -> WireResponse:
    """Send `request` to `path` (percent-encoded) at an endpoint, signed with `keys`, and return the whole answer.

    Raises:
        OutboundError: when there is no answer.
    """
    url = endpoint.url + path + (f"?{request.query_string}" if request.query_string else "")
    headers = {name: value for name, value in request.headers if name not in _NOT_SENT}
    signed = AWSRequest(request.method, url, headers, request.body)
    _sign(signed, endpoint, keys)
    answer = await client.send(
        request.method, url, headers=list(signed.headers.items()), body=request.body, timeout_s=timeout_s
    )
    return WireResponse(answer.status, answer.headers, answer.body)


def error_code(answer: WireResponse) -> str | None:
    """Return the code of an error where the protocols of AWS have it; messages, which quote clients, do not count."""
    if answer.status < 400:
        return None
    code: object = answer.header("x-amzn-errortype")
    if code is None:
        code = _code_in(answer.body)
    return code.partition(":")[0].rpartition("#")[2] if isinstance(code, str) else None


def _code_in(body: bytes) -> object:
    xml = _XML_CODE.search(body) if body.lstrip().startswith(b"<") else None
    if xml is not None:
        return xml[1].decode()
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document.get("__type") or document.get("code") if isinstance(document, dict) else None


def endpoint_path(endpoint: Endpoint, path: str, subdomain: str | None) -> tuple[Endpoint, str]:
    """Return where a request with a subdomain goes: a host at AWS, a path elsewhere, as S3's buckets are addressed."""
    if subdomain is None:
        return endpoint, path
    scheme, _, host = endpoint.url.partition("://")
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return Endpoint(f"{scheme}://{subdomain}.{host}", endpoint.signing_name, endpoint.signing_region), path
    return endpoint, f"/{quote(subdomain)}{path}"


def _sign(request: AWSRequest, endpoint: Endpoint, keys: Keys) -> None:
    # S3 alone signs paths as they are; everything else encodes them once more.
    signer = S3SigV4Auth if endpoint.signing_name == "s3" else SigV4Auth
    credentials = Credentials(keys.access_key, keys.secret_key, keys.token)
    signer(credentials, endpoint.signing_name, endpoint.signing_region).add_auth(request)
