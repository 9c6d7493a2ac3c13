"""`groundwatch deploy`: a definition as a CloudFormation or Terraform stack, and what it means on AWS."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import yaml

from groundwatch.app.adapters import policy_fault
from groundwatch.cli.api import Wishes
from groundwatch.cli.deploy_report import show_report
from groundwatch.cli.options import data_option
from groundwatch.cli.running_api import RunningApi
from groundwatch.cli.terminal import Terminal
from groundwatch.deploy import cloudformation, terraform
from groundwatch.deploy.assemble import Running, Wanted, role_names, stack_of
from groundwatch.deploy.definition import Definition, DefinitionError, read_definition
from groundwatch.deploy.literals import EvaluatedTextError
from groundwatch.deploy.needs import ANY_GROUP, logs_calls
from groundwatch.deploy.stack import DomainPlan, Stack

PLACEHOLDER_ACCOUNT = "000000000000"


class _Dumper(yaml.SafeDumper):
    """YAML in which templates stay readable: a text of several lines is a block, and nothing is an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - PyYAML's signature
        """Write what occurs twice twice: CloudFormation reads no aliases."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


@click.command()
@click.argument("definition", metavar="API.yaml", type=click.File("rb"))
@click.option(
    "--format",
    "form",
    type=click.Choice(["cloudformation", "terraform"]),
    default="cloudformation",
    show_default=True,
    help="Form of the stack.",
)
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the stack."
)
@click.option("--check", is_flag=True, help="Explain what the stack would create, and write nothing.")
@click.option(
    "--stage", metavar="NAME", default="v1", show_default=True, help="Stage of the stack, and of the running API."
)
@click.option("--domain", metavar="HOST[/PATH]", help="Custom domain name that leads to the stage.")
@click.option("--certificate-arn", metavar="ARN", help="The domain's ACM certificate.  [default: asked by the stack]")
@click.option("--offline", is_flag=True, help="Ask no server: derive roles, keys and plans from the definition alone.")
@click.option("--account", metavar="ACCOUNT_ID", default=None, help="Account whose ARNs the definition holds.")
@data_option
@click.option("--profile", metavar="NAME", help="Profile in ~/.aws whose credentials are used.")
@click.option("--region", metavar="REGION", help="Region of the running API.")
@click.option("--endpoint-url", metavar="URL", help="The server's service port.")
def command(  # noqa: PLR0913 - one parameter an option
    *,
    definition: Any,  # noqa: ANN401 - a file of click's
    form: str,
    out: Path | None,
    check: bool,
    stage: str,
    domain: str | None,
    certificate_arn: str | None,
    offline: bool,
    account: str | None,
    data: Path,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
) -> int:
    """Write the stack that runs a definition on AWS: API, deployment, stage, roles, keys, usage plans and log groups.

    A running server is asked for what the file does not hold: the roles' policies, the stage's settings, keys and usage
    plans, log groups with their retention, metric filters, custom domains. Values of keys are never written: AWS makes
    new ones. With --check the exit code is 1 when something cannot work there.
    """
    server = None if offline else _server(Wishes(endpoint_url, profile, region, data))
    read = _read(definition.read(), definition.name, server, account)
    wanted = Wanted(stage, _domain(domain, certificate_arn))
    stack = stack_of(read, _running(server, read, stage), wanted)
    if check:
        return show_report(Terminal(), read, stack)
    _write(_rendered(stack, form, out), out)
    for fault in read.warnings:
        click.echo(f"warning: {fault}", err=True)
    return 0


def _server(wishes: Wishes) -> RunningApi:
    try:
        return RunningApi(wishes)
    except click.UsageError as error:
        raise click.UsageError(f"{error.message}, or --offline to derive everything from the definition") from error


def _read(text: bytes, name: str, server: RunningApi | None, account: str | None) -> Definition:
    account_id = account or (server.account_id() if server else PLACEHOLDER_ACCOUNT)
    try:
        return read_definition(text, account_id, server.region if server else "us-east-1", policy_fault)
    except DefinitionError as error:
        raise click.ClickException("\n".join(f"{name}: {fault}" for fault in error.faults)) from error


def _running(server: RunningApi | None, read: Definition, stage: str) -> Running:
    if server is None:
        return Running()
    groups = {group for call in logs_calls(read.api) for group in call.groups if ANY_GROUP not in group}
    return server.read(read.api.name, stage, role_names(read.api).values(), sorted(groups))


def _domain(domain: str | None, certificate_arn: str | None) -> DomainPlan | None:
    if domain is None:
        return None
    host, _, base_path = domain.partition("/")
    return DomainPlan(host, certificate_arn, base_path or None)


def _rendered(stack: Stack, form: str, out: Path | None) -> str:
    if form == "terraform":
        return json.dumps(terraform.configuration(stack), indent=2, ensure_ascii=False) + "\n"
    try:
        template = cloudformation.template(stack)
    except EvaluatedTextError as error:
        raise click.ClickException(str(error)) from error
    if out is not None and out.suffix == ".json":
        return json.dumps(template, indent=2, ensure_ascii=False) + "\n"
    return yaml.dump(template, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {out}: {error.strerror}") from error
    click.echo(f"{out} is written", err=True)
