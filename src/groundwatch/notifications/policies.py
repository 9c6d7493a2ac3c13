"""Policies of topics: the one that every topic begins with, and statements added by label."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from groundwatch.notifications.errors import invalid
from groundwatch.notifications.records import Topic

ACTIONS = (
    *("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe"),
    *("ListSubscriptionsByTopic", "Publish"),
)
"""What a topic's policy can speak of."""
LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}", re.ASCII)
ACCOUNT = re.compile(r"\d{12}", re.ASCII)
MAX_BYTES, MAX_STATEMENTS = 30 * 1024, 100
"""Policy quotas, in the guide's reference of API permissions."""


def policy_of(topic: Topic) -> str:
    """Return the policy of a topic: its own, or the one that lets services act for the topic's account."""
    return default_policy(topic) if topic.policy is None else topic.policy


def default_policy(topic: Topic) -> str:
    """Return the policy that every topic begins with."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in ACTIONS],
        "Resource": topic.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": topic.name.account_id}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def checked_size(document: str) -> str:
    """Return a policy that is well formed; `InvalidParameter` for one beyond the quotas."""
    if len(document.encode()) > MAX_BYTES:
        raise invalid("Policy", f"The policy has more than {MAX_BYTES // 1024} KB")
    if len(_statements(json.loads(document))) > MAX_STATEMENTS:
        raise invalid("Policy", f"The policy has more than {MAX_STATEMENTS} statements")
    return document


def with_statement(topic: Topic, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """Return the topic's policy with a statement that allows accounts to do something."""
    if not LABEL.fullmatch(label):
        raise invalid("Label")
    if not accounts or not all(ACCOUNT.fullmatch(account) for account in accounts):
        raise invalid("AWSAccountId")
    # Callers write Publish and publish; policies are the same for both, but people read them.
    known = {action.lower(): action for action in ACTIONS}
    if not actions or not all(action.lower() in known for action in actions):
        raise invalid("Policy statement action out of service scope!")
    document = json.loads(policy_of(topic))
    statements = _statements(document)
    if any(statement.get("Sid") == label for statement in statements):
        raise invalid("Statement already exists")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    added = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all(principals)},
        "Action": _one_or_all([f"SNS:{known[action.lower()]}" for action in actions]),
        "Resource": topic.arn,
    }
    return checked_size(json.dumps(document | {"Statement": [*statements, added]}))


def without_statement(topic: Topic, label: str) -> str:
    """Return the topic's policy without the statement of that label; `InvalidParameter` when there is none."""
    document = json.loads(policy_of(topic))
    statements = _statements(document)
    kept = [statement for statement in statements if statement.get("Sid") != label]
    if len(kept) == len(statements):
        raise invalid("Label", "Statement does not exist")
    if not kept:
        raise invalid("Label", "A policy needs at least one statement; set the attribute Policy instead")
    return json.dumps(document | {"Statement": kept})


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def _one_or_all(values: Sequence[str]) -> object:
    return values[0] if len(values) == 1 else list(values)
