"""The operations of SNS (API version 2010-03-31), one method each, named as in the service model."""

from groundwatch.notifications.operations.publishing import PublishOperations
from groundwatch.notifications.operations.room import NotificationsRoom
from groundwatch.notifications.operations.subscriptions import SubscriptionOperations
from groundwatch.notifications.operations.topics import TopicOperations


class SnsOperations(TopicOperations, SubscriptionOperations, PublishOperations):
    """All operations of the service, for the service port."""


__all__ = ["NotificationsRoom", "SnsOperations"]
