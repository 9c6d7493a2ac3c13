"""Clients of the services for the commands: which server, whose credentials, and errors in one line.

The server is the first of `--endpoint-url`, AWS_ENDPOINT_URL_CLOUDWATCH_LOGS, AWS_ENDPOINT_URL, the profile's
`endpoint_url` and the credentials file in the data directory; never silently AWS itself. The credentials are those of
the profile or environment, else of that file, else whatever the SDK finds.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session
import click
import msgspec

from groundwatch import service_models
from groundwatch.cli.options import read_admin_credentials
from groundwatch.credentials_file import AdminCredentials

ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "AWS_ENDPOINT_URL")
IDENTITY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
DEFAULT_REGION = "us-east-1"


class Wishes(msgspec.Struct, frozen=True):
    """What the user said on the command line about the server."""

    endpoint_url: str | None
    profile: str | None
    region: str | None
    data: Path


class Target(msgspec.Struct, frozen=True):
    """Which server to speak to and how; None leaves a choice to the SDK."""

    endpoint_url: str
    region: str
    credentials: AdminCredentials | None
    ca_bundle: str | None


class ServiceClient(msgspec.Struct, frozen=True):
    """A client of one service and the server that it speaks to."""

    api: Any
    """botocore's client, whose methods are made at run time."""
    target: Target

    @property
    def endpoint_url(self) -> str:
        """The URL of the server."""
        return self.target.endpoint_url


class SessionKey(msgspec.Struct, frozen=True):
    """A temporary key, as AssumeRole gives it."""

    access_key_id: str
    secret_access_key: str
    session_token: str


def choose_target(
    wishes: Wishes, environment: Mapping[str, str], profile: Mapping[str, Any], file: AdminCredentials | None
) -> Target:
    """Return the server that the user means; raises click.UsageError when nothing names one."""
    endpoint_url = (
        wishes.endpoint_url
        or _first(environment, ENDPOINT_VARIABLES)
        or profile.get("endpoint_url")
        or (file.endpoint_url if file else None)
    )
    if not endpoint_url:
        raise click.UsageError(
            f"no server is known: {wishes.data} holds no credentials file; start one with `groundwatch serve`, "
            "or give --endpoint-url or --data"
        )
    own_identity = wishes.profile or _first(environment, IDENTITY_VARIABLES)
    region = wishes.region or _first(environment, REGION_VARIABLES) or profile.get("region")
    is_file_server = file is not None and endpoint_url == file.endpoint_url
    return Target(
        endpoint_url=endpoint_url,
        region=region or (file.region if file else DEFAULT_REGION),
        credentials=None if own_identity else file,
        ca_bundle=file.ca_bundle if file and is_file_server and not environment.get("AWS_CA_BUNDLE") else None,
    )


def connect(
    wishes: Wishes, environment: Mapping[str, str], service: str = "logs", key: SessionKey | None = None
) -> ServiceClient:
    """Return a client; nothing is sent yet. Raises click's exceptions with one clear line.

    With `key` it asks under that key instead of the user's own.
    """
    session = botocore.session.Session(profile=wishes.profile)
    try:
        session.get_component("data_loader").search_paths.append(str(service_models.SEARCH_PATH))
        target = choose_target(wishes, environment, session.get_scoped_config(), read_admin_credentials(wishes.data))
        credentials = key or target.credentials
        api = session.create_client(
            service,
            region_name=target.region,
            endpoint_url=target.endpoint_url,
            verify=target.ca_bundle,
            aws_access_key_id=credentials.access_key_id if credentials else None,
            aws_secret_access_key=credentials.secret_access_key if credentials else None,
            aws_session_token=key.session_token if key else None,
            config=botocore.config.Config(
                connect_timeout=5,
                max_pool_connections=32,
                # Throttling, 5xx and broken connections are tried again, with growing pauses.
                retries={"mode": "standard", "total_max_attempts": 6},
            ),
        )
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    return ServiceClient(api, target)


@contextlib.contextmanager
def api_errors(endpoint_url: str) -> Iterator[None]:
    """Turn the SDK's exceptions into click's, whose text is one line."""
    try:
        yield
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise click.ClickException(describe_error(error, endpoint_url)) from error


def describe_error(error: Exception, endpoint_url: str) -> str:
    """Return one line on what went wrong between this command and the server."""
    match error:
        case botocore.exceptions.ClientError():
            answer = error.response.get("Error", {})
            return f"{answer.get('Code', 'Unknown')}: {answer.get('Message', 'no message')}"
        case botocore.exceptions.SSLError():
            return f"{endpoint_url} is not trusted: {error}; name its certificate authority with AWS_CA_BUNDLE"
        case botocore.exceptions.ConnectionError() | botocore.exceptions.HTTPClientError():
            return (
                f"cannot reach {endpoint_url}: {_reason(error)}; start the server with `groundwatch serve`, "
                "or name another with --endpoint-url"
            )
        case botocore.exceptions.NoCredentialsError():
            return (
                'no credentials: use eval "$(groundwatch env)", --profile, or --data with the server\'s data directory'
            )
        case _:
            return " ".join(str(error).split())


def _reason(error: botocore.exceptions.BotoCoreError) -> str:
    cause = error.kwargs.get("error")
    text = str(getattr(cause, "reason", None) or cause or error).rsplit(": ", 1)[-1]
    return re.sub(r"^\[Errno \d+\] ", "", text)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)
