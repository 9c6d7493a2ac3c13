"""The managed policies that every account has without making them, as on the real service: names, ARNs, documents.

They are data: `data/aws_policies.json`. Their documents name the actions of the services that this server has.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
from collections.abc import Mapping
from functools import cache

import msgspec

from groundwatch.identity.names import POLICY_PREFIX
from groundwatch.identity.values import ManagedPolicy

AWS_ACCOUNT = "aws"
ARN_PREFIX = f"arn:aws:iam::{AWS_ACCOUNT}:policy/"


class AwsPolicy(msgspec.Struct, frozen=True):
    """A policy of AWS's and its one version."""

    policy: ManagedPolicy
    document: str


class _Entry(msgspec.Struct, frozen=True):
    name: str
    description: str
    created_s: int
    document: dict[str, object]
    path: str = "/"


def is_aws_policy(arn: str) -> bool:
    """Tell whether the ARN is one of AWS's policies, known here or not."""
    return arn.startswith(ARN_PREFIX)


@cache
def aws_policies() -> Mapping[str, AwsPolicy]:
    """Return every policy of AWS's that this server has: ARN → policy."""
    text = importlib.resources.files("groundwatch.identity").joinpath("data/aws_policies.json").read_bytes()
    known = [_policy(entry) for entry in msgspec.json.decode(text, type=list[_Entry])]
    return {policy.policy.arn: policy for policy in known}


def _policy(entry: _Entry) -> AwsPolicy:
    policy = ManagedPolicy(
        id=_stable_id(f"{ARN_PREFIX}{entry.path[1:]}{entry.name}"),
        account_id=AWS_ACCOUNT,
        name=entry.name,
        path=entry.path,
        created_ms=entry.created_s * 1000,
        updated_ms=entry.created_s * 1000,
        description=entry.description,
        default_version=1,
        next_version=2,
    )
    return AwsPolicy(policy, json.dumps(entry.document))


def _stable_id(arn: str) -> str:
    # The same on every server and after every restart, though nothing stores it.
    return POLICY_PREFIX + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:16]
