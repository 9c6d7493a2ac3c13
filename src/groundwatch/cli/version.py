"""`groundwatch version`."""

from __future__ import annotations

import importlib.metadata
import platform

import click


@click.command()
def command() -> None:
    """Print the version."""
    version = importlib.metadata.version("groundwatch")
    click.echo(f"groundwatch {version} (Python {platform.python_version()})")
