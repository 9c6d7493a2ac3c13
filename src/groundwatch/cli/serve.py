"""`groundwatch serve`: all settings as flags, from the table in `config.py`."""

from __future__ import annotations

import importlib
import os

import click

from groundwatch.config import CONFIG_ENVIRONMENT_VARIABLE, SETTINGS, ConfigError, Setting, StartupError, load


def run(config: str | None, **flags: str | None) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    \b
    Each setting can be given as a flag, as an environment variable (GROUNDWATCH_ and its name in
    capitals, such as GROUNDWATCH_EVENTS_URL) or in a TOML file (events_url = "…"). The first of
    flag, environment variable, file and default counts.
    """
    try:
        settings = load(flags, os.environ, config)
        # The server is heavy to import, and help and mistakes need none of it.
        importlib.import_module("groundwatch.app.serving").run(settings)
    except ConfigError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    except StartupError as error:
        raise click.ClickException(str(error)) from error


def _option(setting: Setting) -> click.Option:
    text = f"{setting.help} [default: {setting.default}]"
    return click.Option([setting.flag, setting.name], metavar=setting.metavar, help=text)


command = click.Command(
    "serve",
    callback=run,
    help=run.__doc__,
    params=[
        click.Option(
            ["--config"],
            metavar="FILE",
            help=f"TOML file with settings, also {CONFIG_ENVIRONMENT_VARIABLE}. "
            "[default: DATA/groundwatch.toml or ./groundwatch.toml, if present]",
        ),
        *(_option(setting) for setting in SETTINGS),
    ],
)
