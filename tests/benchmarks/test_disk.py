"""The logs whose size on disk is measured: the same ones every time, and none that compression meets twice at once."""

from itertools import pairwise

import pytest
from benchmarks.disk import json_batches, measure, text_batches
from benchmarks.text_logs import SYSTEMS, repeated_logs, written_logs

EVENTS = 12_000


@pytest.mark.parametrize("batches", [json_batches, lambda events: text_batches(events, None)], ids=["json", "text"])
def test_every_stream_is_in_order_and_every_call_has_its_own_number(batches):
    made = list(batches(EVENTS))
    assert sum(len(batch.messages) for batch in made) == EVENTS
    assert len({batch.number for batch in made}) == len(made)
    for stream in {batch.stream_id for batch in made}:
        times = [time for batch in made if batch.stream_id == stream for time in batch.timestamps]
        assert times == sorted(times)
        assert all(batch.timestamps[-1] < batch.ingested_ms for batch in made)


def test_made_up_logs_repeat_themselves_but_no_line_does():
    logs = list(written_logs(len(SYSTEMS) * 2, 500))
    assert logs == list(written_logs(len(SYSTEMS) * 2, 500))
    lines = [line for log in logs for line in log]
    assert len(set(lines)) > 0.99 * len(lines)


def test_logs_of_a_directory_come_in_turn_and_again(tmp_path):
    (tmp_path / "b.log").write_text("b1\n\nb2\n")
    (tmp_path / "a.log").write_text("a1\n")
    (tmp_path / "notes.txt").write_text("no log\n")
    logs = list(repeated_logs(tmp_path, 5))
    assert logs == [["a1"], ["b1", "b2"], ["a1"], ["b1", "b2"], ["a1"]]
    assert all(one != other for one, other in pairwise(logs))


def test_a_directory_without_logs_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \*\.log in"):
        list(repeated_logs(tmp_path, 1))


def test_sizes_are_those_of_a_merged_store():
    sizes = measure("text", 4000)
    assert sizes.raw_bytes > 300_000
    # So few lines are merged for speed, not for size.
    assert 0 < sizes.disk_bytes < sizes.raw_bytes / 2
