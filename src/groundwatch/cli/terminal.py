"""Rich's console as commands use it."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

PIPE_WIDTH = 10_000


class Terminal(Console):
    """A console that leaves a closed pipe to the command, as plain writes do; Rich would end the process with 1."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is being handled once more."""
        raise  # noqa: PLE0704 - called from within the handler

    def print_whole(self, shown: RenderableType) -> None:
        """Print a table as wide as the terminal, and into a pipe as wide as it is.

        A pipe has no width: what reads it wants whole values, and no blanks that only fill a column.
        """
        if self.is_terminal:
            self.print(shown)
            return
        text = io.StringIO()
        Console(file=text, width=PIPE_WIDTH).print(shown)
        self.file.writelines(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
