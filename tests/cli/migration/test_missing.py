"""The comparison of two streams, and the file that remembers how far each is."""

import sqlite3
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwatch.cli.migration.missing import missing_events
from groundwatch.cli.migration.progress_file import ProgressFile


def events(*pairs):
    return [{"timestamp": time_ms, "message": message} for time_ms, message in pairs]


CASES = [
    pytest.param([], [], [], id="nothing"),
    pytest.param([(1, "a"), (2, "b")], [], [(1, "a"), (2, "b")], id="an empty target"),
    pytest.param([(1, "a"), (2, "b")], [(1, "a")], [(2, "b")], id="the beginning is there"),
    pytest.param([(1, "a"), (1, "a")], [(1, "a")], [(1, "a")], id="equal events count as often as they are there"),
    pytest.param([(1, "a"), (1, "b")], [(1, "b")], [(1, "a")], id="another order within a millisecond"),
    pytest.param([(5, "a")], [(1, "a"), (3, "x"), (9, "a")], [(5, "a")], id="events of others do not count"),
    pytest.param([(1, "a"), (3, "c")], [(1, "a"), (2, "x"), (3, "c")], [], id="events of others in between"),
]


@pytest.mark.parametrize(("source", "target", "expected"), CASES)
def test_missing(source, target, expected):
    assert list(missing_events(events(*source), events(*target))) == events(*expected)


PAIRS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ab")), max_size=12).map(sorted)


@given(PAIRS, PAIRS)
def test_missing_is_the_difference_of_the_two(source, target):
    found = Counter((each["timestamp"], each["message"]) for each in missing_events(events(*source), events(*target)))
    assert found == Counter(source) - Counter(target)


def test_progress_survives_and_is_of_its_own_ends(tmp_path):
    path = tmp_path / "progress.db"
    with ProgressFile(path, "a", "b") as progress:
        assert progress.copied_until("g", "s") == 0
        progress.advance("g", "s", 7)
        progress.advance("g", "s", 9)
    with ProgressFile(path, "a", "b") as progress:
        assert progress.copied_until("g", "s") == 9
    with ProgressFile(path, "b", "a") as progress:
        assert progress.copied_until("g", "s") == 0


def test_a_file_that_is_something_else(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but longer than the head of one would be: " + "x" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        ProgressFile(path, "a", "b")
