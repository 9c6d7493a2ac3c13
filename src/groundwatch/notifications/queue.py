"""Deliveries that wait, in the metadata database: a row each, until the endpoint has the message or it is given up.

Where several nodes share the database, whoever takes a delivery claims it for a while; the others take it over when
that node dies. A node of its own needs no claims: what it had taken before a crash is simply still there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, exists, func, insert, select, update

from groundwatch.notifications.records import Delivery, Message, MessageAttribute, Subscription, Topic
from groundwatch.notifications.store import read_subscription
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.notifications import deliveries, messages, subscriptions, topics

CLAIM_MS = 120_000
"""Longer than any attempt takes."""
MAX_REMOVED_AT_ONCE = 500
MAX_WAITING = 10_000
"""Messages that may wait for one subscription; more are given up as they come."""


class DeliveryQueue:
    """Puts, takes and removes deliveries."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms
        self.shared = database.engine.dialect.name != "sqlite"
        self._ended: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._removing: asyncio.Task[None] | None = None

    async def put(
        self, topic: Topic, given: Sequence[tuple[Message, Sequence[Subscription]]]
    ) -> list[tuple[Message, Subscription]]:
        """Store messages for their subscriptions in one transaction; return what found no room."""

        def write(connection: Connection) -> list[tuple[Message, Subscription]]:
            # Somebody may have unsubscribed, or deleted the topic, since the subscriptions were read.
            present, full = _present(connection, topic), _full(connection, topic)
            # Whoever publishes under an id of its own may not know whether the last try was stored.
            known = _known(connection, [message.id for message, _ in given if message.kept_until_ms])
            for message, receivers in given:
                if message.id in known:
                    continue
                taking = [receiver for receiver in receivers if receiver.id in present and receiver.id not in full]
                if taking:
                    self._insert(connection, topic, message, taking)
            return [
                (message, subscription)
                for message, receivers in given
                for subscription in receivers
                if subscription.id in full and message.id not in known
            ]

        return await self._database.write(write)

    def _insert(
        self, connection: Connection, topic: Topic, message: Message, receivers: Sequence[Subscription]
    ) -> None:
        now_ms = self._clock_ms()
        connection.execute(insert(messages).values(_message_values(message) | {"topic_id": topic.number}))
        rows = [
            {
                "subscription_id": subscription.id,
                "message_id": message.id,
                "accepted_ms": now_ms,
                "attempts": 0,
                "due_ms": now_ms,
                "claimed_until_ms": 0,
            }
            for subscription in receivers
        ]
        connection.execute(insert(deliveries), rows)

    async def take(self, subscription_id: str, limit: int, busy: Collection[int]) -> list[Delivery]:
        """Return up to `limit` deliveries of a subscription that are due, without those that are `busy`."""
        now_ms = self._clock_ms()
        due = and_(
            deliveries.c.subscription_id == subscription_id,
            deliveries.c.due_ms <= now_ms,
            deliveries.c.claimed_until_ms <= now_ms,
            deliveries.c.id.not_in(busy),
        )
        statement = _deliveries().where(due).order_by(deliveries.c.due_ms, deliveries.c.id).limit(limit)
        if not self.shared:
            # One lane a subscription takes from here, so nothing is taken twice, and a claim would cost a flush.
            rows = await self._database.read(lambda connection: connection.execute(statement).all())
            return [_delivery(row) for row in rows]

        def claim(connection: Connection) -> Sequence[Row[Any]]:
            rows = connection.execute(statement.with_for_update(skip_locked=True, of=deliveries)).all()
            taken = update(deliveries).where(deliveries.c.id.in_([row.delivery_id for row in rows]))
            connection.execute(taken.values(claimed_until_ms=now_ms + CLAIM_MS))
            return rows

        return [_delivery(row) for row in await self._database.write(claim)]

    def may_be_others(self, taken_ms: int) -> bool:
        """Tell whether what was taken then has waited so long that another node may take it before it is sent."""
        return self.shared and self._clock_ms() - taken_ms > CLAIM_MS // 2

    async def next_due_ms(self, subscription_id: str, busy: Collection[int]) -> int | None:
        """Return when the next delivery of a subscription is due that is not `busy`, None when there is none."""
        of_subscription = and_(deliveries.c.subscription_id == subscription_id, deliveries.c.id.not_in(busy))
        # Of two arguments SQLite's max is what PostgreSQL calls greatest.
        due = func.min(func.max(deliveries.c.due_ms, deliveries.c.claimed_until_ms))
        if self.shared:
            due = func.min(func.greatest(deliveries.c.due_ms, deliveries.c.claimed_until_ms))
        statement = select(due).where(of_subscription)
        found: int | None = await self._database.read(lambda connection: connection.execute(statement).scalar())
        return found

    async def postpone(self, delivery: Delivery, due_ms: int) -> None:
        """Note that an attempt failed and when the next one is due."""
        own = update(deliveries).where(deliveries.c.id == delivery.number)
        values = {"attempts": delivery.attempts + 1, "due_ms": due_ms, "claimed_until_ms": 0}
        await self._database.write(lambda connection: connection.execute(own.values(values)))

    async def finish(self, delivery: Delivery) -> None:
        """Remove a delivery, and its message when nobody waits for that any more.

        Deliveries that end while a transaction runs share the next one: each costs the disk a flush.
        """
        removed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended.append((delivery, removed))
        if self._removing is None or self._removing.done():
            self._removing = asyncio.create_task(self._remove_ended())
        await removed

    async def _remove_ended(self) -> None:
        while self._ended:
            batch, self._ended = self._ended[:MAX_REMOVED_AT_ONCE], self._ended[MAX_REMOVED_AT_ONCE:]
            failure: Exception | None = None
            try:
                await self._remove([delivery for delivery, _ in batch])
            except Exception as error:  # noqa: BLE001 - each of those who wait gets it, and would wait for ever else
                failure = error
            for _, removed in batch:
                # Whoever waited may have been cancelled meanwhile.
                if not removed.done():
                    removed.set_result(None) if failure is None else removed.set_exception(failure)

    async def _remove(self, done: Sequence[Delivery]) -> None:
        numbers = [delivery.number for delivery in done]
        message_ids = {delivery.message.id for delivery in done}

        def remove(connection: Connection) -> None:
            connection.execute(delete(deliveries).where(deliveries.c.id.in_(numbers)))
            connection.execute(delete(messages).where(messages.c.id.in_(message_ids), self._is_done()))

        await self._database.write(remove)

    async def forget_done(self) -> None:
        """Remove messages that were kept for no other reason than their id."""
        await self._database.write(lambda connection: connection.execute(delete(messages).where(self._is_done())))

    def _is_done(self) -> ColumnElement[bool]:
        waiting = exists().where(deliveries.c.message_id == messages.c.id)
        return and_(messages.c.kept_until_ms <= self._clock_ms(), ~waiting)

    async def waiting_subscriptions(self) -> list[tuple[str, str]]:
        """Return the subscriptions that something waits for, each with the subscriber's account."""
        waits = exists().where(deliveries.c.subscription_id == subscriptions.c.id)
        statement = select(subscriptions.c.id, subscriptions.c.account_id).where(waits)
        rows = await self._database.read(lambda connection: connection.execute(statement).all())
        return [(row.id, row.account_id) for row in rows]

    async def waiting(self) -> int:
        """Return how many deliveries wait."""
        statement = select(func.count()).select_from(deliveries)
        return await self._database.read(lambda connection: connection.execute(statement).scalar_one())


def _known(connection: Connection, message_ids: Sequence[str]) -> set[str]:
    if not message_ids:
        return set()
    return {row.id for row in connection.execute(select(messages.c.id).where(messages.c.id.in_(message_ids)))}


def _present(connection: Connection, topic: Topic) -> set[str]:
    statement = select(subscriptions.c.id).where(subscriptions.c.topic_id == topic.number)
    return {row.id for row in connection.execute(statement)}


def _full(connection: Connection, topic: Topic) -> set[str]:
    count = func.count()
    statement = (
        select(deliveries.c.subscription_id)
        .join(subscriptions, subscriptions.c.id == deliveries.c.subscription_id)
        .where(subscriptions.c.topic_id == topic.number)
        .group_by(deliveries.c.subscription_id)
        .having(count >= MAX_WAITING)
    )
    return {row.subscription_id for row in connection.execute(statement)}


def _deliveries() -> Select[Any]:
    return (
        select(
            deliveries.c.id.label("delivery_id"),
            deliveries.c.attempts,
            deliveries.c.accepted_ms,
            subscriptions,
            *(topics.c[name].label(f"topic_{name}") for name in ("account_id", "region", "name", "attributes")),
            *(column.label(f"message_{column.name}") for column in messages.c),
        )
        .join(subscriptions, subscriptions.c.id == deliveries.c.subscription_id)
        .join(messages, messages.c.id == deliveries.c.message_id)
        .join(topics, topics.c.id == subscriptions.c.topic_id)
    )


def _message_values(message: Message) -> dict[str, object]:
    attributes: Mapping[str, MessageAttribute] = message.attributes
    return {
        "id": message.id,
        "kind": message.kind,
        "subject": message.subject,
        "body": message.body,
        "structured": message.structured,
        "attributes": {name: [attribute.type, attribute.value] for name, attribute in attributes.items()},
        "published_ms": message.published_ms,
        "kept_until_ms": message.kept_until_ms,
    }


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        number=row.delivery_id,
        message=Message(
            id=row.message_id,
            kind=row.message_kind,
            subject=row.message_subject,
            body=row.message_body,
            structured=row.message_structured,
            attributes={name: MessageAttribute(*pair) for name, pair in row.message_attributes.items()},
            published_ms=row.message_published_ms,
        ),
        subscription=read_subscription(row),
        topic_attributes=row.topic_attributes,
        attempts=row.attempts,
        accepted_ms=row.accepted_ms,
    )
