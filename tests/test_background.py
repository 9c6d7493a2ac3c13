"""The loops beside the requests: when rounds come, what failures and stops leave, how many jobs run at once."""

import asyncio
import logging

import pytest

from groundwatch.background import BackgroundWork, ClaimedWork, WriteBehind, stop_all

LONG_S = 3_600.0


class Rounds(BackgroundWork):
    """Takes the outcome of each round from a list, and hangs when there is none left."""

    def __init__(self, *outcomes: float | Exception, retry_s: float = 0.0) -> None:
        super().__init__("rounds", retry_s=retry_s)
        self.outcomes = list(outcomes)
        self.begun = asyncio.Semaphore(0)
        self.ended = False

    async def _round(self) -> float:
        self.begun.release()
        if not self.outcomes:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def rounds_of(work: Rounds, count: int) -> None:
    async with asyncio.timeout(10):
        for _ in range(count):
            await work.begun.acquire()


async def test_the_next_round_comes_when_the_last_one_asked_for_it_or_failed(caplog):
    work = Rounds(0.0, RuntimeError("away"), 0.0)
    work.start()
    await rounds_of(work, 4)
    await work.stop()
    assert work.ended
    assert [(record.name, record.levelno) for record in caplog.records] == [(__name__, logging.ERROR)]


async def test_what_wakes_during_a_round_is_for_the_next_one():
    work = Rounds(LONG_S, LONG_S)
    work.start()
    await rounds_of(work, 1)
    work.wake()
    await rounds_of(work, 1)
    work.wake()
    await rounds_of(work, 1)
    await work.stop()


async def test_what_never_began_can_be_stopped():
    await Rounds().stop()


class Jobs(ClaimedWork[int]):
    """Jobs that end when they are told to, or fail at once below 0."""

    def __init__(self, *waiting: int) -> None:
        super().__init__("jobs", at_once=2, poll_s=LONG_S)
        self.waiting = list(waiting)
        self.ends = {job: asyncio.Event() for job in waiting}
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.released: list[int] = []
        self.freed = 0

    async def _release_all(self) -> None:
        self.freed += 1

    async def _claim(self) -> int | None:
        return self.waiting.pop(0) if self.waiting else None

    async def _do(self, job: int) -> None:
        self.begun.put_nowait(job)
        if job < 0:
            raise RuntimeError("its end is not stored")
        try:
            await self.ends[job].wait()
        except asyncio.CancelledError:
            self.released.append(job)
            raise

    def _label(self, job: int) -> str:
        return str(job)


async def test_jobs_run_a_few_at_once_and_the_end_of_one_makes_room():
    work = Jobs(1, 2, 3)
    work.start()
    async with asyncio.timeout(10):
        assert [await work.begun.get(), await work.begun.get()] == [1, 2]
        assert work.is_full
        assert work.waiting == [3]
        work.ends[1].set()
        assert await work.begun.get() == 3
    await work.stop()
    assert (sorted(work.released), work.freed) == ([2, 3], 1)


async def test_a_job_that_fails_is_logged_and_makes_room(caplog):
    work = Jobs(-1, -2, 3)
    work.start()
    async with asyncio.timeout(10):
        assert [await work.begun.get() for _ in range(3)] == [-1, -2, 3]
    await work.stop()
    assert [record.message for record in caplog.records] == [
        "jobs: -1 is left to a later run",
        "jobs: -2 is left to a later run",
    ]


async def test_jobs_can_be_done_one_after_another():
    work = Jobs(1, 2)
    for end in work.ends.values():
        end.set()
    assert await work.run_waiting() == 2
    assert await work.run_waiting() == 0


class Counts(WriteBehind):
    """Writes slowly, after failing as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__("counts", interval_s=0.0)
        self.failures = list(failures)
        self.counted, self.written = 1, 0
        self.writing, self.answered = asyncio.Event(), asyncio.Event()

    async def flush(self) -> None:
        if self.failures:
            raise self.failures.pop()
        taken, self.counted = self.counted, 0
        self.writing.set()
        await self.answered.wait()
        self.written += taken


async def test_a_stop_waits_for_the_write_that_runs_and_writes_the_rest():
    counts = Counts()
    counts.start()
    async with asyncio.timeout(10):
        await counts.writing.wait()
        counts.counted += 5
        stopping = asyncio.create_task(counts.stop())
        counts.answered.set()
        await stopping
    assert (counts.counted, counts.written) == (0, 6)


@pytest.mark.parametrize("failures", [1, 3])
async def test_a_write_that_fails_is_tried_again(caplog, failures):
    counts = Counts(*[RuntimeError("full")] * failures)
    counts.answered.set()
    counts.start()
    async with asyncio.timeout(10):
        await counts.writing.wait()
    await counts.stop()
    assert counts.written == 1
    assert [record.message for record in caplog.records] == ["counts cannot be written down"] * failures


async def test_one_that_does_not_stop_well_keeps_no_other_from_stopping(caplog):
    stopped = []

    def stop(name, failure=None):
        async def stopping():
            stopped.append(name)
            if failure is not None:
                raise failure

        return stopping

    await stop_all([stop("first"), stop("broken", OSError("disk")), stop("last")])
    assert (stopped, [record.levelname for record in caplog.records]) == (["first", "broken", "last"], ["ERROR"])
    # A second signal ends the stopping itself.
    with pytest.raises(asyncio.CancelledError):
        await stop_all([stop("cancelled", asyncio.CancelledError()), stop("left out")])
    assert stopped[3:] == ["cancelled"]
