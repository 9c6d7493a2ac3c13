"""Parsers of settings about notifications; each raises ValueError as in `values`."""

from __future__ import annotations

import re
from email.utils import parseaddr

from groundwatch.config.values import split_url

_HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


def parse_notifications_url(text: str) -> str | None:
    """Return the URL that links in messages begin with, or None for `auto`: where the service port listens."""
    if text == "auto":
        return None
    parts = split_url(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is neither auto nor a URL; write for example https://notifications.example.com")
    return text.rstrip("/")


def parse_smtp_url(text: str) -> str | None:
    """Return the URL of a mail server, None for `off`."""
    if text == "off":
        return None
    parts = split_url(text)
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or not bare or parts.port == 0:
        raise ValueError("is neither off nor smtp(s)://[USER:PASSWORD@]HOST[:PORT]")
    return text


def parse_sender(text: str) -> str:
    """Return the sender of mail: an address, or a name and an address in angle brackets."""
    address = parseaddr(text)[1]
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or not text.isprintable():
        raise ValueError("is no address; write for example alerts@example.com or Alerts <alerts@example.com>")
    return text


def parse_webhook_hosts(text: str) -> tuple[str, ...]:
    """Return host names, `*.` before those of which all below counts, written with commas between; `off` is none."""
    if text == "off":
        return ()
    hosts = tuple(entry.strip().lower() for entry in text.split(",") if entry.strip())
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"has {host!r}, which is no host name; write for example hooks.slack.com,*.office.com")
    return hosts
