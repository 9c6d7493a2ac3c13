"""Queries through the API: watching, pages, pieces, and stopping on the way out."""

import click
import pytest
from tests.cli.asking.conftest import FakeLogs

from groundwatch.cli.asking import pieces
from groundwatch.cli.asking.asker import Question
from groundwatch.cli.asking.pieces import all_rows, is_row_by_row

EVENTS = [(second, f"{second}.{n}") for second in range(8) for n in range(3)]
NEWEST_FIRST = [message for _, message in sorted(EVENTS, reverse=True)]


def question(query="fields m", **members) -> Question:
    return Question(**{"groups": ("/a", "/b"), "query": query, "start_s": 0, "end_s": 7, **members})


def test_a_query_is_watched_to_its_end_and_read_in_pages(asker_of):
    logs, seen, pauses = FakeLogs(EVENTS), [], []
    logs.statuses = ["Scheduled", "Running", "Running", "Complete"]
    last, pages = asker_of(logs, pauses.append).ask(question(limit=7), lambda progress: seen.append(progress.status))
    assert [row["m"] for page in pages for row in page] == NEWEST_FIRST[:7]
    assert seen == ["Scheduled", "Running", "Running", "Complete"]
    assert pauses == sorted(pauses)
    assert last.statistics["resultCount"] == 7
    assert logs.started == [
        {
            "queryString": "fields m",
            "startTime": 0,
            "endTime": 7,
            "queryLanguage": "CWLI",
            "logGroupIdentifiers": ["/a", "/b"],
            "limit": 7,
        }
    ]


@pytest.mark.parametrize(
    ("status", "said"), [("Failed", "log says why"), ("Timeout", "took longer"), ("Cancelled", "")]
)
def test_a_query_that_does_not_complete_is_an_error(asker_of, status, said):
    logs = FakeLogs(EVENTS)
    logs.statuses = [status]
    with pytest.raises(click.ClickException, match=f"query 0 ended as {status}.*{said}"):
        asker_of(logs).ask(question(), lambda progress: None)


def test_an_interrupted_query_is_stopped(asker_of):
    logs = FakeLogs(EVENTS)
    logs.statuses = ["Running"]

    def interrupt(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asker_of(logs, interrupt).ask(question(), lambda progress: None)
    assert logs.stopped == ["0"]


def test_a_range_is_cut_until_its_parts_fit(asker_of, monkeypatch):
    monkeypatch.setattr(pieces, "MAX_LIMIT", 4)
    logs = FakeLogs(EVENTS)
    found = [row["m"] for page in all_rows(asker_of(logs), question(), lambda progress: None) for row in page]
    assert found == NEWEST_FIRST
    assert {request["limit"] for request in logs.started} == {4}


def test_too_many_rows_of_one_second_are_told(asker_of, monkeypatch):
    monkeypatch.setattr(pieces, "MAX_LIMIT", 3)
    with pytest.raises(click.ClickException, match="more than 3 rows in the second 7: narrow the query"):
        list(all_rows(asker_of(FakeLogs(EVENTS)), question(), lambda progress: None))


def test_what_cannot_be_cut_is_asked_once(asker_of, monkeypatch):
    monkeypatch.setattr(pieces, "MAX_LIMIT", 4)
    logs = FakeLogs(EVENTS)
    found = list(all_rows(asker_of(logs), question("stats count(*) by m"), lambda progress: None))
    assert (len(logs.started), sum(map(len, found))) == (1, 4)


@pytest.mark.parametrize(
    ("query", "language", "expected"),
    [
        ("fields a | filter a > 1 | parse @message 'x*' as b | display b", "CWLI", True),
        ("SOURCE '/a' | fields a", "CWLI", True),
        ("fields a | expand a", "CWLI", True),
        ("fields a | sort a", "CWLI", False),
        ("fields a | limit 5", "CWLI", False),
        ("fields a | dedup a", "CWLI", False),
        ("stats count(*)", "CWLI", False),
        ("fields queryStartTime() as a", "CWLI", False),
        ("SOURCE '/a' START=1 END=2 | fields a", "CWLI", False),
        ("filter a in (SOURCE '/b' | fields a)", "CWLI", False),
        ("fieldz a", "CWLI", False),
        ("SELECT a FROM b", "SQL", False),
    ],
)
def test_only_what_looks_at_each_event_alone_is_cut(query, language, expected):
    assert is_row_by_row(question(query, language=language)) is expected
