"""Settings of the server: one table, and the rule by which a value is chosen."""

from groundwatch.config.loading import CONFIG_ENVIRONMENT_VARIABLE, load, redact_url
from groundwatch.config.model import (
    Address,
    ConfigError,
    Settings,
    StartupError,
    TlsFiles,
    TlsMode,
    UpstreamPlace,
)
from groundwatch.config.table import SETTINGS, Setting, settings_table

__all__ = [
    "CONFIG_ENVIRONMENT_VARIABLE",
    "SETTINGS",
    "Address",
    "ConfigError",
    "Setting",
    "Settings",
    "StartupError",
    "TlsFiles",
    "TlsMode",
    "UpstreamPlace",
    "load",
    "redact_url",
    "settings_table",
]
