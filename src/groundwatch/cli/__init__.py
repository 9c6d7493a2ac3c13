"""The command `groundwatch`: a table of commands, one module each, imported only when it runs.

A command returns its exit code, or None for 0. What goes wrong is one line on stderr: code 2 for a wrong call, 1 for
everything else, 130 after Ctrl-C.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click

from groundwatch.cli.streams import faults_of_output, open_closed_streams, told


class CommandEntry(NamedTuple):
    """One row of the table of commands."""

    module: str
    """Under `groundwatch.cli`; it holds a click command called `command`."""
    summary: str
    """The line in `groundwatch --help`, so that the help needs no import."""


COMMANDS: Mapping[str, CommandEntry] = {
    "serve": CommandEntry("serve", "Run the server: the AWS APIs on one port, the deployed REST APIs on another."),
    "put": CommandEntry("put", "Send lines of files or of standard input to a log group."),
    "tail": CommandEntry("tail", "Show the newest events of a log group, and follow it."),
    "query": CommandEntry("query", "Run a Logs Insights query, with its rows as a table, a chart or a file."),
    "metrics": CommandEntry("metrics", "List metrics, and draw one in the terminal."),
    "alarms": CommandEntry("alarms", "Show the states of alarms beside their metrics, or the history of one."),
    "pattern": CommandEntry("pattern", "Explain why lines match a filter pattern or do not."),
    "init": CommandEntry("init", "Write a commented definition that reads log groups over HTTPS."),
    "deploy": CommandEntry(
        "deploy", "Write a definition as a CloudFormation or Terraform stack for AWS, or explain it."
    ),
    "import-api": CommandEntry("import_api", "Run a definition exported from a real account here, with its roles."),
    "migrate": CommandEntry("migrate", "Copy log groups from the real CloudWatch Logs to this server, or back."),
    "account": CommandEntry("account", "Make, list, disable, enable and delete accounts, the tenants of a server."),
    "backup": CommandEntry("backup", "Back up a running server, or the data directory of a stopped one."),
    "restore": CommandEntry("restore", "Restore a backup into an empty data directory."),
    "doctor": CommandEntry("doctor", "Say what is wrong with a server's data, and what to do."),
    "env": CommandEntry("env", "Print the exports that make the AWS CLI and SDKs use this server."),
    "version": CommandEntry("version", "Print the version."),
}


class CommandTable(click.Group):
    """A group whose commands come from `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return the command, None for an unknown name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = importlib.import_module(f"groundwatch.cli.{entry.module}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"groundwatch.cli.{entry.module}.command is no click command")
        return command

    def make_context(self, *arguments: Any, **settings: Any) -> click.Context:  # noqa: ANN401 - click's signature
        """Read the arguments; `--help` writes and ends here."""
        # Else click would take a closed pipe for a failure.
        with faults_of_output():
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        with faults_of_output():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the summaries of the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


program = CommandTable(
    name="groundwatch",
    help="CloudWatch Logs on your own ground, with an API gateway in front.",
    epilog="`groundwatch COMMAND --help` explains a command.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the exit code."""
    open_closed_streams()
    try:
        code = program.main(arguments, prog_name="groundwatch", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        with told():
            error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        with told():
            click.echo(f"{context.command_path if context else 'groundwatch'}: {error.format_message()}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    return code if isinstance(code, int) else 0
