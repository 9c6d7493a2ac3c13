"""Deliveries to Lambda functions, at the endpoint that the operator has named."""

from __future__ import annotations

from typing import Protocol

from groundwatch.notifications.documents import Documents
from groundwatch.notifications.records import Delivery
from groundwatch.notifications.sending.outcome import Outcome


class FunctionQueue(Protocol):
    """Hands events to functions; implemented by whoever knows where functions are."""

    async def put(self, function_arn: str, event: bytes) -> Outcome:
        """Queue an event for a function, and return what came of it."""


class FunctionSender:
    """Invokes functions with the event that they get from SNS, without waiting for them to run."""

    def __init__(self, functions: FunctionQueue, documents: Documents) -> None:
        self._functions = functions
        self._documents = documents

    async def send(self, delivery: Delivery) -> Outcome:
        """Queue the event once."""
        event = self._documents.function_event(delivery).encode()
        return await self._functions.put(delivery.subscription.endpoint, event)
