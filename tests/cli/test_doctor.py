"""`groundwatch doctor`: what its table shows."""

import json
import re

import pytest

from groundwatch.cli import main
from groundwatch.cli.doctor import _CountedParts, _show
from groundwatch.data_directory import open_data_directory
from groundwatch.upkeep.findings import Finding

BROKEN = Finding("part 1_1_1_0 of events", "failing", "is broken")
OUT = Finding("part 1_1_1_0 of events", "warning", "was broken; all of its 5 rows were kept")
STUCK = Finding("deletions in events", "failing", "do not get done")


def test_a_path_in_an_advice_is_shown_whole_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    path = "/var/lib/groundwatch/" + "x" * 100 + "/end"
    _show([Finding("part 1_1_1_0 of events", "failing", "is broken", f"delete {path}")])
    assert f"delete{path}" in re.sub(r"\s|\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_a_pipe_gets_each_finding_in_a_line_of_its_own(capsys):
    _show([Finding("certificate [red].pem", "warning", "x" * 100 + " expires", "renew it\\")])
    assert capsys.readouterr().out.splitlines() == [
        f"check{' ' * 18}state{' ' * 4}what",
        f"certificate [red].pem  warning  {'x' * 100} expires",
        f"{' ' * 32}→ renew it\\",
    ]


@pytest.mark.parametrize(
    ("checked", "findings", "shown"),
    [
        pytest.param(7, [], ["all 7 agree with their checksums"], id="sound"),
        pytest.param(7, [OUT, STUCK], ["all 7 agree with their checksums"], id="other findings"),
        pytest.param(7, [BROKEN], [], id="a broken part"),
        pytest.param(0, [], [], id="none was read"),
    ],
)
def test_sound_parts_are_said_to_be_sound(checked, findings, shown):
    counted = _CountedParts(lambda _checked, _parts: None)
    counted(checked, checked)
    assert [finding.text for finding in counted.all_sound(findings)] == shown


def test_a_server_that_cannot_be_asked_does_not_hide_what_is_known_of_the_files(tmp_path, capsys):
    held = open_data_directory(tmp_path / "data")
    try:
        assert main(["doctor", "--data", str(tmp_path / "data"), "--format", "json"]) == 1
    finally:
        held.close()
    found = {finding["check"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["data directory"]["state"] == "ok"
    assert found["stores"]["state"] == "failing"
    assert "the server was not asked: no server is known" in found["stores"]["text"]
    assert "--endpoint-url" in found["stores"]["advice"]
