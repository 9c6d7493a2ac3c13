"""The rule by which values are chosen: command-line flag, environment variable, TOML file, default."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from groundwatch.config.model import ConfigError, Settings
from groundwatch.config.table import SETTINGS, Setting
from groundwatch.config.values import nearest, parse_path

CONFIG_FILE_NAME = "groundwatch.toml"
CONFIG_ENVIRONMENT_VARIABLE = "GROUNDWATCH_CONFIG"


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


def redact_url(url: str) -> str:
    """Return the URL with its password, if any, replaced: for messages and the log.

    Of passwords that should have been percent-encoded nothing is shown either: they end at the last at sign.
    """
    return re.sub(r"(?<=://)([^/@:,]*):[^,]*@", r"\1:***@", url)


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
        return _config_path(named)
    directory = _parsed(_setting("data"), data)
    candidates = (Path(str(directory), CONFIG_FILE_NAME), Path(CONFIG_FILE_NAME))
    return next((path.absolute() for path in candidates if _is_there(path)), None)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        # Whoever may not look into the data directory is told so when it is opened.
        return False


def _config_path(named: str) -> Path:
    try:
        return parse_path(named)
    except ValueError as error:
        raise ConfigError(f"--config: {named!r} {error}") from error


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
        raise ConfigError(f"{path}: unknown setting {key!r}{nearest(key, known)}")
    types = _setting(key).toml_types
    if type(value) not in types:
        names = {str: "a string in quotes", int: "an integer", dict: "a table"}
        wanted = " or ".join(names[kind] for kind in types)
        raise ConfigError(f"{path}: {key} must be {wanted}, not {redact_url(repr(value))}")
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
        # A default below the data directory, which is filled in once that is known.
        return text
    try:
        return setting.parse(text)
    except ValueError as error:
        source = raw.source if raw else f"default of {setting.flag}"
        raise ConfigError(f"{source}: {redact_url(text)!r} {error}") from error


def _setting(name: str) -> Setting:
    return next(setting for setting in SETTINGS if setting.name == name)
