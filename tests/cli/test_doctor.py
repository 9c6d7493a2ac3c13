"""`groundwatch doctor`: what its table shows."""

import pytest

from groundwatch.cli.doctor import _CountedParts, _show
from groundwatch.upkeep.findings import Finding

BROKEN = Finding("part 1_1_1_0 of events", "failing", "is broken")
OUT = Finding("part 1_1_1_0 of events", "warning", "was broken; all of its 5 rows were kept")
STUCK = Finding("deletions in events", "failing", "do not get done")


def test_a_path_in_an_advice_is_shown_whole_on_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    path = "/var/lib/groundwatch/" + "x" * 100 + "/end"
    _show([Finding("part 1_1_1_0 of events", "failing", "is broken", f"delete {path}")])
    assert f"delete{path}" in "".join(capsys.readouterr().out.split())


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
