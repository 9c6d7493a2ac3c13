"""Notifications of one server: what the room needs of the settings and of other rooms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import botocore.session

from groundwatch.app.adapters import policy_fault
from groundwatch.app.clock import now_ms
from groundwatch.app.signing_key import load_signer
from groundwatch.config import Settings
from groundwatch.gateway.functions import FunctionUnavailableError, LambdaFunctions
from groundwatch.gateway.upstream.credentials import OwnCredentials
from groundwatch.logs.catalog import Tenant
from groundwatch.logs.operations import LogsRoom
from groundwatch.logs.own_log import OwnLog
from groundwatch.notifications.assemble import Notifications, Surroundings
from groundwatch.notifications.names import TopicName
from groundwatch.notifications.pages import Route, routes
from groundwatch.notifications.publisher import Decider
from groundwatch.notifications.sending.http import TOO_MANY_REQUESTS
from groundwatch.notifications.sending.mail import MailServer
from groundwatch.notifications.sending.outcome import DELIVERED, Outcome
from groundwatch.notifications.signing import Signer
from groundwatch.outbound import OutboundClient, OutboundRules
from groundwatch.storage.sql import Database

MAX_ANSWER_BYTES = 64 * 1024
"""Nobody reads what endpoints answer."""


class FailedDeliveries:
    """Dead letters, as events in log groups of the tenants whose topics they are from."""

    def __init__(self, logs: LogsRoom) -> None:
        self._logs = logs

    async def append(self, topic: TopicName, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Store events; they are on disk when this returns."""
        tenant = Tenant(topic.account_id, topic.region)
        await OwnLog(self._logs.catalog, self._logs.intake, tenant, now_ms).append(group, stream, events)


class FunctionCalls:
    """Events for Lambda functions, wherever the operator has them."""

    def __init__(self, functions: LambdaFunctions) -> None:
        self._functions = functions

    async def put(self, function_arn: str, event: bytes) -> Outcome:
        """Hand an event in; what can be mended is tried again."""
        try:
            await self._functions.invoke(function_arn, event, headers={"X-Amz-Invocation-Type": "Event"})
        except FunctionUnavailableError as error:
            status = error.status
            retry = status is None or status >= 500 or status == TOO_MANY_REQUESTS
            return Outcome(delivered=False, reason=str(error), retry=retry, status=status)
        return DELIVERED


class Notifying:
    """The room, its client and what it serves beside the API."""

    def __init__(self, settings: Settings, database: Database, logs: LogsRoom, decider: Decider) -> None:
        self._settings = settings
        self._signer: Signer = load_signer(settings.data / "notifications", dt.datetime.now(dt.UTC))
        rules = OutboundRules.allowing(settings.outbound_allow)
        self._client = OutboundClient(rules, max_answer_bytes=MAX_ANSWER_BYTES)
        around = Surroundings(
            database=database,
            client=self._client,
            signer=self._signer,
            failures=FailedDeliveries(logs),
            decider=decider,
            policy_fault=policy_fault,
            clock_ms=now_ms,
        )
        # Where functions are is the operator's word, not a user's.
        self._endpoints = OutboundClient(OutboundRules(everywhere=True), max_answer_bytes=MAX_ANSWER_BYTES)
        own = OwnCredentials(botocore.session.Session())
        functions = FunctionCalls(LambdaFunctions(settings.lambda_url, self._endpoints, own))
        mail_server = None if settings.smtp_url is None else MailServer.of(settings.smtp_url, settings.smtp_from)
        self.room = Notifications(
            around,
            mail_server=mail_server,
            functions=None if settings.lambda_url == "off" else functions,
            webhook_hosts=settings.webhook_hosts,
        )

    @property
    def routes(self) -> dict[str, Route]:
        """Handlers of GET requests on the service port, by path."""
        return dict(routes(self._signer))

    async def start(self, endpoint_url: str) -> None:
        """Deliver from now on; `endpoint_url` is where the service port listens."""
        await self.room.start(self._settings.notifications_url or endpoint_url)

    async def stop(self) -> None:
        """End deliveries and connections."""
        await self.room.stop()
        await self._client.close()
        await self._endpoints.close()
