"""watchtower, which sends records of Python's logging."""

import json
import logging
from collections.abc import Iterator

import pytest
import watchtower


@pytest.fixture
def logger(place) -> Iterator[logging.Logger]:
    """A logger of which only the handler of a test sees the records."""
    made = logging.getLogger(f"client.{place.group}")
    made.setLevel(logging.INFO)
    made.propagate = False
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


@pytest.fixture
def handle(place, logger):
    def add(**options) -> watchtower.CloudWatchLogHandler:
        wanted = {"log_group_name": place.group, "log_stream_name": place.stream, "send_interval": 1, **options}
        handler = watchtower.CloudWatchLogHandler(boto3_client=place.client, **wanted)
        logger.addHandler(handler)
        return handler

    return add


@pytest.mark.parametrize("use_queues", [True, False], ids=["queues", "a request a record"])
def test_group_and_stream_are_made(place, logger, handle, use_queues):
    handler = handle(use_queues=use_queues, log_group_retention_days=30)
    logger.info("one")
    logger.warning("two: %s", "ünï")
    handler.flush()
    assert place.messages() == ["one", "two: ünï"]
    (group,) = place.client.describe_log_groups(logGroupNamePrefix=place.group)["logGroups"]
    assert group["retentionInDays"] == 30


def test_tags(place, server, monkeypatch, handle, logger):
    # The account's number is asked for through a client of its own, which only the environment points here.
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    handle(log_group_tags={"team": "shop"})
    assert place.client.list_tags_log_group(logGroupName=place.group)["tags"] == {"team": "shop"}


def test_structured_messages_can_be_searched(place, logger, handle):
    handler = handle()
    handler.formatter.add_log_record_attrs = ("levelname",)
    logger.error({"path": "/orders", "status": 500})
    logger.info("plain")
    handler.flush()
    first, second = (json.loads(message) for message in place.messages())
    assert first == {"path": "/orders", "status": 500, "levelname": "ERROR"}
    assert second == {"msg": "plain", "levelname": "INFO"}
    found = place.client.filter_log_events(logGroupName=place.group, filterPattern="orders")["events"]
    assert len(found) == 1


def test_a_stream_for_each_logger(place, logger, handle):
    handler = handle(log_stream_name="{logger_name}/{thread_name}")
    logger.name = "shop"
    logger.info("x")
    handler.flush()
    assert place.messages("shop/MainThread") == ["x"]


def test_batches_of_many_records_come_whole_and_in_order(place, logger, handle):
    """The token of each reply goes into the next request; a reply that lists rejections, even none, would warn."""
    # watchtower drops what is logged while it makes the stream in the background (`emit` returns early), so whether
    # all records arrive would depend on how busy the machine is.
    place.make()
    handler = handle(max_batch_count=100)
    for n in range(450):
        logger.info("record %d", n)
    handler.flush()
    assert place.await_messages(450) == [f"record {n}" for n in range(450)]


def test_a_stream_that_was_deleted_is_made_again(place, logger, handle):
    handler = handle()
    logger.info("before")
    handler.flush()
    place.client.delete_log_stream(**place.names)
    logger.info("after")
    handler.flush()
    assert place.messages() == ["after"]


def test_a_long_record_is_cut_by_the_client(place, logger, handle):
    handler = handle(max_message_size=1000)
    with pytest.warns(watchtower.WatchtowerWarning, match="truncated"):
        logger.info("x" * 5000)
    handler.flush()
    assert [len(message) for message in place.messages()] == [1000 - 26]
