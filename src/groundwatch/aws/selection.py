"""Which service a request is meant for, when all of them answer at one address."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from groundwatch.aws.authorization import read_scope_unverified
from groundwatch.aws.http import WireRequest
from groundwatch.aws.models import ServiceDescription
from groundwatch.aws.protocols.cbor import operation_in_path
from groundwatch.aws.protocols.routes import RouteTable

_FORM = "application/x-www-form-urlencoded"
_MAX_FORM_BYTES = 64 * 1024
_SERVICE = re.compile(r"[a-z0-9-]{1,64}\Z")
_HOST_PREFIXES = ("stream-", "streaming-")
"""What SDKs put before the host name for operations with event streams, since April 2026 and before."""


class ServiceSelector:
    """Chooses by the first of these that tells:

    1. the service in the credential scope, which the signature later proves;
    2. the prefix of `X-Amz-Target`, which RPC-v2-CBOR has in the path (`/service/X/operation/Y`);
    3. `Action` and `Version` of the query protocol; nothing else overrules a scope that names another service;
    4. a label of the host name (`logs.us-east-1.example.org`, `stream-logs.us-east-1.example.org`);
    5. a path that belongs to a REST service;
    6. nothing: the first service, whose error form then answers.
    """

    def __init__(self, services: Sequence[ServiceDescription], signing_names: Mapping[str, str | None]) -> None:
        if not services:
            raise ValueError("a service port needs at least one service")
        self._default = services[0].name
        self._by_scope = {signing_names.get(s.name) or s.signing_name: s.name for s in services}
        self._by_target = {s.target_prefix: s.name for s in services if s.target_prefix}
        self._by_version = {s.api_version: s.name for s in services if "query" in s.protocols}
        self._by_host = {s.endpoint_prefix: s.name for s in services} | {s.name: s.name for s in services}
        self._query_services = [s for s in services if "query" in s.protocols]
        self._routes = [
            (s.name, RouteTable((name, *s.http_binding(name)) for name in s.operation_names))
            for s in services
            if s.protocol == "rest-json"
        ]

    def scoped(self, request: WireRequest) -> str | None:
        """Return what `choose` does when the credential scope tells, as it does in nearly all requests, else None."""
        claimed = read_scope_unverified(request)
        return None if claimed is None else self._by_scope.get(claimed[1].service)

    def choose(self, request: WireRequest) -> str:
        """Return the model name of the service that should answer the request; reads nothing that must be trusted."""
        return self._by_words(request) or self._by_place(request) or self._default

    def foreign(self, request: WireRequest) -> str | None:
        """Return the service that the credential scope names when it is none of these and nothing else names one."""
        claimed = read_scope_unverified(request)
        if claimed is None or claimed[1].service in self._by_scope or _SERVICE.match(claimed[1].service) is None:
            return None
        return None if self._by_words(request) is not None else claimed[1].service

    def _by_words(self, request: WireRequest) -> str | None:
        """Choose by what names a service in so many words."""
        scoped = self.scoped(request)
        if scoped is not None:
            return scoped
        target = request.header("x-amz-target")
        if target is not None and target.rpartition(".")[0] in self._by_target:
            return self._by_target[target.rpartition(".")[0]]
        named = operation_in_path(request.path)
        if named is not None and named[0] in self._by_target:
            return self._by_target[named[0]]
        return self._by_version.get(_form_fields(request).get("Version", ""))

    def _by_place(self, request: WireRequest) -> str | None:
        return self._by_action(request) or self._by_hostname(request) or self._by_path(request)

    def _by_action(self, request: WireRequest) -> str | None:
        action = _form_fields(request).get("Action", "")
        return next((s.name for s in self._query_services if s.find_operation(action) is not None), None)

    def _by_hostname(self, request: WireRequest) -> str | None:
        labels = (request.header("host") or "").partition(":")[0].lower().split(".")
        for prefix in _HOST_PREFIXES:
            labels[0] = labels[0].removeprefix(prefix)
        return next((self._by_host[label] for label in labels if label in self._by_host), None)

    def _by_path(self, request: WireRequest) -> str | None:
        for name, routes in self._routes:
            if routes.find(request.method, request.path, request.query_string) is not None:
                return name
        return None


def _form_fields(request: WireRequest) -> dict[str, str]:
    """Return the fields of a request in the query protocol, nothing for others."""
    text = request.query_string
    if (request.header("content-type") or "").startswith(_FORM):
        text = f"{text}&{request.body[:_MAX_FORM_BYTES].decode('latin-1')}"
    return dict(parse_qsl(text)) if "Action=" in text else {}
