"""How long a definition of 300 methods takes: to be imported and deployed by a user, and to be compiled as a whole.

A deployment compiles a method when it is first called, so the first figure ends with the answer of one method, and the
second, within this process, compiles all of them with all their templates.
"""

from __future__ import annotations

import time

from benchmarks.client import LoadError, describe, request_once
from benchmarks.definitions import VERBS, encoded, mocks
from benchmarks.gateway_calls import STAGE, client, deploy, request
from benchmarks.report import Row, Series
from benchmarks.servers import Server, groundwatch_server
from benchmarks.settings import Settings
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.gateway.control.ids import RandomIds
from groundwatch.gateway.control.rest_apis import new_api
from groundwatch.gateway.definition import Method, Resource, RestApi
from groundwatch.gateway.openapi.document import load_document
from groundwatch.gateway.openapi.findings import Findings
from groundwatch.gateway.openapi.merge import Merge
from groundwatch.gateway.openapi.reader import read_draft
from groundwatch.gateway.runtime.compiled import CompiledDeployment

NAME = "definition"
METHODS = 300
TARGET_S = 1.0
ACCOUNT, REGION = "000000000000", "us-east-1"


def run(settings: Settings) -> list[Row]:
    """Measure both in every round, each on an API of its own."""
    document = encoded(mocks(METHODS))
    live: list[float] = []
    compiled: list[float] = []
    with groundwatch_server() as server:
        for _ in range(settings.rounds):
            live.append(go_live(server, document))
            compiled.append(compile_all(document))
    what = f"a definition of {METHODS} methods"
    return [
        Row(NAME, f"{what}, from import to the first answer", Series("Groundwatch", "s", live), TARGET_S, "below"),
        Row(NAME, f"{what}, read and wholly compiled", Series("Groundwatch", "s", compiled), TARGET_S, "below"),
    ]


def go_live(server: Server, document: bytes) -> float:
    """Import and deploy a definition, have one method answer, and return the seconds that this took."""
    if server.gateway is None:
        raise ValueError(f"{server.name} has no gateway port")
    gateway = client(server, "apigateway")
    start_s = time.perf_counter()
    asked = request(server, f"/{deploy(gateway, document)}/{STAGE}/things0/7")
    answer = request_once(server.gateway, asked)
    elapsed_s = time.perf_counter() - start_s
    if answer.status != 200:
        raise LoadError(describe(asked, answer))
    return elapsed_s


def compile_all(document: bytes) -> float:
    """Read a definition, compile its routes, all methods and all templates, and return the seconds that this took."""
    start_s = time.perf_counter()
    api = read_api(document)
    deployment = CompiledDeployment("benchmark", api)
    compiled = [_compile(deployment, resource, method) for resource, method in _methods(api)]
    elapsed_s = time.perf_counter() - start_s
    if len(compiled) != METHODS or not all(compiled):
        raise LoadError(f"{sum(compiled)} of {METHODS} methods were compiled")
    return elapsed_s


def read_api(document: bytes) -> RestApi:
    """Return what an import makes of a document."""
    findings = Findings()
    root = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "Account", ACCOUNT)
    context = RequestContext(
        account_id=ACCOUNT,
        region=REGION,
        request_id="benchmark",
        principal=root,
        source_ip="127.0.0.1",
        user_agent="benchmark",
        secure=True,
        received_ms=0,
    )
    ids = RandomIds()
    api = new_api(context, ids, "benchmark", 0)
    draft = read_draft(load_document(document, context), api.id, findings)
    return Merge(draft, findings, ids, "ignore", lambda _document: None).into(api, "overwrite")


def _methods(api: RestApi) -> list[tuple[Resource, Method]]:
    return [(resource, method) for resource in api.resources.values() for method in resource.methods.values()]


def _compile(deployment: CompiledDeployment, resource: Resource, method: Method) -> bool:
    """Compile one method as its first request does, and also the templates that this request would not need."""
    found = deployment.match(resource.path.replace("{id}", "7"))
    compiled = None if found is None else deployment.method(found.resource, method.http_method)
    if compiled is None or method.http_method.lower() not in VERBS:
        return False
    for templates in (compiled.templates, *(response.templates for response in compiled.responses)):
        for source in templates.values():
            source.compiled()
    return True
