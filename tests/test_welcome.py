"""What the operator reads at the start."""

import io
import shlex
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from groundwatch import welcome

WELCOME = welcome.Welcome(
    service_url="http://127.0.0.1:4580",
    gateway_url="https://127.0.0.1:8443",
    credentials=Path("/srv/a long directory name, so that lines are longer than a terminal is wide/admin-credentials"),
    program="/opt/groundwatch/.venv/bin/groundwatch",
    auth_off=False,
    gateway_authority=Path("/srv/data of mine/tls/ca.pem"),
    first_request=welcome.FirstRequest("https://127.0.0.1:8443/abc/v1", "KEY[bold]"),
)


def shown(**changes: object) -> list[str]:
    text = io.StringIO()
    welcome.show(msgspec.structs.replace(WELCOME, **changes), Console(file=text, width=80))
    return text.getvalue().splitlines()


def test_nothing_is_wrapped_padded_or_taken_for_markup():
    lines = shown()
    assert f"Access key    {WELCOME.credentials}  the administrator's" in lines
    assert "API key       KEY[bold]  of the bundled API" in lines
    assert [line for line in lines if line != line.rstrip()] == []


def test_lines_to_paste_are_quoted_for_the_shell():
    lines = shown()
    request = next(line for line in lines if line.startswith("curl "))
    assert shlex.split(request)[2:4] == ["--cacert", "/srv/data of mine/tls/ca.pem"]
    environment = next(line for line in lines if line.startswith("eval "))
    assert environment == f"eval \"$({WELCOME.program} env --data '{WELCOME.credentials.parent}')\""


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"first_request": None}, ("curl", "API key")),
        ({"gateway_authority": None}, ("--cacert",)),
        ({}, ("--auth off",)),
    ],
    ids=["the bundled API was removed", "without a local authority", "with authorization"],
)
def test_what_does_not_apply_is_left_out(changes, absent):
    text = "\n".join(shown(**changes))
    assert [word for word in absent if word in text] == []
