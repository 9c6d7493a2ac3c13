"""The settings as the server reads them.

StartupError               the server cannot start; the text is one line for the operator
└── ConfigError            a setting is wrong; the text names the setting, its source and what to write instead
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

import msgspec

AuthMode = Literal["iam", "off"]
UpstreamCredentials = Literal["role", "own"]
LogLevel = Literal["debug", "info", "warning", "error"]


class StartupError(Exception):
    """The server cannot start; the text is one line that says why and what to do."""


class ConfigError(StartupError):
    """A setting is wrong: a mistake in how the command was called."""


class Address(msgspec.Struct, frozen=True):
    """Where to listen. Port 0 lets the system choose a free one."""

    host: str
    """An IP address without brackets, or a host name."""
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def is_loopback(self) -> bool:
        """Return whether only this machine can connect; a name other than `localhost` counts as public."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


class TlsFiles(msgspec.Struct, frozen=True):
    """A certificate (with its chain) and its unencrypted private key, both PEM."""

    certificate: Path
    key: Path


TlsMode = Literal["auto", "off"] | TlsFiles


class UpstreamPlace(msgspec.Struct, frozen=True):
    """Where AWS integrations find a service; None stands for every service and every region."""

    service: str | None
    region: str | None
    place: str
    """`aws`, `off` (this server) or a URL."""


class Settings(msgspec.Struct, frozen=True):
    """Everything that `groundwatch serve` can be told, validated; paths are absolute.

    `events_url` and `metadata_url` may carry passwords: show them through `redact_url`.
    """

    data: Path
    service: Address
    gateway: Address
    tls: TlsMode
    service_tls: TlsMode
    events_url: str
    """`chdb:///ABSOLUTE/PATH` or `http(s)://[user:password@]host:port/database`."""
    metadata_url: str
    """`sqlite:////ABSOLUTE/PATH` or `postgresql://…`, as SQLAlchemy reads it."""
    region: str
    account: str
    auth: AuthMode
    log_level: LogLevel
    recent_events_bytes: int
    kinesis_url: str
    """`off`, `aws` or a URL; likewise the other two targets of subscriptions."""
    firehose_url: str
    lambda_url: str
    max_event_age_days: int
    delivery_queue_bytes: int
    s3_url: str
    """`off`, `aws` or a URL."""
    outbound_allow: tuple[str, ...]
    """Addresses, networks in CIDR form and host names."""
    jwt_issuers: dict[str, str]
    """Issuer URL by the id or the ARN of a user pool."""
    upstream: tuple[UpstreamPlace, ...]
    upstream_credentials: UpstreamCredentials
    upstream_groups: tuple[str, ...]
    """Beginnings of names of log groups; none when all groups are upstream."""
    domain_owners: dict[str, str] | None
    """Account by domain; None where every account may take every domain."""
    tls_domains: Path | None
    vpc_links: dict[str, str]
    """Origin by the ARN of a load balancer."""
    backup_directory: Path | None
    metrics_token_file: Path | None
    notifications_url: str | None
    """None where links lead to where the service port listens."""
    smtp_url: str | None
    """`smtp://` or `smtps://`; may carry a password."""
    smtp_from: str
    webhook_hosts: tuple[str, ...]
    queries_per_account: int
    other_queries_per_account: int
    parallel_queries: int
    query_timeout_minutes: int
    query_memory_bytes: int
    query_rows: int
    query_kept_days: int
