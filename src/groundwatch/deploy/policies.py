"""The policy of a role that is not known yet: the actions of its integrations, on the groups that they name."""

from __future__ import annotations

from collections.abc import Iterable

from groundwatch.deploy.needs import ANY_GROUP, WITHOUT_GROUP, LogsCall
from groundwatch.deploy.stack import Document

LOG_GROUP = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
SERVICE = "apigateway.amazonaws.com"
PUSH_TO_LOGS = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
"""The managed policy of the role under which API Gateway writes logs."""


def trust_policy() -> Document:
    """Return the trust policy of a role that the gateway assumes for the owner's own APIs."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": SERVICE},
            "Action": "sts:AssumeRole",
        }
    )


def derived_policy(calls: Iterable[LogsCall]) -> Document | None:
    """Return what these calls need, None when there is nothing to allow.

    A call whose operation is the request's to choose gets no action here: what a caller may choose is for the owner to
    say.
    """
    needed: dict[tuple[str, ...], set[str]] = {}
    for call in calls:
        if call.operation is not None:
            needed.setdefault(_resources(call), set()).add(f"logs:{call.operation}")
    statements = [
        {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
        for resources, actions in sorted(needed.items())
    ]
    return _policy(*statements) if statements else None


def _resources(call: LogsCall) -> tuple[str, ...]:
    if call.operation in WITHOUT_GROUP:
        return ("*",)
    # What follows the name covers the group's streams, on which some actions are checked.
    return tuple(LOG_GROUP + (ANY_GROUP if name == ANY_GROUP else f"{name}:*") for name in call.groups)


def _policy(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}
