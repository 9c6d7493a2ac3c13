"""Options that several commands share, and what they lead to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from groundwatch.credentials_file import AdminCredentials, CredentialsFileError, credentials_path, read_credentials

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def data_option_for(what: str) -> Callable[[Decorated], Decorated]:
    """Return `--data`, the data directory of the server on this machine, with its help."""
    return click.option(
        "--data",
        metavar="DIRECTORY",
        envvar="GROUNDWATCH_DATA",
        default="./data",
        show_default=True,
        type=click.Path(path_type=Path),
        help=what,
    )


data_option = data_option_for("Data directory of the server, for the administrator's credentials.")


def server_options(command: Decorated) -> Decorated:
    """Add the options that say which server is meant and who asks; they arrive as in `api.connect`."""
    for option in (
        data_option,
        click.option("--region", metavar="REGION", help="Region of the log group."),
        click.option("--profile", metavar="NAME", help="Profile in ~/.aws whose credentials are used."),
        click.option("--endpoint-url", metavar="URL", help="The server's service port."),
    ):
        command = option(command)
    return command


def format_option(*forms: str) -> Callable[[Decorated], Decorated]:
    """Return `--format`, which arrives as `form`; the first of the forms is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default=forms[0],
        show_default=True,
        help="Form of the output.",
    )


def read_admin_credentials(data: Path) -> AdminCredentials | None:
    """Return the administrator's credentials in the data directory, None if there are none."""
    try:
        return read_credentials(credentials_path(data.expanduser()))
    except FileNotFoundError:
        return None
    except CredentialsFileError as error:
        raise click.ClickException(str(error)) from error
