"""`groundwatch pattern`: why lines match a filter pattern, without a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO

import click
import msgspec
from rich.text import Text

from groundwatch.aws.errors import ServiceError
from groundwatch.cli.lines import LineSplitter
from groundwatch.cli.options import format_option
from groundwatch.cli.show import visible
from groundwatch.cli.terminal import Terminal
from groundwatch.logs.patterns.explain import Explanation, explain
from groundwatch.logs.patterns.nodes import Pattern
from groundwatch.logs.patterns.parse import parse_pattern

CHUNK_BYTES = 64 * 1024
MAX_PATTERN_CHARACTERS = 1024
"""As in the service's model, where the server checks it."""
VERDICTS: dict[bool | None, tuple[str, str]] = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "dim")}


class Checked(msgspec.Struct, frozen=True):
    """A line with the reasons for its verdict."""

    line: int
    message: str
    explanation: Explanation


@click.command()
@click.argument("pattern")
@click.argument("file", type=click.File("rb"), default="-", metavar="[FILE]")
@format_option("pretty", "json")
def command(*, pattern: str, file: BinaryIO, form: str) -> int:
    """Explain, condition by condition, why lines match a filter pattern or do not.

    The lines are those of FILE or of standard input; blank ones are skipped, as no log event is empty. A pattern that
    begins with - goes after --. The exit code is 0 when a line matched, 1 when none did, and 2 for a malformed pattern.
    """
    tree = _parsed(pattern)
    write = _write_json if form == "json" else PrettyWriter(sys.stdout)
    matched = False
    for number, message in _messages(file):
        explanation = explain(tree, message)
        matched = matched or explanation.matches is True
        write(Checked(number, message, explanation))
    return 0 if matched else 1


def _parsed(pattern: str) -> Pattern:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise click.UsageError(
            f"the pattern has {len(pattern)} characters, at most {MAX_PATTERN_CHARACTERS} are allowed"
        )
    try:
        return parse_pattern(pattern)
    except ServiceError as error:
        raise click.UsageError(error.message or error.code) from error


def _messages(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield lines as they arrive, with their numbers; what is not UTF-8 is replaced, as agents do."""
    splitter = LineSplitter(getattr(file, "name", "-"))
    read = getattr(file, "read1", file.read)
    while chunk := read(CHUNK_BYTES):
        yield from _texts(splitter, chunk)
    yield from _texts(splitter, None)


def _texts(splitter: LineSplitter, chunk: bytes | None) -> Iterator[tuple[int, str]]:
    for line in splitter.finish() if chunk is None else splitter.feed(chunk):
        if line.content is None:
            click.echo(f"{line.source}:{line.number}: longer than any event may be, skipped", err=True)
        elif line.content:
            yield line.number, line.content.decode(errors="replace")


def _write_json(checked: Checked) -> None:
    row = {
        "line": checked.line,
        "matches": checked.explanation.matches,
        "message": checked.message,
        "explanation": msgspec.to_builtins(checked.explanation),
    }
    sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class PrettyWriter:
    """Writes a line, and below it the conditions, with their verdicts in colours on a terminal."""

    def __init__(self, output: TextIO) -> None:
        self._console = Terminal(file=output, highlight=False, soft_wrap=True)

    def __call__(self, checked: Checked) -> None:
        """Write one line with its reasons."""
        explanation = checked.explanation
        sign, style = VERDICTS[explanation.matches]
        head = Text.assemble((f"{sign} ", style), (f"{checked.line}: ", "dim"), (visible(checked.message), "bold"))
        self._console.print(head)
        for part in explanation.parts or (explanation,):
            self._write(part, depth=1)

    def _write(self, part: Explanation, depth: int) -> None:
        sign, style = VERDICTS[part.matches]
        text = Text.assemble("  " * depth, (f"{sign} ", style), visible(part.condition))
        if part.found:
            text.append(f"{'  ' if part.condition else ''}{visible(part.found)}", style="dim")
        self._console.print(text)
        for inner in part.parts:
            self._write(inner, depth + 1)
