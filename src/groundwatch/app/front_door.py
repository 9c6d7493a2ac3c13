"""The gateway of one server, as the settings want it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import botocore.session

from groundwatch.app.adapters import AccessLog, Backend, StreamLogs, TenantLogs, policy_fault, query_reach
from groundwatch.app.clock import now_ms
from groundwatch.app.foundation import Foundation
from groundwatch.app.local_certificates import LocalCertificates
from groundwatch.aws.http import WireResponse
from groundwatch.config import Settings
from groundwatch.gateway.authorizers.guards import MethodGuards
from groundwatch.gateway.authorizers.issuers import IssuerDirectory
from groundwatch.gateway.authorizers.key_sets import KeySets, document_source
from groundwatch.gateway.authorizers.tokens import TokenVerifier
from groundwatch.gateway.connections.private import PrivateConnections
from groundwatch.gateway.control.ids import RandomIds
from groundwatch.gateway.control.operations import ApiGatewayOperations
from groundwatch.gateway.functions import LambdaFunctions
from groundwatch.gateway.integrations.base import Upstreams
from groundwatch.gateway.limits.ledger import UsageLedger
from groundwatch.gateway.operator_rules import OperatorRules
from groundwatch.gateway.resource_tags import GatewayTags
from groundwatch.gateway.runtime.app import GatewayApp, GatewaySettings
from groundwatch.gateway.store import GatewayStore
from groundwatch.gateway.upstream.credentials import OwnCredentials, RoleCredentials
from groundwatch.gateway.upstream.endpoints import Endpoints, UpstreamRoute
from groundwatch.gateway.upstream.groups import LogGroupSides
from groundwatch.gateway.upstream.room import Upstream
from groundwatch.identity.documents import DocumentEvaluator
from groundwatch.logs.operations import LogsRoom
from groundwatch.logs.subscriptions.targets import Targets
from groundwatch.outbound import OutboundClient, OutboundRules
from groundwatch.sni import CertificatePair

Health = Callable[[], Awaitable[WireResponse]]


class FrontDoor:
    """The gateway: its application, its control plane, and what both need."""

    def __init__(self, base: Foundation, backend: Backend, access_log: AccessLog, health: Health) -> None:
        self._base = base
        settings = base.settings
        store = GatewayStore(base.metadata, now_ms)
        self._local_certificates = LocalCertificates(settings.data / "tls")
        self._domains = store.domains
        base.resource_tags.add("apigateway", GatewayTags(store))
        self._usage = UsageLedger(base.metadata, now_ms)
        self._outbound = OutboundClient(OutboundRules.allowing(settings.outbound_allow))
        # Where functions are is the operator's word, not a user's.
        self._endpoints = OutboundClient(OutboundRules(everywhere=True))
        self._session = botocore.session.Session()
        self._own = OwnCredentials(self._session)
        self._functions = LambdaFunctions(settings.lambda_url, self._endpoints, self._own)
        self.app = GatewayApp(
            store,
            Upstreams(
                services=backend,
                roles=base.roles,
                authorizer=base.authorizer,
                functions=self._functions,
                web=self._outbound,
                upstream=self._upstream(backend),
                private=PrivateConnections(
                    store.connections.links,
                    store.connections.certificates,
                    settings.vpc_links,
                    self._endpoints,
                ),
            ),
            guards=self._guards(),
            usage=self._usage,
            access_log=access_log,
            settings=GatewaySettings(region=settings.region),
            health=health,
            clock_ms=now_ms,
            domains=store.domains,
        )
        self.operations = ApiGatewayOperations(
            store,
            test_invoker=self.app.test_invoker,
            usage=self._usage,
            caches=self.app.stage_caches,
            authorizer=base.authorizer,
            policy_fault=policy_fault,
            roles=base.roles,
            clock_ms=now_ms,
            ids=RandomIds(),
            operator=_operator_rules(settings),
        )

    def certificate_of(self, host: str) -> CertificatePair | None:
        """Return what the owner of a custom domain has uploaded for it; None for other hosts.

        A domain without an upload gets a certificate of the local authority, where there is one.
        """
        found = self._domains.peek(host)
        if found is None:
            return None
        uploaded = found.domain.uploaded_certificate
        if uploaded is not None:
            return CertificatePair(uploaded.chain_pem, uploaded.key_pem)
        return None if self._base.settings.tls != "auto" else self._local_certificates.pair(found.domain.name)

    async def load_domains(self) -> None:
        """Learn the custom domains: TLS handshakes, which cannot wait for the database, must know them."""
        await self._domains.load()

    def start(self, logs: LogsRoom, targets: Targets) -> None:
        """Begin to keep usage and the logs of stages."""
        self._usage.start()
        self.app.stage_logs.start(TenantLogs(logs))
        self.app.stream_logs.start(StreamLogs(targets))

    async def stop(self) -> None:
        """Keep what was counted and logged."""
        await self._usage.stop()
        await self.app.stage_logs.stop()
        await self.app.stream_logs.stop()

    async def close_clients(self) -> None:
        """Close the connections to backends."""
        await self._outbound.close()
        await self._endpoints.close()

    def close(self) -> None:
        """End what renders in threads."""
        self.app.close()

    def _upstream(self, backend: Backend) -> Upstream | None:
        """Return how integrations reach AWS services elsewhere, None when all are here."""
        settings = self._base.settings
        if not settings.upstream:
            return None
        routes = [UpstreamRoute(place.service, place.region, place.place) for place in settings.upstream]
        return Upstream(
            endpoints=Endpoints(routes),
            sides=LogGroupSides(settings.upstream_groups, query_reach),
            mode=settings.upstream_credentials,
            own=self._own,
            roles=RoleCredentials(self._session, now_ms),
            client=self._endpoints,
            refusals=backend,
            operator_account=settings.account,
        )

    def _guards(self) -> MethodGuards:
        """Return what the gateway port asks to know who may call."""
        base = self._base
        keys = KeySets(document_source(self._endpoints), document_source(self._outbound), now_ms)
        return MethodGuards(
            authenticator=base.authenticator("execute-api"),
            policies=base.authorizer,
            documents=DocumentEvaluator(),
            functions=self._functions,
            tokens=TokenVerifier(keys, now_ms),
            issuers=IssuerDirectory(base.settings.jwt_issuers),
            accounts=base.identity,
        )


def _operator_rules(settings: Settings) -> OperatorRules:
    owners = settings.domain_owners
    return OperatorRules(
        vpc_targets=settings.vpc_links,
        domain_account=None if owners is None else settings.account,
        domain_owners=owners or {},
        firehose=settings.firehose_url != "off",
    )
