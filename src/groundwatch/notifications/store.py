"""Topics and subscriptions in the metadata database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, delete, func, insert, select, update

from groundwatch.aws.errors import ServiceError
from groundwatch.notifications.errors import no_such_topic
from groundwatch.notifications.names import TopicName
from groundwatch.notifications.records import Subscription, Topic
from groundwatch.storage.sql import Database
from groundwatch.storage.tables.notifications import subscriptions, topics

MAX_SUBSCRIPTIONS = 10_000
"""Of one topic. The real service allows 12.5 million, and this one sends each message to all of them."""
MAX_TOPICS = 10_000
"""Of one account in a region; the real service allows 100,000."""
MAX_PENDING = 5_000
"""Of one account, as in the real service: each of them is a message to somebody who has not asked for it."""
MAX_FILTER_POLICIES = 200
PENDING_MS = 3 * 24 * 3_600_000
"""How long an unconfirmed subscription is kept, and one that was removed without a signature."""

Change = Callable[[Topic], Mapping[str, object]]
"""Returns the columns to set, from the topic as it is in the transaction."""
AttributeChange = Callable[[Mapping[str, str]], Mapping[str, str]]
"""Returns all attributes of a subscription, from those that it has in the transaction."""


class NotificationStore:
    """Reads and writes of topics and subscriptions."""

    def __init__(self, database: Database, clock_ms: Callable[[], int]) -> None:
        self._database = database
        self._clock_ms = clock_ms

    async def create_topic(self, topic: Topic, check_same: Callable[[Topic], None]) -> Topic:
        """Make a topic, or return the one of that name after `check_same` has seen it; it raises where they differ."""
        name = topic.name

        def create(connection: Connection) -> Topic:
            found = _find_topic(connection, name)
            if found is not None:
                check_same(found)
                return found
            # Counted in the same transaction, so that two calls at one time do not both find the last place.
            if _count(connection, topics, _place(name.account_id, name.region)) >= MAX_TOPICS:
                raise ServiceError("TopicLimitExceeded", "Topic limit exceeded")
            values = {
                "account_id": name.account_id,
                "region": name.region,
                "name": name.name,
                "attributes": dict(topic.attributes),
                "policy": topic.policy,
                "tags": dict(topic.tags),
                "created_ms": self._clock_ms(),
            }
            connection.execute(insert(topics).values(values))
            return _required(_find_topic(connection, name))

        return await self._database.write(create)

    async def topic(self, name: TopicName) -> Topic:
        """Return a topic; `NotFound` when there is none."""
        return _required(await self.find_topic(name))

    async def find_topic(self, name: TopicName) -> Topic | None:
        """Return a topic, or None."""
        return await self._database.read(lambda connection: _find_topic(connection, name))

    async def change_topic(self, name: TopicName, change: Change) -> None:
        """Set columns of a topic to what `change` makes of it; `NotFound` when there is none."""

        def write(connection: Connection) -> None:
            topic = _required(_find_topic(connection, name, lock=True))
            connection.execute(update(topics).where(topics.c.id == topic.number).values(**change(topic)))

        await self._database.write(write)

    async def delete_topic(self, name: TopicName) -> None:
        """Remove a topic with its subscriptions and what waits for them, if it is there."""
        await self._database.write(lambda connection: connection.execute(delete(topics).where(_topic_is(name))))

    async def topics(self, account_id: str, region: str, after: str, limit: int) -> list[Topic]:
        """Return up to `limit` topics of an account in a region after the name `after`, sorted by name."""
        statement = select(topics).where(_place(account_id, region), topics.c.name > after)
        rows = await self._rows(statement.order_by(topics.c.name).limit(limit))
        return [_topic(row) for row in rows]

    async def count_by_state(self, topic: Topic) -> Mapping[str, int]:
        """Return how many subscriptions a topic has, by their state."""
        column = subscriptions.c.state
        counted = select(column, func.count().label("number")).where(subscriptions.c.topic_id == topic.number)
        return {row.state: row.number for row in await self._rows(counted.group_by(column))}

    async def subscribe(self, topic: Topic, wanted: Subscription) -> tuple[Subscription, bool]:
        """Return the subscription of an endpoint, and whether it is new or was removed before; make it if needed.

        The caller compares the attributes of one that was there. A limit that is reached raises its error.
        """

        def put(connection: Connection) -> tuple[Subscription, bool]:
            # Holding the topic's row keeps another node from counting at the same time.
            _required(_find_topic(connection, topic.name, lock=True))
            digest = _digest(wanted.endpoint)
            own = and_(
                subscriptions.c.topic_id == topic.number,
                subscriptions.c.protocol == wanted.protocol,
                subscriptions.c.endpoint_digest == digest,
            )
            row = connection.execute(_subscriptions().where(own)).one_or_none()
            if row is not None and row.state != "deleted":
                return read_subscription(row), False
            _check_room(connection, topic, wanted)
            # One that was removed unsigned makes way: whoever subscribes anew no longer wants the old one back.
            connection.execute(delete(subscriptions).where(own))
            values = _subscription_values(wanted) | {"topic_id": topic.number, "endpoint_digest": digest}
            connection.execute(insert(subscriptions).values(values))
            return wanted, True

        return await self._database.write(put)

    async def subscription(self, subscription_id: str) -> Subscription | None:
        """Return a subscription in any state, or None."""
        rows = await self._rows(_subscriptions().where(subscriptions.c.id == subscription_id))
        return read_subscription(rows[0]) if rows else None

    async def by_token(self, token: str) -> Subscription | None:
        """Return the subscription that a token confirms, or None."""
        rows = await self._rows(_subscriptions().where(subscriptions.c.token == token))
        return read_subscription(rows[0]) if rows else None

    async def change_subscription(self, subscription_id: str, **columns: object) -> None:
        """Set columns of a subscription; one that is gone stays gone."""
        statement = update(subscriptions).where(subscriptions.c.id == subscription_id).values(**columns)
        await self._database.write(lambda connection: connection.execute(statement))

    async def change_attributes(self, topic: Topic, subscription_id: str, change: AttributeChange) -> None:
        """Set the attributes of a subscription to what `change` makes of them; one that is gone stays gone.

        One filter policy too many for the topic raises its error.
        """

        def write(connection: Connection) -> None:
            _required(_find_topic(connection, topic.name, lock=True))
            own = subscriptions.c.id == subscription_id
            row = connection.execute(_subscriptions().where(own)).one_or_none()
            if row is None:
                return
            attributes = change(row.attributes)
            if "FilterPolicy" not in row.attributes:
                _check_filters(connection, topic, attributes)
            connection.execute(update(subscriptions).where(own).values(attributes=dict(attributes)))

        await self._database.write(write)

    async def unsubscribe(self, subscription_id: str) -> None:
        """Remove a subscription and what waits for it."""
        statement = delete(subscriptions).where(subscriptions.c.id == subscription_id)
        await self._database.write(lambda connection: connection.execute(statement))

    async def subscriptions(
        self, account_id: str, region: str, after: str, limit: int, topic: Topic | None = None
    ) -> list[Subscription]:
        """Return up to `limit` subscriptions after an id: those of a topic, or else those of a subscriber."""
        own = and_(subscriptions.c.account_id == account_id, subscriptions.c.region == region)
        chosen = own if topic is None else subscriptions.c.topic_id == topic.number
        statement = _subscriptions().where(chosen, subscriptions.c.id > after, subscriptions.c.state != "deleted")
        return [read_subscription(row) for row in await self._rows(statement.order_by(subscriptions.c.id).limit(limit))]

    async def confirmed(self, topic: Topic) -> list[Subscription]:
        """Return the subscriptions of a topic that receive messages."""
        chosen = and_(subscriptions.c.topic_id == topic.number, subscriptions.c.state == "confirmed")
        return [read_subscription(row) for row in await self._rows(_subscriptions().where(chosen))]

    async def forget_old(self) -> None:
        """Remove subscriptions that nobody confirmed, and those that nobody restored."""
        old = subscriptions.c.token_ms < self._clock_ms() - PENDING_MS
        statement = delete(subscriptions).where(old, subscriptions.c.state.in_(("pending", "deleted")))
        await self._database.write(lambda connection: connection.execute(statement))

    async def _rows(self, statement: Select[Any]) -> Sequence[Row[Any]]:
        return await self._database.read(lambda connection: connection.execute(statement).all())


def _find_topic(connection: Connection, name: TopicName, *, lock: bool = False) -> Topic | None:
    statement = select(topics).where(_topic_is(name))
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _topic(row)


def _required(topic: Topic | None) -> Topic:
    if topic is None:
        raise no_such_topic()
    return topic


def _check_room(connection: Connection, topic: Topic, wanted: Subscription) -> None:
    of_account = and_(subscriptions.c.account_id == wanted.account_id, subscriptions.c.state == "pending")
    is_full = _count(connection, subscriptions, subscriptions.c.topic_id == topic.number) >= MAX_SUBSCRIPTIONS
    if is_full or _count(connection, subscriptions, of_account) >= MAX_PENDING:
        raise ServiceError("SubscriptionLimitExceeded", "Subscription limit exceeded")
    _check_filters(connection, topic, wanted.attributes)


def _check_filters(connection: Connection, topic: Topic, attributes: Mapping[str, str]) -> None:
    if "FilterPolicy" not in attributes:
        return
    statement = select(subscriptions.c.attributes).where(subscriptions.c.topic_id == topic.number)
    if sum("FilterPolicy" in found for (found,) in connection.execute(statement)) >= MAX_FILTER_POLICIES:
        raise ServiceError("FilterPolicyLimitExceeded", "Filter policy limit exceeded")


def _count(connection: Connection, table: Any, chosen: ColumnElement[bool]) -> int:  # noqa: ANN401 - any table
    return connection.execute(select(func.count()).select_from(table).where(chosen)).scalar_one()


def _place(account_id: str, region: str) -> ColumnElement[bool]:
    return and_(topics.c.account_id == account_id, topics.c.region == region)


def _topic_is(name: TopicName) -> ColumnElement[bool]:
    return and_(_place(name.account_id, name.region), topics.c.name == name.name)


def _subscriptions() -> Select[Any]:
    owner = [topics.c[name].label(f"topic_{name}") for name in ("account_id", "region", "name")]
    return select(subscriptions, *owner).join(topics, subscriptions.c.topic_id == topics.c.id)


def _digest(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()


def _topic(row: Row[Any]) -> Topic:
    return Topic(row.id, TopicName(row.account_id, row.region, row.name), row.attributes, row.policy, row.tags)


def read_subscription(row: Row[Any]) -> Subscription:
    """Return the subscription in a row that also has its topic's account, region and name."""
    return Subscription(
        id=row.id,
        topic=TopicName(row.topic_account_id, row.topic_region, row.topic_name),
        account_id=row.account_id,
        protocol=row.protocol,
        endpoint=row.endpoint,
        attributes=row.attributes,
        state=row.state,
        token=row.token,
        token_ms=row.token_ms,
        confirmed_by_signature=row.confirmed_by_signature,
        unsubscribe_needs_signature=row.unsubscribe_needs_signature,
        principal=row.principal,
    )


def _subscription_values(subscription: Subscription) -> dict[str, object]:
    return {
        "id": subscription.id,
        "account_id": subscription.account_id,
        "region": subscription.topic.region,
        "protocol": subscription.protocol,
        "endpoint": subscription.endpoint,
        "attributes": dict(subscription.attributes),
        "state": subscription.state,
        "token": subscription.token,
        "token_ms": subscription.token_ms,
        "confirmed_by_signature": subscription.confirmed_by_signature,
        "unsubscribe_needs_signature": subscription.unsubscribe_needs_signature,
        "principal": subscription.principal,
    }
