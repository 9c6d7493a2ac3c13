"""The room as one object: stores, senders, deliveries and operations."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from groundwatch.notifications.access import TopicPolicies, TopicTags
from groundwatch.notifications.attributes import FUNCTIONS, HTTP, MAIL
from groundwatch.notifications.deliveries import Deliveries, Tools
from groundwatch.notifications.documents import Documents, Links
from groundwatch.notifications.failures import FailureLog
from groundwatch.notifications.operations import NotificationsRoom, SnsOperations
from groundwatch.notifications.operations.room import ReadsPolicies
from groundwatch.notifications.publisher import Decider, Publisher, ServicePublisher
from groundwatch.notifications.queue import DeliveryQueue
from groundwatch.notifications.sending.functions import FunctionQueue, FunctionSender
from groundwatch.notifications.sending.http import HttpSender
from groundwatch.notifications.sending.mail import MailSender, MailServer
from groundwatch.notifications.sending.outcome import Sender
from groundwatch.notifications.signing import Signer
from groundwatch.notifications.store import NotificationStore
from groundwatch.outbound import OutboundClient
from groundwatch.storage.sql import Database


class Surroundings(msgspec.Struct, frozen=True):
    """What the room works with that others make."""

    database: Database
    client: OutboundClient
    """Reaches what users name only where the operator allows it."""
    signer: Signer
    failures: FailureLog
    decider: Decider
    policy_fault: ReadsPolicies
    clock_ms: Callable[[], int]


class Notifications:
    """Everything of the room that the server needs to know."""

    def __init__(
        self,
        around: Surroundings,
        *,
        mail_server: MailServer | None = None,
        functions: FunctionQueue | None = None,
        webhook_hosts: tuple[str, ...] = (),
    ) -> None:
        store = NotificationStore(around.database, around.clock_ms)
        self.queue = DeliveryQueue(around.database, around.clock_ms)
        self._links = Links()
        documents = Documents(self._links, around.signer)
        self._mail = None if mail_server is None else MailSender(mail_server, documents)
        senders: dict[str, Sender] = {} if functions is None else {FUNCTIONS: FunctionSender(functions, documents)}
        senders |= dict.fromkeys(HTTP, HttpSender(around.client, documents))
        if self._mail is not None:
            senders |= dict.fromkeys(MAIL, self._mail)
        self.deliveries = Deliveries(store, Tools(self.queue, senders, around.failures, around.clock_ms))
        publisher = Publisher(store, self.queue, self.deliveries, around.clock_ms)
        self.service_publisher = ServicePublisher(store, publisher, around.decider, around.clock_ms)
        self.policies = TopicPolicies(store)
        self.tags = TopicTags(store)
        room = NotificationsRoom(
            store=store,
            publisher=publisher,
            policy_fault=around.policy_fault,
            clock_ms=around.clock_ms,
            mail=mail_server is not None,
            functions=functions is not None,
            webhook_hosts=webhook_hosts,
        )
        self.operations = SnsOperations(room)

    async def start(self, base_url: str) -> None:
        """Deliver from now on, with links that begin with `base_url`."""
        self._links.base_url = base_url.rstrip("/")
        await self.deliveries.start()

    async def stop(self) -> None:
        """End deliveries; what is not delivered waits for the next start."""
        await self.deliveries.stop()
        if self._mail is not None:
            self._mail.close()
