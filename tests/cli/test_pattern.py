import io
import json
import sys

import pytest

from groundwatch.cli import main


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "x.log"
    path.write_bytes(b'{"status":404}\r\n\nplain \x1b[31mred\xff\n{"status":200}')
    return str(path)


@pytest.mark.parametrize(
    ("pattern", "code"), [("{ $.status = 404 }", 0), ("{ $.status = 500 }", 1), ("plain", 0), ("", 0)]
)
def test_the_exit_code_says_whether_a_line_matched(log, pattern, code):
    assert main(["pattern", pattern, log]) == code


def test_each_line_has_its_reasons(log, capsys):
    main(["pattern", "{ $.status = 404 && $.x NOT EXISTS }", log])
    assert capsys.readouterr().out == (
        '✓ 1: {"status":404}\n'
        "  ✓ $.status = 404 && $.x NOT EXISTS\n"
        "    ✓ $.status = 404  found 404\n"
        "    ✓ $.x NOT EXISTS  nothing there\n"
        "✗ 3: plain \\x1b[31mred\ufffd\n"
        "  ✗ { $.status = 404 && $.x NOT EXISTS }  the message is not a JSON object\n"
        '✗ 4: {"status":200}\n'
        "  ✗ $.status = 404 && $.x NOT EXISTS\n"
        "    ✗ $.status = 404  found 200\n"
        "    ✓ $.x NOT EXISTS  nothing there\n"
    )


def test_json_lines(log, capsys):
    main(["pattern", "--format", "json", "plain", log])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["line"], row["matches"]) for row in rows] == [(1, False), (3, True), (4, False)]
    assert rows[1]["explanation"] == {
        "condition": "plain",
        "matches": True,
        "parts": [{"condition": "plain", "matches": True, "found": "occurs at character 1"}],
    }


def test_standard_input_and_a_pattern_with_a_minus(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    assert main(["pattern", "--", "-a"]) == 0
    assert capsys.readouterr().out.startswith("✗ 1: a\n  ✗ -a  occurs at character 1\n✓ 2: b\n")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("{ $.a == 1 }", "Invalid filter pattern (at character 8: equality is a single =)"), ("a" * 1025, "at most 1024")],
)
def test_a_malformed_pattern_is_a_wrong_call(log, pattern, said, capsys):
    assert main(["pattern", pattern, log]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_file_is_a_wrong_call(tmp_path, capsys):
    assert main(["pattern", "a", str(tmp_path / "none")]) == 2
    assert "No such file" in capsys.readouterr().err
