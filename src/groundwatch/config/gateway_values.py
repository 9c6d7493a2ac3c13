"""Parsers of settings about host names and networks of the gateway port; each raises ValueError as in `values`."""

from __future__ import annotations

import re
from pathlib import Path

from groundwatch.config.values import parse_path, split_url

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_BALANCER = re.compile(r"arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer/net/[^=,\s]+")


def parse_domain_owners(text: str) -> dict[str, str] | None:
    """Return account ids by domain, written as `DOMAIN=ACCOUNT` with commas between them.

    `off` is none, so that only the account of `--account` may take domains; None is for `any`, so that all may.
    """
    if text == "any":
        return None
    owners: dict[str, str] = {}
    for entry in _entries(text):
        domain, _, account = entry.partition("=")
        if not _DOMAIN.fullmatch(domain) or not re.fullmatch(r"\d{12}", account):
            raise ValueError("is neither off, any nor DOMAIN=ACCOUNT; write for example a.example.com=111122223333")
        owners[domain] = account
    return owners


def parse_vpc_links(text: str) -> dict[str, str]:
    """Return origins by the ARN of a load balancer, written as `ARN=URL` with commas between them; none for `off`."""
    origins: dict[str, str] = {}
    for entry in _entries(text):
        arn, _, url = entry.partition("=")
        parts = split_url(url)
        bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
        if not _BALANCER.fullmatch(arn) or parts.scheme not in {"http", "https"} or not parts.hostname or not bare:
            raise ValueError(
                "is not ARN=URL with the ARN of a network load balancer and a URL without a path; write for example "
                "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/inner/1=http://10.0.0.5:8080"
            )
        origins[arn] = f"{parts.scheme}://{parts.netloc}"
    return origins


def parse_directory(text: str) -> Path | None:
    """Return a directory, or None for `off`."""
    return None if text == "off" else parse_path(text)


def _entries(text: str) -> list[str]:
    return [] if text == "off" else [entry.strip() for entry in text.split(",") if entry.strip()]
