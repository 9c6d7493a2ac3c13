"""Set-up calls to the control plane, and requests for what was deployed, outside every clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import boto3
from botocore.config import Config

from benchmarks.client import Request
from benchmarks.servers import Server

STAGE = "bench"


class Client(Protocol):
    """A boto3 client: one method an operation, keyword arguments in, members out."""

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]: ...


def client(server: Server, service: str) -> Client:
    """Return a client of one service, for the server's administrator."""
    made: Client = boto3.client(
        service,
        endpoint_url=server.service.url,
        region_name=server.key.region,
        aws_access_key_id=server.key.access_key_id,
        aws_secret_access_key=server.key.secret_access_key,
        # A retry would hide the failure that it follows, a proxy would stand between client and server.
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    return made


def deploy(gateway: Client, document: bytes) -> str:
    """Import a definition, deploy it to the stage of all benchmarks and return the id of the API."""
    api_id: str = gateway.import_rest_api(body=document)["id"]
    gateway.create_deployment(restApiId=api_id, stageName=STAGE)
    return api_id


def request(server: Server, target: str, verb: str = "GET", *headers: str) -> Request:
    """Return a request without body for a path of the gateway port."""
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    host = f"Host: {server.gateway.host}:{server.gateway.port}"
    lines = (f"{verb} {target} HTTP/1.1", host, *headers, "Accept: application/json", "", "")
    return Request("\r\n".join(lines).encode("ascii"))
