"""`groundwatch import-api`: an API from a real account, with the roles that it needs, deployed and ready here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import click

from groundwatch.app.adapters import policy_fault
from groundwatch.cli.api import Wishes, api_errors
from groundwatch.cli.calls import Calls
from groundwatch.cli.options import server_options
from groundwatch.cli.running_api import document_of
from groundwatch.deploy.assemble import role_names
from groundwatch.deploy.definition import Definition, DefinitionError, load_definition, read_definition
from groundwatch.deploy.needs import logs_calls, methods_of
from groundwatch.deploy.origin import own_accounts
from groundwatch.deploy.policies import derived_policy, trust_policy
from groundwatch.deploy.stack import Document
from groundwatch.deploy.texts import rewritten

_ACCOUNT = re.compile(r"(arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9*-]*:)(\d{12})(?=:)")
_RESOURCE = re.compile(r"arn:aws[a-z-]*:execute-api:[a-z0-9*-]*:(\d{12}):(?:[a-z0-9]{10}|\*)/")
"""What a resource policy says of its API, under an id that is not that of the API made here."""
_REGIONAL = re.compile(r"arn:aws[a-z-]*:apigateway:(?P<region>[a-z0-9-]+):")
POLICY_NAME = "imported"


@click.command("import-api")
@click.argument("definition", metavar="EXPORT", type=click.File("rb"))
@click.option("--stage", metavar="NAME", default="v1", show_default=True, help="Stage on which the API is deployed.")
@click.option(
    "--policy",
    "policies",
    metavar="ROLE=FILE",
    multiple=True,
    help="Policy document (JSON) of a role that the definition names; may be repeated.",
)
@click.option(
    "--roles-from", metavar="PROFILE", help="Read the roles' policies from the account of this profile in ~/.aws."
)
@click.option("--roles-endpoint-url", metavar="URL", help="Where to read them, if not from AWS.")
@click.option("--key/--no-key", default=True, show_default=True, help="Make an API key where the API asks for one.")
@server_options
def command(  # noqa: PLR0913 - one parameter an option
    *,
    definition: Any,  # noqa: ANN401 - a file of click's
    stage: str,
    policies: tuple[str, ...],
    roles_from: str | None,
    roles_endpoint_url: str | None,
    key: bool,
    endpoint_url: str | None,
    profile: str | None,
    region: str | None,
    data: Path,
) -> None:
    """Run an export of a real account here: roles, API, deployment, and a key if it asks for one.

    EXPORT is what `aws apigateway get-export --export-type oas30 --parameters extensions=apigateway` writes, or any
    definition with the same extensions. ARNs of the account that it comes from become ARNs of the account here. A role
    gets the policy of --policy or --roles-from; where neither says, one that allows what the integrations do.
    """
    server = _Server(Wishes(endpoint_url, profile, region, data))
    given_text = definition.read()
    accounts = _own_accounts(given_text, definition.name)
    text = localized(given_text.decode("utf-8-sig"), accounts, server.account_id).encode()
    read = _read(text, definition.name, server)
    given = _given_policies(policies)
    unknown = given.keys() - role_names(read.api).values()
    if unknown:
        raise click.UsageError(f"--policy: the definition names no role {', '.join(sorted(unknown))}")
    source = _Source(roles_from, roles_endpoint_url) if roles_from or roles_endpoint_url else None
    for arn, name in sorted(role_names(read.api).items()):
        held = {POLICY_NAME: given[name]} if name in given else source.policies(name) if source else None
        theirs = accounts | ({source.account(name)} if source else set())
        server.make_role(name, arn, held if held is not None else _derived(read, arn), theirs)
    api_id = server.import_api(text, stage)
    click.echo(f"REST API {api_id} ({read.api.name}) is deployed on stage {stage}")
    if key and any(method.api_key_required for _, method in methods_of(read.api)):
        click.echo(f"API key: {server.make_key(read.api.name, api_id, stage)}")
    for line in [*_remarks(read, server.region), *_others(text.decode(), server.account_id)]:
        click.echo(line, err=True)


class _Server:
    """The server that gets the API."""

    def __init__(self, wishes: Wishes) -> None:
        self._calls = Calls(wishes, ("apigateway", "iam", "sts"))
        self.region = self._calls.region
        self.account_id = self._calls.account_id()

    def make_role(self, name: str, arn: str, policies: Mapping[str, Document], accounts: frozenset[str]) -> None:
        """Make a role that the gateway may assume, or give one that is there these policies.

        ARNs of `accounts` in the policies become ARNs of this one.
        """
        path = "/" + "".join(f"{part}/" for part in arn.partition(":role/")[2].split("/")[:-1])
        trust = json.dumps(trust_policy())
        words = {"RoleName": name, "Path": path, "AssumeRolePolicyDocument": trust}
        made = self._calls.unless(["EntityAlreadyExists"], "iam", "create_role", **words)
        for policy, held in policies.items():
            local = rewritten(held, lambda text: _local_arn(text, accounts, self.account_id, self.region))
            self._calls.call(
                "iam", "put_role_policy", RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(local)
            )
        what = "made" if made else "there already"
        click.echo(f"role {name} is {what}, with {', '.join(policies) or 'no policy'}")

    def import_api(self, text: bytes, stage: str) -> str:
        """Import and deploy a definition; return the API's id."""
        api_id = str(self._calls.call("apigateway", "import_rest_api", body=text, failOnWarnings=True)["id"])
        self._calls.call("apigateway", "create_deployment", restApiId=api_id, stageName=stage)
        return api_id

    def make_key(self, name: str, api_id: str, stage: str) -> str:
        """Make a key, and a usage plan that admits it; return the key's value."""
        made = self._calls.call("apigateway", "create_api_key", name=name, enabled=True)
        stages = [{"apiId": api_id, "stage": stage}]
        plan = self._calls.call("apigateway", "create_usage_plan", name=name, apiStages=stages)
        self._calls.call(
            "apigateway", "create_usage_plan_key", usagePlanId=plan["id"], keyId=made["id"], keyType="API_KEY"
        )
        return str(made["value"])


class _Source:
    """The account that the definition comes from."""

    def __init__(self, profile: str | None, endpoint_url: str | None) -> None:
        try:
            session = botocore.session.Session(profile=profile)
            self._iam = session.create_client("iam", region_name="us-east-1", endpoint_url=endpoint_url)
        except botocore.exceptions.BotoCoreError as error:
            raise click.UsageError(str(error)) from error

    def account(self, role: str) -> str:
        """Return the number of the account that has a role."""
        with api_errors(self._iam.meta.endpoint_url):
            return str(self._iam.get_role(RoleName=role)["Role"]["Arn"]).split(":")[4]

    def policies(self, role: str) -> dict[str, Document]:
        """Return the inline and attached policies of a role by name."""
        with api_errors(self._iam.meta.endpoint_url):
            inline = self._pages("list_role_policies", "PolicyNames", RoleName=role)
            found = {
                name: document_of(self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
                for name in inline
            }
            for each in self._pages("list_attached_role_policies", "AttachedPolicies", RoleName=role):
                policy = self._iam.get_policy(PolicyArn=each["PolicyArn"])["Policy"]
                version = self._iam.get_policy_version(
                    PolicyArn=each["PolicyArn"], VersionId=policy["DefaultVersionId"]
                )
                found[each["PolicyName"]] = document_of(version["PolicyVersion"]["Document"])
        return found

    def _pages(self, operation: str, member: str, **words: str) -> list[Any]:
        pages = self._iam.get_paginator(operation).paginate(**words)
        return [each for page in pages for each in page[member]]


def localized(text: str, accounts: frozenset[str], account_id: str) -> str:
    """Return a text in which ARNs of `accounts` are those of this one; what others have stays theirs.

    What a resource policy says of the exported API is said of the imported one, whatever its id will be: a Deny that
    names an API which is not here would deny nothing.
    """
    text = _RESOURCE.sub(lambda match: "execute-api:/" if match[1] in accounts else match[0], text)
    return _ACCOUNT.sub(lambda match: match[1] + (account_id if match[2] in accounts else match[2]), text)


def _local_arn(text: str, accounts: frozenset[str], account_id: str, region: str) -> str:
    return (
        localized(text, accounts, account_id)
        .replace("${AWS::AccountId}", account_id)
        .replace("${AWS::Region}", region)
        .replace("${AWS::Partition}", "aws")
    )


def _own_accounts(text: bytes, name: str) -> frozenset[str]:
    try:
        return own_accounts(load_definition(text))
    except DefinitionError as error:
        raise click.ClickException(f"{name}: {error}") from error


def _read(text: bytes, name: str, server: _Server) -> Definition:
    try:
        return read_definition(text, server.account_id, server.region, policy_fault)
    except DefinitionError as error:
        raise click.ClickException("\n".join(f"{name}: {fault}" for fault in error.faults)) from error


def _others(text: str, account_id: str) -> list[str]:
    others = ", ".join(sorted({found for _, found in _ACCOUNT.findall(text)} - {account_id}))
    return [f"note: ARNs of {others} stay as they are: the definition is not of that account"] if others else []


def _given_policies(words: Iterable[str]) -> dict[str, Document]:
    given: dict[str, Document] = {}
    for word in words:
        role, equals, file = word.partition("=")
        if not (role and equals and file):
            raise click.UsageError(f"--policy: {word!r} is not ROLE=FILE")
        try:
            given[role] = document_of(Path(file).read_text("utf-8"))
        except OSError as error:
            raise click.UsageError(f"--policy: cannot read {file}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise click.UsageError(f"--policy: {file} is no JSON policy document: {error}") from error
    return given


def _derived(read: Definition, role_arn: str) -> dict[str, Document]:
    policy = derived_policy([call for call in logs_calls(read.api) if call.role == role_arn])
    return {POLICY_NAME: policy} if policy else {}


def _remarks(read: Definition, region: str) -> list[str]:
    """Return what the user should know about the API as it runs here."""
    uris = [method.integration.uri or "" for _, method in methods_of(read.api) if method.integration is not None]
    regions = {match["region"] for uri in uris if (match := _REGIONAL.match(uri))} - {region}
    remarks = [f"warning: {fault}" for fault in read.warnings]
    if regions:
        there = ", ".join(sorted(regions))
        remarks.append(f"note: integrations call services in {there}; the log groups of {region} are other ones")
    return remarks
