"""The table of settings, which drives flags, environment variables, keys of the file and the page about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from groundwatch.config.gateway_values import parse_directory, parse_domain_owners, parse_vpc_links
from groundwatch.config.notification_values import (
    parse_notifications_url,
    parse_sender,
    parse_smtp_url,
    parse_webhook_hosts,
)
from groundwatch.config.values import (
    one_of,
    parse_account,
    parse_address,
    parse_bytes,
    parse_count,
    parse_data,
    parse_days,
    parse_destinations,
    parse_events_url,
    parse_issuers,
    parse_metadata_url,
    parse_prefixes,
    parse_region,
    parse_target_url,
    parse_tls,
    parse_upstream,
)

TLS_METAVAR = "auto|off|CERT,KEY"
TARGET_METAVAR = "off|aws|URL"


class Setting(msgspec.Struct, frozen=True):
    """One row of the table. Flag, environment variable and TOML key are spelled from `name` alone."""

    name: str
    """The field of `Settings` and the key in the TOML file."""
    metavar: str
    """The form of a value, as the help shows it."""
    default: str
    """In the form that a user would write; `DATA` stands for the data directory."""
    parse: Callable[[str], Any]
    """Raises ValueError, whose text goes on from "the value … "."""
    help: str
    toml_types: tuple[type, ...] = (str,)

    @property
    def flag(self) -> str:
        """The command-line flag, such as `--service-tls`."""
        return "--" + self.name.replace("_", "-")

    @property
    def environment_variable(self) -> str:
        """The environment variable, such as `GROUNDWATCH_SERVICE_TLS`."""
        return "GROUNDWATCH_" + self.name.upper()


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data",
        "DIRECTORY",
        "./data",
        parse_data,
        "Data directory: databases, local certificate authority and the administrator's credentials.",
    ),
    Setting(
        "service",
        "HOST:PORT",
        "127.0.0.1:4580",
        parse_address,
        "Where the service port listens: the AWS APIs for SDKs, the CLI and agents.",
    ),
    Setting(
        "gateway",
        "HOST:PORT",
        "127.0.0.1:8443",
        parse_address,
        "Where the gateway port listens: the deployed REST APIs and nothing else.",
    ),
    Setting(
        "tls",
        TLS_METAVAR,
        "auto",
        parse_tls,
        "TLS of the gateway port: a certificate from a local authority in DATA/tls, none, or your own PEM files.",
    ),
    Setting("service_tls", TLS_METAVAR, "off", parse_tls, "TLS of the service port, in the same forms."),
    Setting(
        "events_url",
        "URL",
        "chdb://DATA/events",
        parse_events_url,
        "Where log events live: the embedded engine (chdb:///PATH) or a ClickHouse server, 25.10 "
        "or later (http://HOST:8123/DB, https://USER:PASSWORD@HOST:8443/DB).",
    ),
    Setting(
        "metadata_url",
        "URL",
        "sqlite:///DATA/metadata.db",
        parse_metadata_url,
        "Where everything else lives: sqlite:////PATH, or postgresql://USER:PASSWORD@HOST/DB when nodes share it.",
    ),
    Setting("region", "REGION", "us-east-1", parse_region, "Region in ARNs, and for requests that name none."),
    Setting(
        "account",
        "TWELVE-DIGITS",
        "000000000000",
        parse_account,
        "Account made at the first start, with an administrator.",
    ),
    Setting(
        "auth",
        "iam|off",
        "iam",
        one_of("iam", "off"),
        "iam verifies signatures and evaluates policies; off accepts any credentials, and only while both ports listen "
        "on loopback.",
    ),
    Setting(
        "log_level",
        "debug|info|warning|error",
        "info",
        one_of("debug", "info", "warning", "error"),
        "The least severe records of the server's own log that are kept.",
    ),
    Setting(
        "recent_events_bytes",
        "BYTES",
        "128MiB",
        parse_bytes,
        "Memory for the newest events of each stream, from which tails are answered: bytes, or with KiB, MiB, GiB.",
        toml_types=(str, int),
    ),
    Setting(
        "kinesis_url",
        TARGET_METAVAR,
        "off",
        parse_target_url,
        "Where subscriptions find Kinesis streams: nowhere, at AWS in the region of the stream, or at a compatible "
        "service. Requests are signed with this process's own AWS credentials.",
    ),
    Setting("firehose_url", TARGET_METAVAR, "off", parse_target_url, "Likewise for Firehose streams."),
    Setting("lambda_url", TARGET_METAVAR, "off", parse_target_url, "Likewise for Lambda functions."),
    Setting(
        "max_event_age_days",
        "DAYS",
        "14",
        parse_days,
        "How old events may be when they are put; the service takes two weeks. More lets histories be migrated.",
        toml_types=(str, int),
    ),
    Setting(
        "delivery_queue_bytes",
        "BYTES",
        "1GiB",
        parse_bytes,
        "How much may wait for one subscription whose target does not take it; then what has waited longest is "
        "given up.",
        toml_types=(str, int),
    ),
    Setting(
        "s3_url",
        TARGET_METAVAR,
        "off",
        parse_target_url,
        "Where export tasks find buckets: nowhere, at AWS, or at a compatible service. Requests are signed with this "
        "process's own AWS credentials.",
    ),
    Setting(
        "outbound_allow",
        "off|NETWORK,HOST,…",
        "off",
        parse_destinations,
        "Which hosts beside those on the public Internet HTTP integrations and authorizers of APIs may reach: "
        "addresses, networks such as 10.0.0.0/8, and host names, with commas between them.",
    ),
    Setting(
        "jwt_issuers",
        "off|POOL=URL,…",
        "off",
        parse_issuers,
        "The OpenID Connect issuers behind user pools that are not Amazon Cognito's: the id of a pool or its ARN, and "
        "the issuer's URL; in TOML also a table.",
        toml_types=(str, dict),
    ),
    Setting(
        "upstream",
        "off|aws|URL|SERVICE[.REGION]=…,…",
        "off",
        parse_upstream,
        "Where AWS integrations of APIs find their services: in this server, at AWS, or at an endpoint; for all "
        "services or, with commas between, for some: aws,logs.eu-west-1=off.",
    ),
    Setting(
        "upstream_credentials",
        "role|own",
        "role",
        one_of("role", "own"),
        "How upstream calls are signed: as the integration's role, assumed there with this process's own AWS "
        "credentials, or with these themselves, after this server's policies have allowed the call.",
    ),
    Setting(
        "upstream_groups",
        "all|PREFIX,…",
        "all",
        parse_prefixes,
        "Which log groups are upstream when CloudWatch Logs is: all, or those whose names begin so. The others are "
        "here.",
    ),
    Setting(
        "domain_owners",
        "off|any|DOMAIN=ACCOUNT,…",
        "off",
        parse_domain_owners,
        "Which accounts may make APIs reachable under which host names, and all below them. The account of --account "
        "may take any; in TOML also a table.",
        toml_types=(str, dict),
    ),
    Setting(
        "tls_domains",
        "off|DIRECTORY",
        "off",
        parse_directory,
        "Certificates of the gateway port for custom domains: pairs of NAME.pem and NAME-key.pem, chosen by the host "
        "names in them. Renewed files are read without a restart.",
    ),
    Setting(
        "vpc_links",
        "off|ARN=URL,…",
        "off",
        parse_vpc_links,
        "Where VPC links of APIs lead: the ARN of a load balancer, which holds the account that may link to it, and "
        "the URL of what stands for it here; in TOML also a table.",
        toml_types=(str, dict),
    ),
    Setting(
        "backup_directory",
        "off|DIRECTORY",
        "off",
        parse_directory,
        "Where `groundwatch backup` has the running server put backups, a directory each.",
    ),
    Setting(
        "metrics_token_file",
        "off|FILE",
        "off",
        parse_directory,
        "A file with the token that readers of the service port's /metrics send as Authorization: Bearer; without one, "
        "only this machine may read them.",
    ),
    Setting(
        "notifications_url",
        "auto|URL",
        "auto",
        parse_notifications_url,
        "What links in notifications begin with: the address of the service port, or of a proxy through which "
        "subscribers reach it.",
    ),
    Setting(
        "smtp_url",
        "off|smtp[s]://[USER:PASSWORD@]HOST[:PORT]",
        "off",
        parse_smtp_url,
        "The mail server through which topics reach e-mail addresses; smtp uses STARTTLS where the server has it.",
    ),
    Setting(
        "smtp_from",
        "ADDRESS",
        "no-reply@localhost",
        parse_sender,
        "The sender of that mail, also as NAME <ADDRESS>.",
    ),
    Setting(
        "webhook_hosts",
        "off|HOST,…",
        "hooks.slack.com,discord.com,*.webhook.office.com,*.logic.azure.com",
        parse_webhook_hosts,
        "Hosts of chats whose web hooks may be subscribed to topics without a confirmation, which they cannot give.",
    ),
    Setting(
        "queries_per_account",
        "NUMBER",
        "100",
        parse_count,
        "How many Insights queries of an account may wait or run; one more is refused with LimitExceededException.",
        toml_types=(str, int),
    ),
    Setting(
        "other_queries_per_account",
        "NUMBER",
        "15",
        parse_count,
        "Likewise for queries in SQL and PPL, together.",
        toml_types=(str, int),
    ),
    Setting(
        "parallel_queries",
        "NUMBER",
        "2",
        parse_count,
        "How many Insights queries of all accounts run at the same time; the others wait.",
        toml_types=(str, int),
    ),
    Setting(
        "query_timeout_minutes",
        "MINUTES",
        "60",
        parse_count,
        "When an Insights query ends as Timeout, counted from StartQuery.",
        toml_types=(str, int),
    ),
    Setting(
        "query_memory_bytes",
        "BYTES",
        "1GiB",
        parse_bytes,
        "How much memory the engine may take for one Insights query; one that needs more ends as Failed.",
        toml_types=(str, int),
    ),
    Setting(
        "query_rows",
        "NUMBER",
        "100000",
        parse_count,
        "Most rows of an Insights result, which `limit` may ask for; 10,000 without it.",
        toml_types=(str, int),
    ),
    Setting(
        "query_kept_days",
        "DAYS",
        "7",
        parse_days,
        "How long Insights queries and their results are found.",
        toml_types=(str, int),
    ),
)


def settings_table() -> str:
    """Return the Markdown table of every setting, for `docs/configuration.md`."""
    rows = ["| flag | environment variable, TOML key | default | what it is |", "|---|---|---|---|"]
    for setting in SETTINGS:
        metavar = setting.metavar.replace("|", r"\|")
        flag, variable = f"{setting.flag} {metavar}", f"`{setting.environment_variable}`, `{setting.name}`"
        rows.append(f"| `{flag}` | {variable} | `{setting.default}` | {setting.help} |")
    return "\n".join(rows) + "\n"
