"""What the operator sees when the server is ready: addresses, where the keys are, and a first request to paste."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text


class FirstRequest(msgspec.Struct, frozen=True):
    """The bundled API as a client would call it."""

    url: str
    api_key: str


class Welcome(msgspec.Struct, frozen=True):
    """Everything that is told at the start."""

    service_url: str
    gateway_url: str
    credentials: Path
    program: str
    """How a shell finds the `groundwatch` command."""
    auth_off: bool
    gateway_authority: Path | None
    """The certificate that makes clients trust the gateway port; None without TLS of our own making."""
    first_request: FirstRequest | None
    """None when the owner has removed the bundled API."""


def curl_line(welcome: Welcome) -> str | None:
    """Return a command that reads from the bundled API when pasted into a shell."""
    if welcome.first_request is None:
        return None
    words = ["curl", "-s"]
    if welcome.gateway_authority is not None:
        words += ["--cacert", str(welcome.gateway_authority)]
    words += ["-H", f"x-api-key: {welcome.first_request.api_key}", f"{welcome.first_request.url}/groups"]
    return shlex.join(words)


def environment_line(welcome: Welcome) -> str:
    """Return a command that makes the AWS CLI and SDKs of a shell use this server."""
    command = shlex.join([welcome.program, "env", "--data", str(welcome.credentials.parent)])
    return f'eval "$({command})"'


def show(welcome: Welcome, console: Console) -> None:
    """Print the welcome; what is there to be pasted stands alone, and no line is wrapped."""
    console.print("\n[bold green]Groundwatch is ready.[/]\n")
    _fact(console, "Service port", welcome.service_url, "AWS APIs: logs, cloudwatch, sns, iam, sts, apigateway")
    _fact(console, "Gateway port", welcome.gateway_url, "deployed REST APIs")
    _fact(console, "Access key", str(welcome.credentials), "the administrator's")
    if welcome.first_request is not None:
        _fact(console, "API key", welcome.first_request.api_key, "of the bundled API")
    if welcome.auth_off:
        console.print("\n[bold yellow]--auth off: any credentials are accepted, nothing is authorized.[/]")
    line = curl_line(welcome)
    if line is not None:
        _to_paste(console, "Read the log groups over HTTPS:", line)
    _to_paste(console, "Let the AWS CLI and SDKs of a shell use this server:", environment_line(welcome))
    console.print("\nCtrl-C stops it.\n")


def _fact(console: Console, name: str, value: str, remark: str) -> None:
    text = Text.assemble(f"{name:<14}", (value, "bold cyan"), f"  {remark}")
    console.print(text, soft_wrap=True)


def _to_paste(console: Console, what_for: str, line: str) -> None:
    console.print(f"\n{what_for}")
    console.print(line, soft_wrap=True, highlight=False, markup=False)
