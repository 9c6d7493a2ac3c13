import asyncio
import threading

import pytest

from groundwatch.aws.errors import ServiceError
from groundwatch.logs.writer import MANY_EVENTS, MAX_WAITING_BYTES, READY_BYTES, Batch, EventWriter, tell_each
from groundwatch.storage.errors import StorageError


class Engine:
    """Records inserts; each waits until it is let go, or fails."""

    def __init__(self) -> None:
        self.inserts: list[list[object]] = []
        self.stretches: list[list[int]] = []
        self.go = threading.Event()
        self.failure: Exception | None = None

    async def run(self, purpose, work):
        assert purpose == "write"
        return await asyncio.to_thread(work, self)

    def insert_arrow(self, table, arrow_table, **kwargs):
        self.go.wait(10)
        if self.failure is not None:
            raise self.failure
        self.inserts.append(arrow_table["message"].to_pylist())
        self.stretches.append([len(each) for each in arrow_table["message"].chunks])


def batch(*messages: str, size: int = 10) -> Batch:
    return Batch(1, 2, 3, 4, list(range(len(messages))), list(messages), size)


async def test_what_arrives_during_an_insert_goes_into_the_next_one():
    engine, committed = Engine(), []
    writer = EventWriter(engine, committed.extend)
    first = asyncio.create_task(writer.append(batch("a")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(writer.append(batch(name))) for name in "bcd"]
    await asyncio.sleep(0)
    assert not first.done()
    engine.go.set()
    await asyncio.gather(first, *others)
    assert engine.inserts == [["a"], ["b", "c", "d"]]
    assert [item.messages for item in committed] == [["a"], ["b"], ["c"], ["d"]]


@pytest.mark.parametrize("failure", [StorageError("disk full"), RuntimeError("bug")])
async def test_a_failed_insert_is_told_to_its_callers_and_the_next_one_works(failure, caplog):
    engine, committed = Engine(), []
    engine.go.set()
    engine.failure = failure
    writer = EventWriter(engine, committed.extend)
    with pytest.raises(ServiceError) as caught:
        await writer.append(batch("a"))
    assert (caught.value.code, caught.value.status) == ("ServiceUnavailableException", 500)
    assert "an insert of log events failed" in caplog.text
    engine.failure = None
    await writer.append(batch("b"))
    assert engine.inserts == [["b"]]
    assert [item.messages for item in committed] == [["b"]]


async def test_too_much_waiting_is_throttled():
    engine = Engine()
    writer = EventWriter(engine, lambda batches: None)
    waiting = [asyncio.create_task(writer.append(batch("a", size=MAX_WAITING_BYTES // 2 + 1))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceError) as caught:
        await writer.append(batch("b"))
    assert caught.value.code == "ThrottlingException"
    engine.go.set()
    await asyncio.gather(*waiting)
    await writer.append(batch("c"))


async def test_a_caller_that_goes_away_does_not_stop_the_others():
    engine = Engine()
    writer = EventWriter(engine, lambda batches: None)
    gone, stays = (asyncio.create_task(writer.append(batch(name))) for name in "ab")
    await asyncio.sleep(0)
    gone.cancel()
    engine.go.set()
    await stays
    await writer.flush()
    assert engine.inserts == [["a", "b"]]


def test_each_listener_is_told_in_order():
    told = []
    tell_each(lambda batches: told.append(("first", batches)), lambda batches: told.append(("second", batches)))([1])
    assert told == [("first", [1]), ("second", [1])]


async def test_a_listener_that_fails_is_not_the_callers_failure(caplog):
    engine = Engine()
    engine.go.set()

    def fail(_batches):
        raise ValueError("listener")

    writer = EventWriter(engine, fail)
    await writer.append(batch("a"))
    await writer.append(batch("b"))
    assert engine.inserts == [["a"], ["b"]]
    assert "a listener failed on 1 batches" in caplog.text


async def test_batches_of_a_failed_insert_are_told():
    engine, failed = Engine(), []
    engine.go.set()
    engine.failure = StorageError("disk full")
    writer = EventWriter(engine, lambda batches: None, failed.extend)
    with pytest.raises(ServiceError):
        await writer.append(batch("a"))
    assert [item.messages for item in failed] == [["a"]]


async def test_batches_are_told_before_they_are_written():
    engine, told = Engine(), []
    engine.go.set()

    def begin(batches):
        told.append(([item.messages for item in batches], list(engine.inserts)))

    await EventWriter(engine, lambda batches: None, on_begin=begin).append(batch("a"))
    assert (told, engine.inserts) == ([([["a"]], [])], [["a"]])


async def test_a_listener_that_fails_keeps_batches_from_no_other(caplog):
    engine, told = Engine(), []
    engine.go.set()

    def fail(_batches):
        raise ValueError("listener")

    writer = EventWriter(engine, tell_each(fail, told.extend))
    await writer.append(batch("a"))
    assert [item.messages for item in told] == [["a"]]
    assert caplog.text.count("a listener failed on 1 batches") == 1


PARTS = "SELECT sum(rows), count() FROM system.parts WHERE active AND table = 'events'"


async def test_large_and_small_batches_that_wait_together_become_one_part(event_database):
    writer = EventWriter(event_database, lambda batches: None)
    rows_before, parts_before = event_database.run_now(lambda client: client.query(PARTS)).result_rows[0]
    event_database.run_now(lambda client: client.command("SYSTEM STOP MERGES events"))
    texts = [[f"{number}-{index}" for index in range(count)] for number, count in enumerate([MANY_EVENTS, 1, 500, 2])]
    large = batch("x", size=READY_BYTES + 1)
    await asyncio.gather(*(writer.append(batch(*each)) for each in texts), writer.append(large))
    rows, parts = event_database.run_now(lambda client: client.query(PARTS)).result_rows[0]
    assert (rows - rows_before, parts - parts_before) == (MANY_EVENTS + 504, 1)
    stored = event_database.run_now(lambda client: client.query("SELECT stream_id, seq, message FROM events"))
    expected = [(2, index, text) for each in [*texts, ["x"]] for index, text in enumerate(each)]
    assert sorted(stored.result_rows) == sorted(expected)


@pytest.mark.parametrize(("stored_bytes", "stretches"), [(10, [MANY_EVENTS, 1]), (READY_BYTES + 1, [MANY_EVENTS + 1])])
async def test_columns_are_made_beforehand_until_much_waits(stored_bytes, stretches):
    engine = Engine()
    writer = EventWriter(engine, lambda batches: None)
    tasks = [asyncio.create_task(writer.append(batch("stored", size=stored_bytes)))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(writer.append(batch(*["a"] * count))) for count in (MANY_EVENTS, 1)]
    await asyncio.sleep(0)
    engine.go.set()
    await asyncio.gather(*tasks)
    assert engine.stretches == [[1], stretches]
