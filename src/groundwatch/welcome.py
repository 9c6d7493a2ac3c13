"""What the operator sees when the server is ready: addresses, where the keys are, and a first request to paste."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table


class FirstRequest(msgspec.Struct, frozen=True):
    """The bundled API as a client would call it."""

    url: str
    api_key: str


class Welcome(msgspec.Struct, frozen=True):
    """Everything that is told at the start."""

    service_url: str
    gateway_url: str
    credentials: Path
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


def show(welcome: Welcome, console: Console) -> None:
    """Print the welcome; the line to paste is printed unwrapped and alone."""
    table = Table.grid(padding=(0, 2))
    table.add_row("Service port", f"[bold cyan]{welcome.service_url}[/]  AWS APIs: logs, iam, sts, apigateway")
    table.add_row("Gateway port", f"[bold cyan]{welcome.gateway_url}[/]  deployed REST APIs")
    table.add_row("Access key", f'{welcome.credentials}  [dim](eval "$(groundwatch env)" puts it into your shell)[/]')
    if welcome.first_request is not None:
        table.add_row("API key", f"[bold]{welcome.first_request.api_key}[/]  [dim]of the bundled API[/]")
    console.print("\n[bold green]Groundwatch is ready.[/]")
    console.print(table, soft_wrap=True)
    if welcome.auth_off:
        console.print("[bold yellow]--auth off: any credentials are accepted, nothing is authorized.[/]")
    line = curl_line(welcome)
    if line is not None:
        console.print("\nTry it:")
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.print()
