"""The command itself: the table, exit codes, one clear line for each mistake, and a quick start."""

import subprocess
import sys
import types
from pathlib import Path

import click
import pytest

from groundwatch.cli import COMMANDS, main, program
from groundwatch.config import Address, ConfigError, StartupError

PROGRAM = [sys.executable, "-c", "import sys; from groundwatch.cli import main; sys.exit(main())"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_row_of_the_table_is_a_command(name):
    command = program.get_command(click.Context(program), name)
    assert isinstance(command, click.Command)
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))


def test_help_imports_no_command():
    code = (
        "import sys; from groundwatch.cli import main; main(['--help'])\n"
        "heavy = {'botocore', 'rich', 'msgspec', 'uvicorn', 'cryptography'}\n"
        "print(heavy & {name.split('.')[0] for name in sys.modules})"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("set()\n")
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["tial"], "groundwatch: No such command 'tial'.", id="unknown command"),
        pytest.param(["version", "--x"], "groundwatch version: No such option '--x'.", id="unknown flag"),
        pytest.param(["tail"], "groundwatch tail: Missing argument 'GROUP'.", id="argument missing"),
        pytest.param(
            ["serve", "--gateway", "x"],
            "groundwatch serve: --gateway: 'x' is not HOST:PORT; write for example 127.0.0.1:4580 or [::1]:4580",
            id="a wrong setting",
        ),
        pytest.param(
            ["tail", "g"],
            "groundwatch tail: no server is known: data holds no credentials file; start one with `groundwatch serve`, "
            "or give --endpoint-url or --data",
            id="no server",
        ),
        pytest.param(
            ["tail", "g", "--profile", "none"],
            "groundwatch tail: The config profile (none) could not be found",
            id="unknown profile",
        ),
        pytest.param(
            ["query", "/shop/checkout"],
            "groundwatch query: '/shop/checkout' is a log group, and the query is missing; write for example "
            "`groundwatch query /shop/checkout 'fields @message'`",
            id="a group without a query",
        ),
        pytest.param(
            ["query", "fields @message"],
            "groundwatch query: no log group is named; write it before the query, or begin the query with SOURCE",
            id="a query without a group",
        ),
        pytest.param(
            ["tail", "g", "--endpoint-url", "nonsense"], "groundwatch tail: Invalid endpoint: nonsense", id="no URL"
        ),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(capsys, arguments, line):
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", line + "\n")


def test_no_command_shows_the_help(capsys):
    assert main([]) == 2
    assert "Usage: groundwatch" in capsys.readouterr().err


def test_version(capsys):
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("groundwatch 0.")


def test_an_unreachable_server(capsys, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    # Port 9 is discard, which nobody runs.
    assert main(["tail", "g", "--endpoint-url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == (
        "groundwatch: cannot reach http://127.0.0.1:9: Connection refused; start the server with `groundwatch serve`, "
        "or name another with --endpoint-url\n"
    )


def test_no_credentials(capsys):
    assert main(["tail", "g", "--endpoint-url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == (
        'groundwatch: no credentials: use eval "$(groundwatch env)", --profile, or --data with the server\'s data '
        "directory\n"
    )


# Whoever reads the output may go, and the output may have nowhere to go


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["version"], id="written as it is"),
        pytest.param(["--help"], id="help of the program"),
        pytest.param(["version", "--help"], id="help of a command"),
        pytest.param(["doctor", "--data", "nowhere"], id="drawn as a table"),
        pytest.param(["pattern", "", "lines"], id="drawn line by line"),
    ],
)
def test_a_closed_pipe_is_no_error(tmp_path, arguments):
    (tmp_path / "lines").write_text("a\n")
    with subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0


def test_a_mistake_is_one_though_nobody_reads_of_it():
    command = [*PROGRAM, "version", "--x"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stderr.close()
        assert process.stdout.read() == ""
        assert process.wait() == 2


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), ("2>&-", 0), ("</dev/null >&- 2>&-", 0)])
def test_a_stream_that_is_closed_from_the_start_is_no_error(tmp_path, redirection, code):
    (tmp_path / "lines").write_text("a\n")
    shell = ["sh", "-c", f'"$@" {redirection}', "-"]
    done = subprocess.run([*shell, *PROGRAM, "pattern", "", "lines"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["pattern", "", "lines"]])
def test_an_output_that_cannot_be_written_is_one_line(tmp_path, arguments):
    (tmp_path / "lines").write_text("a\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "groundwatch: cannot write the output: No space left on device\n")


# serve


@pytest.fixture
def app(monkeypatch):
    """Stands in for the server; `app.run` may be replaced."""
    module = types.ModuleType("groundwatch.app.serving")
    module.settings = []
    module.run = module.settings.append
    monkeypatch.setitem(sys.modules, "groundwatch.app.serving", module)
    return module


def test_serve_hands_the_settings_over(app, monkeypatch):
    monkeypatch.setenv("GROUNDWATCH_REGION", "eu-central-1")
    assert main(["serve", "--service", "[::1]:1", "--log-level", "debug"]) == 0
    (settings,) = app.settings
    assert (settings.service, settings.region, settings.log_level) == (Address("::1", 1), "eu-central-1", "debug")


def test_serve_reads_a_named_file(app, tmp_path):
    (tmp_path / "x.toml").write_text('account = "123456789012"')
    assert main(["serve", "--config", "x.toml"]) == 0
    assert app.settings[0].account == "123456789012"


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (StartupError("port 4580 on 127.0.0.1 is in use"), 1, "groundwatch: port 4580 on 127.0.0.1 is in use\n"),
        (ConfigError("--tls: no"), 2, "groundwatch serve: --tls: no\n"),
        (KeyboardInterrupt(), 130, "\n"),
    ],
)
def test_what_prevents_the_start_is_one_line(app, capsys, error, code, line):
    def run(_settings):
        raise error

    app.run = run
    assert main(["serve"]) == code
    assert capsys.readouterr().err == line
