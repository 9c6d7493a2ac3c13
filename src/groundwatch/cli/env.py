"""`groundwatch env`: the environment variables that make the AWS CLI and SDKs use this server."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from groundwatch.cli.options import data_option, read_admin_credentials
from groundwatch.credentials_file import AdminCredentials, credentials_path


def variables(credentials: AdminCredentials) -> dict[str, str]:
    """Return the environment variables for these credentials."""
    found = {
        "AWS_ENDPOINT_URL": credentials.endpoint_url,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_DEFAULT_REGION": credentials.region,
        # Else SDKs look for a host called `stream-HOST` when they start a live tail.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    if credentials.ca_bundle:
        found["AWS_CA_BUNDLE"] = credentials.ca_bundle
    return found


def _sh(values: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())


def _fish(values: Mapping[str, str]) -> str:
    def quote(text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return "\n".join(f"set -gx {name} {quote(value)}" for name, value in values.items())


def _json(values: Mapping[str, str]) -> str:
    return json.dumps(values, indent=2)


FORMATS: Mapping[str, Callable[[Mapping[str, str]], str]] = {"sh": _sh, "fish": _fish, "json": _json}


@click.command()
@data_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(list(FORMATS)),
    default="sh",
    show_default=True,
    help="Form of the output.",
)
def command(data: Path, output_format: str) -> None:
    """Print the exports that make the AWS CLI and SDKs use this server.

    They name its address and the administrator's access key, which the server wrote to the data directory at its first
    start. Use them with eval "$(groundwatch env)", in fish with groundwatch env --format fish | source.
    """
    credentials = read_admin_credentials(data)
    if credentials is None:
        raise click.ClickException(
            f"no file {credentials_path(data)}; start the server with `groundwatch serve`, or name its data directory "
            "with --data"
        )
    click.echo(FORMATS[output_format](variables(credentials)))
