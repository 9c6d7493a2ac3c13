"""Settings of the server: one table, and the rule by which a value is chosen.

A value comes from the first of: command-line flag, environment variable, TOML file, default. The table `SETTINGS`
drives the flags of `groundwatch serve`, the environment variables, the file's keys and `docs/configuration.md`.

    StartupError               the server cannot start; the text is one line for the operator
    └── ConfigError            a setting is wrong; the text names the setting, its source and what to write instead
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

CONFIG_FILE_NAME = "groundwatch.toml"
CONFIG_ENVIRONMENT_VARIABLE = "GROUNDWATCH_CONFIG"
MIB = 1024 * 1024

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


def parse_path(text: str) -> Path:
    """Return the absolute path; `~` is the home directory, relative paths start at the current directory."""
    if not text:
        raise ValueError("is empty; give a directory")
    return Path(text).expanduser().absolute()


def parse_address(text: str) -> Address:
    """Return the address written as `HOST:PORT` or `[IPV6]:PORT`."""
    match = re.fullmatch(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]\s/]+)):(?P<port>\d{1,5})", text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("is not HOST:PORT; write for example 127.0.0.1:4580 or [::1]:4580")
    if match["v6"] is not None and not _is_ipv6(match["v6"]):
        raise ValueError("has no IPv6 address in its brackets; write for example [::1]:4580")
    return Address(match["v6"] or match["host"], int(match["port"]))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def parse_tls(text: str) -> TlsMode:
    """Return `auto`, `off` or the two files written as `CERT,KEY`."""
    if text == "auto":
        return "auto"
    if text == "off":
        return "off"
    certificate, comma, key = text.partition(",")
    if not (certificate and comma and key):
        raise ValueError("is neither auto, off nor CERT,KEY; write for example server.pem,server-key.pem")
    return TlsFiles(parse_path(certificate), parse_path(key))


def parse_events_url(text: str) -> str:
    """Return the URL of the event store after checking its form; nothing is opened."""
    parts = urlsplit(text)
    if parts.scheme == "chdb" and not parts.netloc and parts.path not in {"", "/"}:
        return text
    if parts.scheme in {"http", "https"} and parts.hostname:
        return text
    raise ValueError("is not an events URL; write chdb:///ABSOLUTE/PATH or http://HOST:8123/DATABASE")


def parse_metadata_url(text: str) -> str:
    """Return the URL of the metadata database after checking its form; nothing is opened."""
    parts = urlsplit(text)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path not in {"", "/"}:
        return text
    if re.fullmatch(r"postgresql(\+\w+)?", parts.scheme) and parts.hostname:
        return text
    raise ValueError("is not a metadata URL; write sqlite:////ABSOLUTE/PATH or postgresql://USER:PASSWORD@HOST/DB")


def parse_target_url(text: str) -> str:
    """Return `off`, `aws` or the URL of a service that takes what subscriptions deliver."""
    parts = urlsplit(text)
    if text in {"off", "aws"} or (parts.scheme in {"http", "https"} and parts.hostname):
        return text
    raise ValueError("is neither off, aws nor a URL; write for example http://127.0.0.1:4566")


def parse_destinations(text: str) -> tuple[str, ...]:
    """Return addresses, networks (`10.0.0.0/8`) and host names, written with commas between them; `off` is none."""
    if text == "off":
        return ()
    entries = tuple(entry.strip() for entry in text.split(",") if entry.strip())
    for entry in entries:
        if not _is_destination(entry):
            raise ValueError(f"has {entry!r}, which is neither an address nor a network nor a host name")
    return entries


def _is_destination(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return re.fullmatch(r"(?![0-9.]+$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?", entry) is not None
    return True


def parse_issuers(text: str) -> dict[str, str]:
    """Return issuer URLs by user pool, written as `POOL=URL` with commas between them; none for `off`."""
    if text == "off":
        return {}
    issuers: dict[str, str] = {}
    for entry in text.split(","):
        pool, equals, url = entry.strip().partition("=")
        parts = urlsplit(url)
        if not (pool and equals and parts.scheme in {"http", "https"} and parts.hostname) or parts.query:
            raise ValueError("is not POOL=URL; write for example us-east-1_abc=https://login.example.com/realms/main")
        issuers[pool] = url
    return issuers


def parse_upstream(text: str) -> tuple[UpstreamPlace, ...]:
    """Return places written with commas between them: `PLACE` for all services, `SERVICE[.REGION]=PLACE` for one."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    places = tuple(_upstream_place(entry) for entry in entries)
    if not places or len({(place.service, place.region) for place in places}) < len(places):
        raise ValueError("names no place, or one twice; write for example aws, or aws,logs=http://127.0.0.1:4566")
    return places if any(place.place != "off" for place in places) else ()


def _upstream_place(entry: str) -> UpstreamPlace:
    named, equals, place = entry.partition("=")
    if not equals or "/" in named:
        return UpstreamPlace(None, None, parse_target_url(entry))
    service, dot, region = named.partition(".")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", service):
        raise ValueError(f"has {named!r}, which is no service; write for example logs=aws or logs.eu-west-1=aws")
    return UpstreamPlace(service, parse_region(region) if dot else None, parse_target_url(place))


def parse_prefixes(text: str) -> tuple[str, ...]:
    """Return beginnings of names, written with commas between them; `all` is none."""
    prefixes = tuple(prefix.strip() for prefix in text.split(",") if prefix.strip())
    if not prefixes:
        raise ValueError("is empty; write all, or for example /aws/,/prod/")
    return () if prefixes == ("all",) else prefixes


def parse_region(text: str) -> str:
    """Return the name of a region, such as `eu-central-1` or `us-gov-west-1`."""
    if not re.fullmatch(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}", text):
        raise ValueError("is not the name of a region; write for example us-east-1")
    return text


def parse_account(text: str) -> str:
    """Return a twelve-digit account id."""
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError('is not an account id; write twelve digits, in TOML between quotes, such as "000000000000"')
    return text


def parse_bytes(text: str) -> int:
    """Return a size written as a number of bytes or with a binary unit: `64KiB`, `128MiB`, `2GiB`."""
    match = re.fullmatch(r"([0-9]+)\s*(KiB|MiB|GiB)?", text)
    if match is None:
        raise ValueError("is not a size; write bytes or a unit, such as 134217728 or 128MiB")
    return int(match[1]) * {None: 1, "KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}[match[2]]


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that takes exactly these words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"is unknown{_nearest(text, choices)}; write one of {', '.join(choices)}")
        return text

    return parse


TLS_METAVAR = "auto|off|CERT,KEY"
TARGET_METAVAR = "off|aws|URL"
SETTINGS: tuple[Setting, ...] = (
    Setting(
        "data",
        "DIRECTORY",
        "./data",
        parse_path,
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
        "Where log events live: the embedded engine (chdb:///PATH) or a ClickHouse server "
        "(http://HOST:8123/DB, https://USER:PASSWORD@HOST:8443/DB).",
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
)


class _Raw(msgspec.Struct, frozen=True):
    """A value as the user wrote it."""

    text: str
    source: str
    """Where it was written: a flag, an environment variable, or a file and its key."""


def load(flags: Mapping[str, str | None], environment: Mapping[str, str], config_file: str | None = None) -> Settings:
    """Return the settings chosen from flags (by setting name), environment, TOML file and defaults.

    `config_file` is the `--config` flag; without it, and without GROUNDWATCH_CONFIG, `DATA/groundwatch.toml` is read if
    present, else `./groundwatch.toml` if present. Raises ConfigError; a later call with the same input gives the same.
    """
    chosen = _from_environment(environment) | _from_flags(flags)
    path = _find_file(config_file or environment.get(CONFIG_ENVIRONMENT_VARIABLE), chosen.get("data"))
    if path is not None:
        chosen = _from_file(path) | chosen
    return _validated(chosen)


def settings_table() -> str:
    """Return the Markdown table of every setting, for `docs/configuration.md`."""
    rows = ["| flag | environment variable, TOML key | default | what it is |", "|---|---|---|---|"]
    for setting in SETTINGS:
        metavar = setting.metavar.replace("|", r"\|")
        flag, variable = f"{setting.flag} {metavar}", f"`{setting.environment_variable}`, `{setting.name}`"
        rows.append(f"| `{flag}` | {variable} | `{setting.default}` | {setting.help} |")
    return "\n".join(rows) + "\n"


def redact_url(url: str) -> str:
    """Return the URL with its password, if any, replaced: for messages and the log."""
    return re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)


def _from_flags(flags: Mapping[str, str | None]) -> dict[str, _Raw]:
    return {s.name: _Raw(text, s.flag) for s in SETTINGS if (text := flags.get(s.name)) is not None}


def _from_environment(environment: Mapping[str, str]) -> dict[str, _Raw]:
    # An empty variable counts as unset, as with the AWS SDKs.
    return {
        s.name: _Raw(text, s.environment_variable)
        for s in SETTINGS
        if (text := environment.get(s.environment_variable))
    }


def _find_file(named: str | None, data: _Raw | None) -> Path | None:
    if named:
        return parse_path(named)
    directory = Path(data.text if data else _setting("data").default).expanduser()
    candidates = (directory / CONFIG_FILE_NAME, Path(CONFIG_FILE_NAME))
    return next((path.absolute() for path in candidates if path.is_file()), None)


def _from_file(path: Path) -> dict[str, _Raw]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name another file with --config") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    return {key: _Raw(_toml_text(path, key, value), f"{path}: {key}") for key, value in document.items()}


def _toml_text(path: Path, key: str, value: object) -> str:
    known = [setting.name for setting in SETTINGS]
    if key not in known:
        raise ConfigError(f"{path}: unknown setting {key!r}{_nearest(key, known)}")
    types = _setting(key).toml_types
    if type(value) not in types:
        names = {str: "a string in quotes", int: "an integer", dict: "a table"}
        wanted = " or ".join(names[kind] for kind in types)
        raise ConfigError(f"{path}: {key} must be {wanted}, not {value!r}")
    if isinstance(value, dict):
        return ",".join(f"{name}={held}" for name, held in value.items())
    return str(value)


def _validated(chosen: Mapping[str, _Raw]) -> Settings:
    values: dict[str, Any] = {setting.name: _parsed(setting, chosen.get(setting.name)) for setting in SETTINGS}
    for name in ("events_url", "metadata_url"):
        if name not in chosen:
            values[name] = _setting(name).default.replace("DATA", str(values["data"]))
    settings = Settings(**values)
    public = [address for address in (settings.service, settings.gateway) if not address.is_loopback()]
    if settings.auth == "off" and public:
        raise ConfigError(
            f"{chosen['auth'].source}: off accepts any credentials, but {public[0]} is not on loopback; "
            "listen on 127.0.0.1 or keep --auth iam"
        )
    return settings


def _parsed(setting: Setting, raw: _Raw | None) -> object:
    text = setting.default if raw is None else raw.text
    if raw is None and "DATA" in text:
        return text
    try:
        return setting.parse(text)
    except ValueError as error:
        source = raw.source if raw else f"default of {setting.flag}"
        raise ConfigError(f"{source}: {redact_url(text)!r} {error}") from error


def _setting(name: str) -> Setting:
    return next(setting for setting in SETTINGS if setting.name == name)


def _nearest(word: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""
