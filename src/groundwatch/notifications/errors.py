"""Refusals in the words of SNS."""

from __future__ import annotations

from groundwatch.aws.errors import ServiceError


def invalid(what: str, reason: str | None = None) -> ServiceError:
    """Return `Invalid parameter: WHAT`, with `Reason: …` where there is more to say."""
    text = f"Invalid parameter: {what}"
    return ServiceError("InvalidParameter", text if reason is None else f"{text} Reason: {reason}")


def no_such_topic() -> ServiceError:
    """Return the answer to an ARN that names no topic."""
    return ServiceError("NotFound", "Topic does not exist")


def no_such_subscription() -> ServiceError:
    """Return the answer to an ARN that names no subscription."""
    return ServiceError("NotFound", "Subscription does not exist")


def unauthorized(text: str = "Not authorized") -> ServiceError:
    """Return the refusal of a call whose policies allow it while what it is about belongs to somebody else."""
    return ServiceError("AuthorizationError", text)
