"""The checker of durability tests finds each kind of fault: a check that cannot fail proves nothing."""

import pytest
from tests.ledger import GROUP, Ledger


class StoredEvents:
    """A server that answers with what it is given."""

    def __init__(self, events: dict[str, list[dict]]) -> None:
        self.events = events

    def get_log_events(self, *, logGroupName, logStreamName, **_):  # noqa: N803 - boto3's names
        assert logGroupName == GROUP
        return {"events": self.events[logStreamName], "nextForwardToken": None}

    def get_paginator(self, _name):
        return self

    def paginate(self, *, filterPattern, **_):  # noqa: N803 - boto3's names
        for stream, events in self.events.items():
            found = [{**event, "logStreamName": stream} for event in events if filterPattern in event["message"]]
            yield {"events": found}


@pytest.fixture
def sent():
    """A ledger of 3 acknowledged batches and one whose answer never came, and a server that has all but that."""
    ledger = Ledger(1)
    stream = ledger.streams["writer-0"]
    events = []
    for _ in range(3):
        batch = stream.next_batch()
        events += batch
        stream.acknowledge(len(batch))
    unanswered = stream.next_batch()
    return ledger, events, unanswered


def test_what_is_as_it_should_be(sent):
    ledger, events, unanswered = sent
    ledger.check(StoredEvents({"writer-0": events}))
    ledger.check(StoredEvents({"writer-0": events + unanswered}))
    assert ledger.acknowledged == len(events)


def changed(event: dict, **members) -> dict:
    return {**event, **members}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        pytest.param(lambda e: e[:-1], "lost 1", id="the last one lost"),
        pytest.param(lambda e: e[1:], "the search did not find", id="the first one lost, which searches find"),
        pytest.param(lambda e: [e[0], *e], "twice", id="doubled"),
        pytest.param(lambda e: [changed(e[0], message="0 x"), *e[1:]], "never sent", id="another message"),
        pytest.param(lambda e: [changed(e[0], timestamp=1), *e[1:]], "never sent", id="another time"),
        pytest.param(lambda e: [changed(e[0], message="x"), *e[1:]], "never sent", id="no number"),
        pytest.param(lambda e: [e[1], e[0], *e[2:]], "after", id="another order"),
    ],
)
def test_every_fault_is_found(sent, spoil, complaint):
    ledger, events, _ = sent
    with pytest.raises(AssertionError, match=complaint):
        ledger.check(StoredEvents({"writer-0": spoil(events)}))


def test_an_unanswered_event_is_not_doubled_either(sent):
    ledger, events, unanswered = sent
    with pytest.raises(AssertionError, match="twice"):
        ledger.check(StoredEvents({"writer-0": events + unanswered + unanswered}))


def test_a_backup_holds_what_was_acknowledged_before(sent):
    ledger, events, _ = sent
    held = ledger.held()
    later = ledger.streams["writer-0"].next_batch()
    ledger.streams["writer-0"].acknowledge(len(later))
    ledger.check(StoredEvents({"writer-0": events}), held)
    with pytest.raises(AssertionError, match="lost"):
        ledger.check(StoredEvents({"writer-0": events}))
