"""What every room of one server stands on: the stores, and who may do what."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from functools import partial

from groundwatch.app.clock import now_ms
from groundwatch.aws.authentication import Authenticator, SigV4Authenticator, UnverifiedAuthenticator
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.config import Settings
from groundwatch.identity.access import AllowAll, PolicyAuthorizer
from groundwatch.identity.resource_policies import ResourcePolicies
from groundwatch.identity.resource_tags import ResourceTags
from groundwatch.identity.roles import RoleAssumer
from groundwatch.identity.store import IdentityStore
from groundwatch.storage.broken_parts import Rescuer, finish_rescues, tell_of_refused
from groundwatch.storage.clickhouse import EventDatabase
from groundwatch.storage.event_codecs import choose_codecs
from groundwatch.storage.event_schema import migrate_events
from groundwatch.storage.migrate import migrate
from groundwatch.storage.sql import Database


class Foundation:
    """The stores, opened and brought to the newest schema, and the identities in them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        with ExitStack() as opened:
            self._open(settings, opened)
            self._opened = opened.pop_all()
        self.identity = IdentityStore(self.metadata, now_ms)
        self.roles = RoleAssumer(self.identity, now_ms)
        self.resource_tags = ResourceTags()
        self.resource_policies = ResourcePolicies()
        self.authorizer = (
            AllowAll()
            if settings.auth == "off"
            else PolicyAuthorizer(self.identity, self.resource_tags, self.resource_policies)
        )

    def _open(self, settings: Settings, opened: ExitStack) -> None:
        self.metadata = Database(settings.metadata_url)
        opened.callback(self.metadata.close)
        migrate(self.metadata.engine)
        self.events = EventDatabase(
            settings.events_url, repair=Rescuer().repair, parallel_queries=settings.parallel_queries
        )
        opened.callback(self.events.close)
        self.events.run_now(migrate_events)
        self.events.run_now(partial(choose_codecs, embedded=self.events.embedded))
        if self.events.embedded:
            self.events.run_now(finish_rescues)
            self.events.run_now(tell_of_refused)
        # Which deliveries wait is a matter of this node, wherever the metadata lives.
        self.queue = Database(f"sqlite:///{settings.data / 'deliveries.db'}")
        opened.callback(self.queue.close)

    def authenticator(self, *signing_names: str) -> Authenticator:
        """Return who tells the caller of requests that are signed for one of these services."""
        if self.settings.auth == "off":
            return UnverifiedAuthenticator(self.root(), self.settings.region)
        return SigV4Authenticator(self.identity, frozenset(signing_names), now_ms)

    def root(self) -> Principal:
        """Return the operator's account itself."""
        account = self.settings.account
        return Principal(account, f"arn:aws:iam::{account}:root", "Account", account)

    def root_context(self) -> RequestContext:
        """Return the context of a call that the server makes on its own."""
        root = self.root()
        return RequestContext(
            account_id=root.account_id,
            region=self.settings.region,
            request_id=str(uuid.uuid4()),
            principal=root,
            source_ip="127.0.0.1",
            user_agent="groundwatch",
            secure=True,
            received_ms=now_ms(),
        )

    def close(self) -> None:
        """Close the stores."""
        self._opened.close()
