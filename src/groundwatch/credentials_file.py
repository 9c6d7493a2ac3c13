"""The administrator's credentials in the data directory: an INI file in the form of `~/.aws/credentials`.

Written by the server at its first start, read by `groundwatch env`, `put` and `tail`. As it has the AWS form,
`AWS_SHARED_CREDENTIALS_FILE=DATA/admin-credentials` works as well.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Mapping
from pathlib import Path

import msgspec

from groundwatch.data_directory import write_private_file

FILE_NAME = "admin-credentials"
PROFILE = "default"
_REPAIR = "restore it, or delete it and give the administrator a new access key"


class CredentialsFileError(Exception):
    """The file cannot be read or lacks a value; the text is one line that says what to do."""


class AdminCredentials(msgspec.Struct, frozen=True):
    """An access key and where it is valid."""

    access_key_id: str
    secret_access_key: str
    endpoint_url: str
    """The service port as a client on this machine reaches it."""
    region: str
    ca_bundle: str | None = None
    """The certificate authority to trust, when the service port has TLS with a local certificate."""

    def __repr__(self) -> str:
        return f"AdminCredentials(access_key_id={self.access_key_id!r}, endpoint_url={self.endpoint_url!r})"


def credentials_path(data: Path) -> Path:
    """Return where the credentials of the server with this data directory are."""
    return data / FILE_NAME


def write_credentials(path: Path, credentials: AdminCredentials) -> None:
    """Write the file, mode 600, in one step. Raises DataDirectoryError when the directory cannot be written."""
    # RawConfigParser, since a secret may contain a percent sign.
    ini = configparser.RawConfigParser()
    ini[PROFILE] = {
        "aws_access_key_id": credentials.access_key_id,
        "aws_secret_access_key": credentials.secret_access_key,
        "endpoint_url": credentials.endpoint_url,
        "region": credentials.region,
        # Else SDKs look for a host called `stream-HOST` when they start a live tail.
        "disable_host_prefix_injection": "true",
    }
    if credentials.ca_bundle:
        ini[PROFILE]["ca_bundle"] = credentials.ca_bundle
    text = io.StringIO()
    ini.write(text)
    write_private_file(path, text.getvalue().encode())


def read_credentials(path: Path) -> AdminCredentials:
    """Return what the file holds. Raises FileNotFoundError, and CredentialsFileError for anything else."""
    profile = _profile(path)
    access_key_id, secret_access_key = _access_key(path, profile)
    try:
        return AdminCredentials(
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            endpoint_url=profile["endpoint_url"],
            region=profile["region"],
            ca_bundle=profile.get("ca_bundle"),
        )
    except KeyError as error:
        raise CredentialsFileError(f"{path} lacks {error.args[0]}; restart the server to write it anew") from error


def read_access_key(path: Path) -> tuple[str, str]:
    """Return id and secret of the key in the file: what a server cannot write anew. Raises as `read_credentials`."""
    return _access_key(path, _profile(path))


def _access_key(path: Path, profile: Mapping[str, str]) -> tuple[str, str]:
    try:
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]
    except KeyError as error:
        raise CredentialsFileError(f"{path} lacks {error.args[0]}; {_REPAIR}") from error


def _profile(path: Path) -> configparser.SectionProxy:
    ini = configparser.RawConfigParser()
    try:
        ini.read_string(path.read_text("utf-8-sig"), source=str(path))
        return ini[PROFILE]
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CredentialsFileError(f"cannot read {path}: {error.strerror}; run as the user of the server") from error
    except KeyError as error:
        raise CredentialsFileError(f"{path} lacks {error.args[0]}; {_REPAIR}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        raise CredentialsFileError(f"{path} is not a credentials file; {_REPAIR}") from error
