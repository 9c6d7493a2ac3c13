"""`groundwatch account`: make, list, disable, enable and delete the accounts of a server, its tenants.

Every step is a call of an AWS API, so an SDK can do the same: Organizations for the accounts, then AssumeRole into the
new account, and IAM there for its first user.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from groundwatch.cli.api import ServiceClient, SessionKey, Wishes, api_errors, connect
from groundwatch.cli.options import data_option, format_option
from groundwatch.credentials_file import AdminCredentials, write_credentials
from groundwatch.data_directory import DataDirectoryError

ACCOUNT_ID = re.compile(r"[0-9]{12}")
ACCOUNT_ID_TAG = "groundwatch:account-id"
ACCESS_ROLE = "OrganizationAccountAccessRole"
ADMINISTRATOR = "administrator"
ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
STATES: Mapping[str, str] = {"ACTIVE": "active", "SUSPENDED": "disabled"}
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _options(command: Decorated) -> Decorated:
    """Add the options that say which server is meant and who asks."""
    for option in (
        data_option,
        click.option("--profile", metavar="NAME", help="Profile in ~/.aws whose credentials are used."),
        click.option("--endpoint-url", metavar="URL", help="The server's service port."),
    ):
        command = option(command)
    return command


@click.group(short_help="Make, list, disable, enable and delete accounts.")
def command() -> None:
    """Make, list, disable, enable and delete accounts, the tenants of a server.

    Only principals of the operator's account (serve --account) may, if their policies allow organizations:* and
    sts:AssumeRole.
    """


@command.command()
@click.argument("account", metavar="NAME|ACCOUNT_ID")
@click.option("--id", "account_id", metavar="ACCOUNT_ID", help="Number of the account.  [default: a random one]")
@click.option("--email", metavar="ADDRESS", help="Address of its owner.  [default: NAME@groundwatch.invalid]")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the key to a new file that its owner alone can read, in the form of ~/.aws/credentials.",
)
@_options
def create(  # noqa: PLR0913 - one parameter an option
    *,
    account: str,
    account_id: str | None,
    email: str | None,
    output: Path | None,
    endpoint_url: str | None,
    profile: str | None,
    data: Path,
) -> None:
    """Make an account with a user administrator, and show that user's access key, once."""
    if ACCOUNT_ID.fullmatch(account) and account_id is None:
        account_id = account
    if account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
        raise click.UsageError(f"--id: {account_id!r} is no account number of twelve digits")
    if output is not None and output.exists():
        raise click.UsageError(f"--output: {output} exists already; name a new file")
    wishes = Wishes(endpoint_url, profile, None, data)
    made = _create_account(_organizations(wishes), account, account_id, email or _default_email(account))
    try:
        key = _first_key(wishes, made)
    except click.ClickException as error:
        raise click.ClickException(
            f"{error.message}; the account {made} is made but has no key: disable and delete it, then try again"
        ) from error
    _show_key(made, key, output)


@command.command("list")
@format_option("pretty", "json")
@_options
def list_accounts(*, form: str, endpoint_url: str | None, profile: str | None, data: Path) -> None:
    """List the accounts with their numbers, states and names."""
    found = list(_accounts(_organizations(Wishes(endpoint_url, profile, None, data))))
    if form == "json":
        shown = [{"id": each["Id"], "state": STATES[each["Status"]], "name": each["Name"]} for each in found]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each['Id']}  {STATES[each['Status']]:<8}  {each['Name']}")


@command.command()
@click.argument("account", metavar="ACCOUNT_ID|NAME")
@_options
def disable(*, account: str, endpoint_url: str | None, profile: str | None, data: Path) -> None:
    """Refuse all keys, sessions and roles of an account from now on; its data stays."""
    client = _organizations(Wishes(endpoint_url, profile, None, data))
    account_id = _find_account(client, account)
    with api_errors(client.endpoint_url):
        client.api.close_account(AccountId=account_id)
    click.echo(f"{account_id} is disabled")


@command.command()
@click.argument("account", metavar="ACCOUNT_ID|NAME")
@_options
def enable(*, account: str, endpoint_url: str | None, profile: str | None, data: Path) -> None:
    """Let a disabled account in again, with the keys and roles that it had."""
    client = _organizations(Wishes(endpoint_url, profile, None, data))
    account_id = _find_account(client, account)
    with api_errors(client.endpoint_url):
        client.api.invite_account_to_organization(Target={"Id": account_id, "Type": "ACCOUNT"})
    click.echo(f"{account_id} is active")


@command.command()
@click.argument("account", metavar="ACCOUNT_ID|NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_options
def delete(*, account: str, yes: bool, endpoint_url: str | None, profile: str | None, data: Path) -> None:
    """Delete a disabled account that holds no data any more.

    Its users, roles, policies and keys go with it; log groups, APIs and whatever else it made must be deleted before.
    """
    client = _organizations(Wishes(endpoint_url, profile, None, data))
    account_id = _find_account(client, account)
    if not yes:
        _confirm(f"Delete the account {account_id} with its users, roles, policies and keys?")
    with api_errors(client.endpoint_url):
        client.api.remove_account_from_organization(AccountId=account_id)
    click.echo(f"{account_id} is deleted")


def _confirm(question: str) -> None:
    """Ask on stderr, so that output stays clean; a script that has nobody to answer is told what to give instead."""
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        raise click.UsageError("nobody said yes: give --yes where nobody is asked") from None


def _organizations(wishes: Wishes) -> ServiceClient:
    return connect(wishes, os.environ, "organizations")


def _accounts(client: ServiceClient) -> Iterator[Mapping[str, Any]]:
    with api_errors(client.endpoint_url):
        for page in client.api.get_paginator("list_accounts").paginate():
            yield from page["Accounts"]


def _find_account(client: ServiceClient, named: str) -> str:
    """Return the account's number; a name must be that of one account alone."""
    if ACCOUNT_ID.fullmatch(named):
        return named
    found: Sequence[str] = [each["Id"] for each in _accounts(client) if each["Name"] == named]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"several accounts are called {named!r}: {', '.join(found)}; give the number")
    raise click.ClickException(f"no account is called {named!r}; `groundwatch account list` shows them")


def _default_email(name: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:40]}@groundwatch.invalid"


def _create_account(client: ServiceClient, name: str, account_id: str | None, email: str) -> str:
    request: dict[str, Any] = {"AccountName": name, "Email": email}
    if account_id is not None:
        request["Tags"] = [{"Key": ACCOUNT_ID_TAG, "Value": account_id}]
    with api_errors(client.endpoint_url):
        status = client.api.create_account(**request)["CreateAccountStatus"]
    if status["State"] != "SUCCEEDED":
        reason = status.get("FailureReason", "unknown")
        hint = f"; an account has the address {email}, give another with --email" if "EMAIL" in reason else ""
        raise click.ClickException(f"the account was not made: {reason}{hint}")
    return str(status["AccountId"])


def _first_key(wishes: Wishes, account_id: str) -> AdminCredentials:
    """Make the account's first user with a key, through the role that the account was made with."""
    operator = connect(wishes, os.environ, "sts")
    with api_errors(operator.endpoint_url):
        role_arn = f"arn:aws:iam::{account_id}:role/{ACCESS_ROLE}"
        session = operator.api.assume_role(RoleArn=role_arn, RoleSessionName="groundwatch-account-create")
        given = session["Credentials"]
        key = SessionKey(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        iam = connect(wishes, os.environ, "iam", key).api
        iam.create_user(UserName=ADMINISTRATOR)
        iam.attach_user_policy(UserName=ADMINISTRATOR, PolicyArn=ADMINISTRATOR_ACCESS)
        made = iam.create_access_key(UserName=ADMINISTRATOR)["AccessKey"]
    target = operator.target
    return AdminCredentials(
        made["AccessKeyId"], made["SecretAccessKey"], target.endpoint_url, target.region, target.ca_bundle
    )


def _show_key(account_id: str, key: AdminCredentials, output: Path | None) -> None:
    click.echo(f"account            {account_id}")
    click.echo(f"user               {ADMINISTRATOR}")
    click.echo(f"access key id      {key.access_key_id}")
    if output is None:
        click.echo(f"secret access key  {key.secret_access_key}")
        click.echo("The secret is not shown again.", err=True)
        return
    try:
        write_credentials(output, key)
    except DataDirectoryError as error:
        # The key works and nobody else will ever show it.
        click.echo(f"secret access key  {key.secret_access_key}")
        raise click.ClickException(f"{error}; the secret is shown above instead") from error
    click.echo(f"credentials        {output}")
