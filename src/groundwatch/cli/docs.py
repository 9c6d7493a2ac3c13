"""Writes the generated parts of `docs/configuration.md` and `docs/cli.md`: `python -m groundwatch.cli.docs docs`.

A generated part stands between two comments, so that the text around it is written by hand. A test compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from groundwatch.cli import COMMANDS, program
from groundwatch.config import settings_table

HELP_WIDTH = 100


def command_help() -> str:
    """Return the help text of every command, as Markdown."""
    top = click.Context(
        program,
        info_name="groundwatch",
        terminal_width=HELP_WIDTH,
        max_content_width=HELP_WIDTH,
        help_option_names=["-h", "--help"],
    )
    parts = [_console(top)]
    for name in COMMANDS:
        command = program.get_command(top, name)
        if command is not None:
            parts += [f"## groundwatch {name}\n", *_help_of(click.Context(command, info_name=name, parent=top))]
    return "\n".join(parts)


def _help_of(context: click.Context) -> Iterator[str]:
    """Yield the help of a command, and of those below it."""
    yield _console(context)
    if isinstance(context.command, click.Group):
        for name, command in context.command.commands.items():
            yield _console(click.Context(command, info_name=name, parent=context))


def _console(context: click.Context) -> str:
    return f"```console\n$ {context.command_path} --help\n{context.get_help()}\n```\n"


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "configuration.md": ("settings", settings_table),
    "cli.md": ("help", command_help),
}
"""Page, name of its generated part, and what generates it."""


def with_generated_part(page: str, name: str, content: str) -> str:
    """Return the page with its generated part replaced. Raises ValueError when the page has no such part."""
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end of generated part -->"
    pattern = re.compile(f"(?s){re.escape(begin)}.*?{re.escape(end)}")
    replaced, count = pattern.subn(lambda _: f"{begin}\n{content}\n{end}", page)
    if count != 1:
        raise ValueError(f"the page has {count} parts called {name}, not one")
    return replaced


def main(directory: Path) -> None:
    """Rewrite the generated parts of the pages in the directory."""
    for file_name, (name, generate) in PARTS.items():
        path = directory / file_name
        path.write_text(with_generated_part(path.read_text("utf-8"), name, generate()), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
