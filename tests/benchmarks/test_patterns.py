"""The measure of found patterns, and the reading of logs whose patterns are known."""

import pytest
from benchmarks.patterns import accuracy, labelled, run
from benchmarks.settings import Settings

STRUCTURED = 'LineId,Content,EventId\n1,opened 1,E1\n2,"closed, now",E2\n3,opened 2,E1\n'


@pytest.mark.parametrize(
    ("found", "expected"),
    [("aab", 1.0), ("bba", 1.0), ("abc", 1 / 3), ("aaa", 0.0)],
    ids=["same", "other names", "split", "joined"],
)
def test_a_group_counts_only_as_a_whole(found, expected):
    assert accuracy(found, "xxy") == pytest.approx(expected)


def test_labelled_logs_are_read_with_their_whole_lines(tmp_path):
    (tmp_path / "App.structured.csv").write_text(STRUCTURED)
    (tmp_path / "App.log").write_text("INFO opened 1\r\nINFO closed, now\nINFO opened\x0b2\n")
    (tmp_path / "Other.structured.csv").write_text(STRUCTURED)
    app, other = labelled(tmp_path)
    assert (app.name, app.contents, app.events) == ("App", ["opened 1", "closed, now", "opened 2"], ["E1", "E2", "E1"])
    assert app.lines == ["INFO opened 1", "INFO closed, now", "INFO opened\x0b2"]
    assert other.lines == []


def test_rows_are_a_log_each_their_mean_and_the_speed(tmp_path):
    assert run(Settings(texts=tmp_path)) == []
    (tmp_path / "App.structured.csv").write_text(STRUCTURED)
    rows = run(Settings(rounds=1, texts=tmp_path))
    assert [(row.what, row.figure.median) for row in rows[:2]] == [("App", 1.0), ("mean of the first", 1.0)]
    assert rows[-1].figure.unit == "lines/s"
