"""A gateway with one API, made from a table of methods, driven by exchanges without a network."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from tests.clocks import ManualClock
from tests.exchanges import Client

from groundwatch.aws.authentication import SigV4Authenticator
from groundwatch.aws.context import Credential, Principal
from groundwatch.aws.errors import ServiceError
from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.issuers import IssuerDirectory
from groundwatch.gateway.authorizers.key_sets import FetchError, KeySets
from groundwatch.gateway.authorizers.tokens import TokenVerifier
from groundwatch.gateway.catalog import DeployedStage
from groundwatch.gateway.connections.private import PrivateConnections
from groundwatch.gateway.definition import (
    ApiKey,
    Deployment,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    Quota,
    Resource,
    RestApi,
    Stage,
    UsagePlan,
)
from groundwatch.gateway.domains.directory import DomainRoutes, DomainTable
from groundwatch.gateway.domains.values import BasePathMapping, DomainName
from groundwatch.gateway.functions import FunctionAnswer
from groundwatch.gateway.integrations.base import Upstreams
from groundwatch.gateway.runtime.access import AccessEntry
from groundwatch.gateway.runtime.app import GatewayApp, GatewaySettings
from groundwatch.gateway.usage_sql import UsageKey
from groundwatch.identity.access import PolicyAuthorizer
from groundwatch.identity.documents import DocumentEvaluator
from groundwatch.identity.values import Permissions
from groundwatch.outbound import OutboundClient, OutboundRules

ACCOUNT = "123456789012"
API = "abcdef1234"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/logs"
MAX_ANSWER = 100_000
NOW_MS = 1_700_000_000_000
ISSUER = "http://login.localhost/realms/main"


@dataclass
class FakeCatalog:
    """One deployed stage, and keys by value."""

    deployed: DeployedStage
    keys: dict[str, ApiKey] = field(default_factory=dict)
    plans: dict[str, UsagePlan] = field(default_factory=dict)
    """By the id of the key."""

    async def find_stage(self, api_id: str, stage_name: str) -> DeployedStage | None:
        found = (api_id, stage_name) == (self.deployed.api.id, self.deployed.stage.name)
        return self.deployed if found else None

    async def find_api_key(self, value: str, api_id: str, stage_name: str) -> ApiKey | None:
        return self.keys.get(value)

    async def find_usage_plan(self, key: ApiKey, api_id: str, stage_name: str) -> UsagePlan | None:
        return self.plans.get(key.id)

    def set_stage(self, **changes: Any) -> None:
        """Change the stage."""
        stage = msgspec.structs.replace(self.deployed.stage, **changes)
        self.deployed = msgspec.structs.replace(self.deployed, stage=stage)


class FakeDomains:
    """Custom domains with their mappings: base path → (API, stage)."""

    def __init__(self, **mappings: Mapping[str, tuple[str, str | None]]) -> None:
        self.table = DomainTable(
            DomainRoutes(
                DomainName(name, ACCOUNT, "eu-west-1", "d-1", 0),
                {path: BasePathMapping(path, *target) for path, target in found.items()},
            )
            for name, found in mappings.items()
        )

    async def find(self, host: str) -> DomainRoutes | None:
        return self.peek(host)

    def peek(self, host: str) -> DomainRoutes | None:
        return self.table.find(host)


@dataclass
class FakeUsage:
    """Counts in memory, without periods."""

    spent: Counter[UsageKey] = field(default_factory=Counter)

    async def spend(self, key: UsageKey, quota: Quota | None) -> bool:
        if quota is not None and self.spent[key] >= quota.limit:
            return False
        self.spent[key] += 1
        return True


@dataclass
class FakeBackend:
    """Remembers calls and gives the prepared answer."""

    answer: WireResponse | Exception | Callable[[WireRequest], Any] = field(
        default_factory=lambda: WireResponse(200, (("Content-Type", "application/x-amz-json-1.1"),), b"{}")
    )
    calls: list[tuple[str, WireRequest, Principal, str, str]] = field(default_factory=list)

    async def call(
        self, service: str, request: WireRequest, principal: Principal, *, region: str, source_arn: str
    ) -> WireResponse:
        self.calls.append((service, request, principal, region, source_arn))
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            return await self.answer(request)
        return self.answer


@dataclass
class FakeRoles:
    """Knows one role."""

    assumed: list[Mapping[str, Any]] = field(default_factory=list)

    async def assume_for_service(
        self, role_arn: str, service: str, *, account_id: str, session_name: str, source_arn: str | None
    ) -> Principal:
        self.assumed.append({"role": role_arn, "service": service, "session": session_name, "source": source_arn})
        if role_arn != ROLE:
            raise ServiceError("AccessDenied", "not for you")
        return Principal(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/logs/{session_name}", "AssumedRole", "AROA:x")


@dataclass
class FakeIdentities:
    """Access keys, and the policies of their owners, for the real evaluation."""

    credentials: dict[str, Credential] = field(default_factory=dict)
    policies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By the unique id of the owner."""
    disabled: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.key_uses = self

    def note(self, context: Any, action: str) -> None:
        pass

    async def find_credential(self, access_key_id: str) -> Credential | None:
        return self.credentials.get(access_key_id)

    def kept_permissions(self, owner_id: str) -> Permissions | None:
        return None

    async def permissions(self, owner_id: str) -> Permissions:
        return Permissions(policies=self.policies.get(owner_id, ()))

    async def find_session(self, access_key_id: str) -> None:
        return None

    async def is_active(self, account_id: str) -> bool:
        return account_id not in self.disabled


@dataclass
class FakeFunctions:
    """Functions by ARN: a document to answer with, or an error to raise."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def invoke(
        self, function_arn: str, payload: bytes, *, headers: Mapping[str, str] | None = None, timeout_s: float = 0
    ) -> FunctionAnswer:
        self.calls.append((function_arn, msgspec.json.decode(payload)))
        self.headers.append(dict(headers or {}))
        answer = self.answers[function_arn]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, FunctionAnswer) else FunctionAnswer(msgspec.json.encode(answer))


@dataclass
class FakeWeb:
    """Documents by URL, and the URLs that were asked for."""

    documents: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.documents:
            raise FetchError("not there")
        return msgspec.json.encode(self.documents[url])


def _as_received(text: str) -> str:
    """Return what listeners make of the text's bytes."""
    return text.encode().decode("latin-1")


class Answer(msgspec.Struct):
    """What came out of the application."""

    status: int
    headers: dict[str, str]
    body: str


class Gateway:
    """The application on one deployed stage, with fakes of all that is around it."""

    def __init__(
        self,
        stage: DeployedStage,
        outbound: OutboundClient,
        *,
        domains: FakeDomains | None = None,
        private: PrivateConnections | None = None,
    ) -> None:
        self.catalog = FakeCatalog(stage)
        self.backend, self.roles, self.functions = FakeBackend(), FakeRoles(), FakeFunctions()
        self.identities, self.web, self.usage = FakeIdentities(), FakeWeb(), FakeUsage()
        self.clock = ManualClock(NOW_MS)
        self.entries: list[AccessEntry] = []
        self.last_fields: list[tuple[str, str]] = []
        self.last_body = b""
        self.app = GatewayApp(
            self.catalog,
            Upstreams(
                self.backend, self.roles, PolicyAuthorizer(self.identities), self.functions, outbound, private=private
            ),
            guards=self._guards(),
            usage=self.usage,
            access_log=self,
            settings=GatewaySettings(region="eu-west-1"),
            health=_health,
            clock_ms=self.clock,
            clock_s=lambda: self.clock.now_ms / 1000,
            domains=domains,
        )

    def _guards(self) -> MethodGuards:
        web, clock, identities = self.web, self.clock, self.identities
        return MethodGuards(
            authenticator=SigV4Authenticator(identities, frozenset({"execute-api"}), clock),
            policies=PolicyAuthorizer(identities),
            documents=DocumentEvaluator(),
            functions=self.functions,
            tokens=TokenVerifier(KeySets(web.fetch, web.fetch, clock), clock),
            issuers=IssuerDirectory({"eu-west-1_local": ISSUER}),
            accounts=identities,
        )

    def record(self, entry: AccessEntry) -> None:
        self.entries.append(entry)

    async def request(
        self,
        path: str = "/",
        method: str = "GET",
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        prefix: str = f"/{API}/v1",
        host: str = "localhost:8443",
    ) -> Answer:
        """Send a request below the stage (`prefix`) and return the answer."""
        path, _, query = path.partition("?")
        lowered = [(name.lower(), _as_received(value)) for name, value in (headers or {}).items()]
        fields = [("host", host), ("user-agent", "tests"), *lowered]
        client = await Client(method, _as_received(prefix + path), fields, query=_as_received(query), secure=True).ask(
            self.app, body
        )
        self.last_fields, self.last_body = client.fields, client.body
        return Answer(client.status, client.headers, client.body.decode("utf-8", "backslashreplace"))

    async def raw_body(self, path: str = "/", method: str = "GET", **options: Any) -> bytes:
        """Send a request like `request` and return the body of the answer, which need not be text."""
        await self.request(path, method, **options)
        return self.last_body


def mock_method(path: str = "/", verb: str = "GET", **changes: Any) -> Method:
    """A MOCK method that answers 200 with `path` in its body."""
    integration = {
        "type": "MOCK",
        "request_templates": {"application/json": '{"statusCode": 200}'},
        "responses": {
            "200": IntegrationResponse("200", response_templates={"application/json": f'{{"at":"{verb} {path}"}}'})
        },
    }
    integration |= changes.pop("integration", {})
    responses = {status: MethodResponse(status) for status in ("200", "400", "404", "500")}
    defaults: dict[str, Any] = {"responses": responses, "integration": Integration(**integration)}
    return Method(verb, **(defaults | changes))


def aws_method(verb: str = "GET", **changes: Any) -> Method:
    """An AWS method that calls GetLogEvents with a template."""
    integration = {
        "type": "AWS",
        "http_method": "POST",
        "uri": "arn:aws:apigateway:eu-west-1:logs:action/GetLogEvents",
        "credentials": ROLE,
        "request_parameters": {
            "integration.request.header.X-Amz-Target": "'Logs_20140328.GetLogEvents'",
            "integration.request.header.Content-Type": "'application/x-amz-json-1.1'",
        },
        "request_templates": {"application/json": '{"logGroupName":"$input.params(\'group\')"}'},
        "passthrough_behavior": "NEVER",
        "responses": {
            "200": IntegrationResponse("200"),
            "400": IntegrationResponse("400", selection_pattern="4\\d{2}"),
        },
    }
    integration |= changes.pop("integration", {})
    responses = {status: MethodResponse(status) for status in ("200", "400")}
    defaults: dict[str, Any] = {"responses": responses, "integration": Integration(**integration)}
    return Method(verb, **(defaults | changes))


def rest_api(methods: Mapping[str, Method | list[Method]], **changes: Any) -> RestApi:
    """An API with these methods by path."""
    resources = {}
    for number, (path, given) in enumerate(methods.items()):
        listed = given if isinstance(given, list) else [given]
        resources[f"res{number}"] = Resource(f"res{number}", path, methods={m.http_method: m for m in listed})
    return RestApi(API, "test", ACCOUNT, "eu-west-1", "res0", created_ms=0, resources=resources, **changes)


async def _health() -> WireResponse:
    return WireResponse(200, (("Content-Type", "text/plain"),), b"fine")


@pytest.fixture
async def make_gateway() -> AsyncIterator[Callable[..., Gateway]]:
    made: list[Gateway] = []
    # Loopback is where the tests' own web servers are; nothing here is verified with certificates.
    outbound = OutboundClient(
        OutboundRules.allowing(["127.0.0.1"]),
        trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        max_answer_bytes=MAX_ANSWER,
    )

    def make(
        methods: Mapping[str, Any],
        *,
        variables: dict[str, str] | None = None,
        domains: FakeDomains | None = None,
        private: PrivateConnections | None = None,
        **changes: Any,
    ) -> Gateway:
        api = rest_api(methods, **changes)
        stage = Stage("v1", "dep123", 0, 0, variables=variables or {})
        deployed = DeployedStage(api, stage, Deployment("dep123", 0, api))
        made.append(Gateway(deployed, outbound, domains=domains, private=private))
        return made[-1]

    yield make
    for gateway in made:
        gateway.app.close()
    await outbound.close()


@pytest.fixture
def make_domains() -> Callable[..., FakeDomains]:
    return lambda mappings: FakeDomains(**mappings)


@pytest.fixture
def mock() -> Callable[..., Method]:
    return mock_method


@pytest.fixture
def aws() -> Callable[..., Method]:
    return aws_method
