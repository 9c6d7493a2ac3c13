"""Rich's console as commands use it."""

from __future__ import annotations

from rich.console import Console


class Terminal(Console):
    """A console that leaves a closed pipe to the command, as plain writes do; Rich would end the process with 1."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is being handled once more."""
        raise  # noqa: PLE0704 - called from within the handler
