"""Identifiers, ARNs and secrets of IAM entities."""

from __future__ import annotations

import re
import secrets

# Base 32, the alphabet of AWS's own ids.
ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # noqa: S105 - an alphabet
ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role(/(?:[!-~]+/)?)([\w+=,.@-]+)", re.ASCII)
POLICY_ARN = re.compile(r"arn:aws:iam::(\d{12}|aws):policy(/(?:[!-~]+/)?)([\w+=,.@-]+)", re.ASCII)
USER_PREFIX, ROLE_PREFIX, GROUP_PREFIX, POLICY_PREFIX = "AIDA", "AROA", "AGPA", "ANPA"
LONG_TERM_PREFIX, TEMPORARY_PREFIX = "AKIA", "ASIA"
TOKEN_BYTES = 192


def new_id(prefix: str) -> str:
    """Return a unique id such as `AIDA…`: the prefix and sixteen random characters."""
    return prefix + "".join(secrets.choice(ID_ALPHABET) for _ in range(16))


def new_secret() -> str:
    """Return a secret access key: forty random characters (240 bits)."""
    return "".join(secrets.choice(SECRET_ALPHABET) for _ in range(40))


def new_token() -> str:
    """Return an opaque session token."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def entity_arn(account_id: str, kind: str, path: str, name: str) -> str:
    """Return the ARN of a `user`, `role`, `group` or `policy`."""
    return f"arn:aws:iam::{account_id}:{kind}{path}{name}"


def session_arn(account_id: str, role_name: str, session_name: str) -> str:
    """Return the ARN of a role session, which carries the role's name without its path."""
    return f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{session_name}"


def account_root_arn(account_id: str) -> str:
    """Return the ARN that stands for the account."""
    return f"arn:aws:iam::{account_id}:root"
